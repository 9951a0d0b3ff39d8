import { attribute, entity, z } from 'factotum'

/** Somebody who writes to us. */
export const Customer = entity('customer', {
  name: z.string(),
  lastTopic: attribute(z.string(), { personal: false }),
})
