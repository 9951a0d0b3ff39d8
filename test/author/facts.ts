import { entity, z } from 'factotum'

export const Customer = entity('customer', {
  lastCharge: z.string().default('ch_1'),
  lastIssue: z.string(),
})
