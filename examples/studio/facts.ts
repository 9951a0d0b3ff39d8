import { entity, z } from 'factotum'

/** Somebody who writes to the studio. */
export const Customer = entity('customer', {
  name: z.string(),
  language: z.enum(['en', 'de', 'fr']).default('en'),
  lastTopic: z.string(),
  firstSeen: z.int(),
})
