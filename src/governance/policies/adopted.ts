import { eventKind } from '../../store/index.ts'

/** The operator allowed things like this from now on: which policy was written, and under which the whole set then stood. */
export const policyAdopted = eventKind<{
  readonly gate: string
  readonly policy: string
  readonly file: string
  readonly version: string
}>('policy.adopted@1', () => [])
