import { useState, type FormEvent } from 'react'
import { api, messageOf, queries, useReading } from '../api.ts'
import { toast } from '../shell/toasts.tsx'
import { Section, Shown, State, Time } from '../ui/bits.tsx'
import { Line } from '../ui/text.tsx'

type Scope = 'read' | 'propose' | 'decide' | 'admin'
const SCOPES: readonly (readonly [Scope | 'guest', string])[] = [
  ['guest', 'a guest, who may look (a link)'],
  ['read', 'a program that reads'],
  ['propose', 'a program that proposes'],
  ['decide', 'a program that decides'],
  ['admin', 'a program that may do everything'],
]

/** Programs and guests that may ask. */
export function Tokens() {
  const tokens = useReading('tokens', {})
  const [made, setMade] = useState<{ name: string; secret: string } | null>(null)
  const revoke = async (id: string) => {
    await api.post('tokenRevoke', { id }).then(
      () => toast('Revoked: it is let in no more.'),
      (error: unknown) => toast(messageOf(error), { bad: true }),
    )
    await queries.invalidateQueries({ queryKey: ['tokens'] })
  }
  return (
    <Section title="Tokens and guests">
      <div className="flex max-w-3xl flex-col gap-3 text-sm">
        <p className="text-soft">
          A token lets a program ask the API; a guest, such as an accountant, looks through a link and changes nothing.
        </p>
        <Add done={setMade} />
        {made !== null && <Secret {...made} close={() => setMade(null)} />}
        <Shown of={tokens} rows={2}>
          {(data) =>
            data.length === 0 ? (
              <p className="text-soft">There is none.</p>
            ) : (
              <table className="table">
                <thead>
                  <tr>
                    <th>Name</th>
                    <th>May</th>
                    <th>State</th>
                    <th className="max-sm:hidden">Made</th>
                    <th className="number">
                      <span className="sr-only">Revoke</span>
                    </th>
                  </tr>
                </thead>
                <tbody>
                  {data.map((one) => (
                    <tr key={one.id}>
                      <td>
                        <Line text={one.name ?? '(erased)'} />
                      </td>
                      <td>{one.kind === 'guest' ? 'look (guest)' : one.scope}</td>
                      <td>
                        <State of={one.state === 'active' ? 'working' : 'cancelled'} label={one.state} />
                      </td>
                      <td className="max-sm:hidden">
                        <Time at={one.at} />
                      </td>
                      <td className="number">
                        {one.state === 'active' && (
                          <button className="text-bad underline underline-offset-2" onClick={() => void revoke(one.id)}>
                            Revoke
                          </button>
                        )}
                      </td>
                    </tr>
                  ))}
                </tbody>
              </table>
            )
          }
        </Shown>
      </div>
    </Section>
  )
}

function Add({ done }: { done: (made: { name: string; secret: string }) => void }) {
  const [name, setName] = useState('')
  const [scope, setScope] = useState<Scope | 'guest'>('guest')
  const add = async (event: FormEvent) => {
    event.preventDefault()
    try {
      const { secret } =
        scope === 'guest' ? await api.post('guestAdd', { name }) : await api.post('tokenAdd', { name, scope })
      done({ name, secret: scope === 'guest' ? `${location.origin}/#key=${secret}` : secret })
      setName('')
    } catch (error) {
      toast(messageOf(error), { bad: true })
    }
    await queries.invalidateQueries({ queryKey: ['tokens'] })
  }
  return (
    <form className="flex flex-wrap gap-2" onSubmit={(e) => void add(e)}>
      <input
        className="field w-56"
        placeholder="For whom"
        aria-label="For whom"
        value={name}
        onChange={(e) => setName(e.target.value)}
      />
      <select
        className="field w-64"
        aria-label="What it may"
        value={scope}
        onChange={(e) => setScope(e.target.value as Scope)}
      >
        {SCOPES.map(([id, label]) => (
          <option key={id} value={id}>
            {label}
          </option>
        ))}
      </select>
      <button className="button" disabled={name.trim() === ''}>
        Let in
      </button>
    </form>
  )
}

function Secret({ name, secret, close }: { name: string; secret: string; close: () => void }) {
  return (
    <div className="flex flex-col gap-1.5 border-l-2 border-accent pl-3" role="status">
      <p>For {name}. It is shown this once and kept nowhere:</p>
      <code className="rounded bg-sunken px-2 py-1 font-mono text-xs break-all">{secret}</code>
      <p className="flex gap-2">
        <button
          className="button"
          onClick={() => void navigator.clipboard.writeText(secret).then(() => toast('Copied.'))}
        >
          Copy
        </button>
        <button className="button" onClick={close}>
          I have it
        </button>
      </p>
    </div>
  )
}
