import type { Result } from '../../../src/client.ts'
import { useReading } from '../api.ts'
import { Switch } from '../shell/pausing.tsx'
import { Empty, Section, Shown, State, Time } from '../ui/bits.tsx'
import { Text } from '../ui/text.tsx'

type Connector = Result<'connectors'>[number]

const RISKS: Readonly<Record<string, string>> = {
  read: 'only reads',
  reversible: 'can be taken back',
  compensable: 'can be compensated',
  irreversible: 'cannot be taken back',
}

/** Where the company acts outside and what acts there: how each does, and the switch of each. */
export function Connectors() {
  const connectors = useReading('connectors', {})
  return (
    <>
      <Shown of={connectors}>
        {(data) =>
          data.length === 0 ? (
            <Empty title="This company acts nowhere outside">
              A connector is added in the file company.ts: mail, files, a web service, or one of your own.
            </Empty>
          ) : (
            data.map((one) => <One key={one.name} one={one} />)
          )
        }
      </Shown>
      <Workflows />
    </>
  )
}

function One({ one }: { one: Connector }) {
  const { name, health, paused, to, lastDoneAt, contractGate, actions } = one
  return (
    <Section title={name} aside={<Switch scope={`connector:${name}`} />}>
      <div className="flex flex-col gap-2 text-sm">
        <p className="flex flex-wrap gap-x-4 gap-y-1">
          <State of={health === 'broken' ? 'failed' : health} label={health} />
          {paused && <State of="parked" label="paused" />}
          <span className="min-w-0 text-soft">
            <Text text={to} most={300} />
          </span>
          {lastDoneAt !== null && (
            <span className="text-soft">
              last did something <Time at={lastDoneAt} />
            </span>
          )}
        </p>
        <Broken one={one} />
        {contractGate !== null && (
          <a className="text-warn underline underline-offset-2" href={`/queue?item=${contractGate}`}>
            What the service says of itself changed: look at it
          </a>
        )}
        {actions.length > 0 && (
          <table className="table max-w-2xl">
            <thead>
              <tr>
                <th>Action</th>
                <th>Risk</th>
                <th>Undo</th>
              </tr>
            </thead>
            <tbody>
              {actions.map((action) => (
                <tr key={action.name}>
                  <td className="font-mono text-xs">{action.name}</td>
                  <td>{RISKS[action.risk] ?? action.risk}</td>
                  <td>{action.undo ? 'by an action of its own' : 'none'}</td>
                </tr>
              ))}
            </tbody>
          </table>
        )}
      </div>
    </Section>
  )
}

function Broken({ one: { health, code, since, until } }: { one: Connector }) {
  if (health === 'closed')
    return <p className="text-soft">This process has not opened it: nothing is sent through it.</p>
  if (health !== 'broken') return null
  return (
    <p className="max-w-prose text-bad">
      Broken
      {since !== null && (
        <>
          {' '}
          since <Time at={since} />
        </>
      )}
      : it failed again and again with <code className="font-mono text-xs">{code ?? 'no code'}</code>. Nothing is sent{' '}
      {until === null ? (
        'for now'
      ) : (
        <>
          before it is tried again, <Time at={until} />
        </>
      )}
      ; what is approved waits and is not lost.
    </p>
  )
}

/** What acts: one that misbehaves is paused by itself. */
function Workflows() {
  const workflows = useReading('workflows', {})
  return (
    <Section title="Workflows">
      <Shown of={workflows} rows={2}>
        {(data) =>
          data.length === 0 ? (
            <p className="text-sm text-soft">There is none yet. Workflows are files that company.ts names.</p>
          ) : (
            <div className="overflow-x-auto">
              <table className="table max-w-2xl">
                <thead>
                  <tr>
                    <th>Workflow</th>
                    <th className="number">Open</th>
                    <th className="number">Parked</th>
                    <th className="number">Failed</th>
                    <th>
                      <span className="sr-only">Pause</span>
                    </th>
                  </tr>
                </thead>
                <tbody>
                  {data.map(({ name, open, parked, failed }) => (
                    <tr key={name}>
                      <td className="font-mono text-xs">{name}</td>
                      <td className="number">{open}</td>
                      <td className="number">{parked}</td>
                      <td className="number">{failed}</td>
                      <td className="py-0.5! text-right">
                        <Switch scope={`workflow:${name}`} bare />
                      </td>
                    </tr>
                  ))}
                </tbody>
              </table>
            </div>
          )
        }
      </Shown>
    </Section>
  )
}
