import { useState } from 'react'
import { useReading } from '../api.ts'
import { usePauses, pause, resume } from '../shell/pausing.tsx'
import { Section, Shown, State, Time } from '../ui/bits.tsx'
import { CliLine } from '../ui/cli-line.tsx'
import { Lenses } from '../ui/split.tsx'
import { Text } from '../ui/text.tsx'
import { useAddress } from '../url.ts'
import { Notifications } from '../push/notifications.tsx'
import { SignedIn } from './signed-in.tsx'
import { Tokens } from './tokens.tsx'

const LENSES = [
  ['connectors', 'Connectors'],
  ['access', 'Access'],
  ['company', 'Company'],
] as const

export function SettingsPage() {
  const { search } = useAddress()
  const lens = search.lens ?? 'connectors'
  return (
    <div className="flex h-full flex-col">
      <Lenses title="Settings" of={LENSES} at={lens} />
      <div className="min-h-0 flex-1 overflow-y-auto" tabIndex={-1}>
        {lens === 'access' ? (
          <>
            <SignedIn />
            <Notifications />
            <Tokens />
          </>
        ) : lens === 'company' ? (
          <Company />
        ) : (
          <Connectors />
        )}
      </div>
    </div>
  )
}

/** Where the company acts outside, how each place does, and the switch of each. */
function Connectors() {
  const connectors = useReading('connectors', {})
  const pauses = usePauses()
  const [busy, setBusy] = useState<string | null>(null)
  const toggle = async (scope: string, paused: boolean) => {
    setBusy(scope)
    await (paused ? resume(scope) : pause(scope, ''))
    setBusy(null)
  }
  return (
    <Shown of={connectors}>
      {(data) => (
        <>
          {data.map((one) => {
            const scope = `connector:${one.name}`
            const paused = one.paused || pauses.some((p) => p.scope === scope)
            return (
              <Section
                key={one.name}
                title={one.name}
                aside={
                  <button className="button" disabled={busy === scope} onClick={() => void toggle(scope, paused)}>
                    {paused ? 'Resume' : 'Pause'}
                  </button>
                }
              >
                <div className="flex flex-col gap-2 text-sm">
                  <p className="flex flex-wrap gap-x-4 gap-y-1">
                    <State
                      of={
                        paused
                          ? 'parked'
                          : one.health === 'working'
                            ? 'working'
                            : one.health === 'broken'
                              ? 'failed'
                              : 'closed'
                      }
                      label={paused ? 'paused' : one.health}
                    />
                    <span className="min-w-0 text-soft">
                      <Text text={one.to} most={300} />
                    </span>
                    {one.lastDoneAt !== null && (
                      <span className="text-soft">
                        last did something <Time at={one.lastDoneAt} />
                      </span>
                    )}
                  </p>
                  {one.health === 'broken' && (
                    <p className="text-bad">
                      It fails ({one.code}). Nothing is sent{' '}
                      {one.until === null ? (
                        'for now'
                      ) : (
                        <>
                          before <Time at={one.until} />
                        </>
                      )}
                      .
                    </p>
                  )}
                  {one.contractGate !== null && (
                    <a className="text-warn underline" href={`/queue?item=${one.contractGate}`}>
                      The service changed: look at it
                    </a>
                  )}
                  <table className="table max-w-2xl">
                    <thead>
                      <tr>
                        <th>Action</th>
                        <th>Risk</th>
                        <th>Undo</th>
                      </tr>
                    </thead>
                    <tbody>
                      {one.actions.map((action) => (
                        <tr key={action.name}>
                          <td className="font-mono text-xs">{action.name}</td>
                          <td>{action.risk}</td>
                          <td>{action.undo ? 'by an action of its own' : 'none'}</td>
                        </tr>
                      ))}
                    </tbody>
                  </table>
                </div>
              </Section>
            )
          })}
          <Section title="The same as a command">
            <CliLine text="factotum pause CONNECTOR" />
          </Section>
        </>
      )}
    </Shown>
  )
}

function Company() {
  const status = useReading('status', {})
  return (
    <Shown of={status}>
      {(s) => (
        <>
          <Section title="This company">
            <dl className="grid max-w-2xl grid-cols-[10rem_minmax(0,1fr)] gap-x-4 gap-y-1.5 text-sm">
              <dt className="text-faint">Name</dt>
              <dd>{s.company}</dd>
              <dt className="text-faint">Kept in</dt>
              <dd>{s.store === 'sqlite' ? 'SQLite, in its folder' : 'PostgreSQL'}</dd>
              <dt className="text-faint">Events</dt>
              <dd>{s.events.toLocaleString('en-GB')}</dd>
              <dt className="text-faint">Signed</dt>
              <dd>
                {s.sealed === null ? (
                  'not yet'
                ) : (
                  <>
                    {s.sealed.events.toLocaleString('en-GB')} events, <Time at={s.sealed.at} />
                  </>
                )}
              </dd>
            </dl>
          </Section>
          <Section title="Policies">
            <p className="max-w-prose text-sm text-soft">
              What may leave without being asked stands in the folder{' '}
              <code className="font-mono text-xs">policies</code> of the company, as text that is reviewed and kept like
              code. Without a policy reads run and everything else asks. At an item of the queue the rule that asked is
              named.
            </p>
            <div className="mt-2 max-w-2xl">
              <CliLine text="factotum policy test <run or effect>" />
            </div>
          </Section>
        </>
      )}
    </Shown>
  )
}
