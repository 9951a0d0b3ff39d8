import { shortHash } from '../../lib/json.ts'
import type { Explanation, Policies, PolicyRequest, Risk } from './model.ts'

/** The rule that holds where no policy says otherwise: reads run, writes ask. */
export function byDefault(risk: Risk): { readonly outcome: 'run' | 'ask'; readonly reason: string } {
  return risk === 'read'
    ? { outcome: 'run', reason: 'default: reading changes nothing' }
    : { outcome: 'ask', reason: 'default: everything that changes the outside world asks first' }
}

const version = shortHash([])
const explain = ({ risk }: PolicyRequest): Explanation => ({ ...byDefault(risk), policies: [], version, findings: [] })

/** A company without policy files. */
export const NO_POLICIES: Policies = {
  version,
  warnings: [],
  list: () => [],
  expired: () => [],
  caps: () => [],
  verdict: ({ risk }) => ({ ...byDefault(risk), policies: [], version }),
  explain,
}
