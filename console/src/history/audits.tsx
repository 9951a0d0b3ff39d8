import { useState, type ReactNode } from 'react'
import type { Result } from '../../../src/client.ts'
import { mayAsk } from '../access/session.ts'
import { api, messageOf } from '../api.ts'
import { moved } from '../live.ts'
import { usePages } from '../pages.ts'
import { Reason } from '../queue/dialogs.tsx'
import { askUndo } from '../queue/undoing.tsx'
import { useCommands } from '../shell/acting.ts'
import { toast } from '../shell/toasts.tsx'
import { Empty, Key, Section, Shown, State, Time } from '../ui/bits.tsx'
import { Split } from '../ui/split.tsx'
import { Line } from '../ui/text.tsx'

/** What passed without asking and is to be looked over, one in ten. */
export function ToAudit({ above, children }: { above: ReactNode; children: (id: string) => ReactNode }) {
  const audits = usePages('audits', {})
  return (
    <Shown of={audits}>
      {(data) => (
        <Split
          label="Effects to look over"
          items={data}
          more={audits.more}
          whole={audits.whole}
          filtered
          above={above}
          empty={
            <Empty title="Nothing is to be looked over">
              One in ten of what passes without asking you appears here for 28 days. What you find is the rate of errors
              in your figures.
            </Empty>
          }
          choose="Choose an effect, and say whether it was right"
          row={(effect) => (
            <>
              <span className="flex items-baseline gap-3">
                <Line text={effect.title} className="flex-1 font-medium" />
                <Time at={effect.settledAt} className="text-xs text-soft" />
              </span>
              <Line text={effect.policies.join(', ') || 'no policy speaks of it'} className="text-xs text-soft" />
            </>
          )}
        >
          {children}
        </Split>
      )}
    </Shown>
  )
}

/** One that passed without asking: whether it was right is asked of one in ten, and may be said of any. */
export function Audit({ of: { id, title, audit, policies } }: { of: Result<'effect'> }) {
  const [asks, setAsks] = useState(false)
  const able = mayAsk('audit') && audit?.verdict === null
  const say = async (verdict: 'right' | 'wrong', reason?: string) => {
    setAsks(false)
    try {
      await api.post('audit', { id, verdict, ...(reason === undefined ? {} : { reason }) })
      toast(verdict === 'right' ? `It was right: ${title}` : `It was wrong: ${title}`)
      if (verdict === 'wrong') askUndo(id)
    } catch (error) {
      toast(messageOf(error), { bad: true })
    }
    moved()
  }
  useCommands({ approve: () => void say('right'), reject: () => setAsks(true) }, { on: able })
  if (audit?.verdict !== null)
    return (
      <Section title="Looked over">
        <p className="text-sm">
          <State of={audit?.verdict === 'right' ? 'succeeded' : 'reversed'} label={`it was ${audit?.verdict}`} />
        </p>
      </Section>
    )
  if (!able) return null
  return (
    <Section title={audit.sampled ? 'To look over' : 'It passed without asking you'}>
      <div className="flex flex-wrap items-center gap-2 text-sm" data-audit>
        <p className="mr-2 text-soft">
          {policies.length === 0 ? 'No policy speaks of it.' : `${policies.join(', ')} let it pass.`} Was it right?
        </p>
        <button className="button" onClick={() => void say('right')}>
          It was right <Key>a</Key>
        </button>
        <button className="button button-bad" onClick={() => setAsks(true)}>
          It was wrong <Key>r</Key>
        </button>
      </div>
      {asks && (
        <Reason
          title="It was wrong"
          subject={title}
          close={() => setAsks(false)}
          say={(reason) => void say('wrong', reason)}
        />
      )}
    </Section>
  )
}
