import { entity, z } from 'factotum'

/** Somebody who writes to us. */
export const Customer = entity('customer', {
  name: z.string(),
  lastTopic: z.string(),
})
