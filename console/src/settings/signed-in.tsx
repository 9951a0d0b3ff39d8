import { startRegistration } from '@simplewebauthn/browser'
import { useQuery } from '@tanstack/react-query'
import { useState, type FormEvent } from 'react'
import { access, messageOf, queries } from '../api.ts'
import { signOut, type AccessState } from '../access/session.ts'
import { toast } from '../shell/toasts.tsx'
import { Section, Shown, Time } from '../ui/bits.tsx'
import { nameOf } from '../lib/browsers.ts'
import { Line } from '../ui/text.tsx'

interface SessionView {
  readonly id: string
  readonly guest: string | null
  readonly method: string
  readonly address: string | null
  readonly agent: string | null
  readonly at: number
  readonly seenAt: number
  readonly current: boolean
}
interface PasskeyView {
  readonly id: string
  readonly name: string | null
  readonly at: number
  readonly usedAt: number | null
}

/** Who is signed in where, and how the operator comes in. */
export function SignedIn() {
  const sessions = useQuery({
    queryKey: ['access/sessions'],
    queryFn: () => access<{ items: readonly SessionView[] }>('sessions'),
  })
  const state = useQuery({ queryKey: ['access/state'], queryFn: () => access<AccessState>('state') })
  const act = async (said: string, what: Promise<unknown>) => {
    await what.then(
      () => toast(said),
      (error: unknown) => toast(messageOf(error), { bad: true }),
    )
    await queries.invalidateQueries()
  }
  return (
    <>
      <Section
        title="Signed in"
        aside={
          <button className="button" onClick={() => void signOut()}>
            Sign out here
          </button>
        }
      >
        <Shown of={sessions} rows={2}>
          {({ items }) =>
            items.length === 0 ? (
              <p className="text-sm text-soft">Nobody is signed in with a session.</p>
            ) : (
              <table className="table max-w-3xl">
                <thead>
                  <tr>
                    <th>By</th>
                    <th>Browser</th>
                    <th>Last seen</th>
                    <th className="number">
                      <span className="sr-only">End</span>
                    </th>
                  </tr>
                </thead>
                <tbody>
                  {items.map((one) => (
                    <tr key={one.id}>
                      <td className="whitespace-nowrap">
                        {one.guest === null ? one.method : 'guest'}{' '}
                        {one.current && <span className="text-soft">(this one)</span>}
                      </td>
                      <td>{one.agent === null ? '' : nameOf(one.agent)}</td>
                      <td>
                        <Time at={one.seenAt} />
                      </td>
                      <td className="number">
                        {!one.current && (
                          <button
                            className="text-bad underline underline-offset-2"
                            onClick={() => void act('That session is over.', access('sessions/end', { id: one.id }))}
                          >
                            End
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
      </Section>
      <Passkeys here={state.data?.passkeys.here ?? false} at={state.data?.passkeys.at ?? null} act={act} />
      <Password act={act} />
    </>
  )
}

type Act = (said: string, what: Promise<unknown>) => Promise<void>

function Passkeys({ here, at, act }: { here: boolean; at: string | null; act: Act }) {
  const passkeys = useQuery({
    queryKey: ['access/passkeys'],
    queryFn: () => access<{ items: readonly PasskeyView[] }>('passkeys'),
  })
  const add = async () => {
    const optionsJSON = await access<Parameters<typeof startRegistration>[0]['optionsJSON']>('passkeys/options', {})
    const response = await startRegistration({ optionsJSON })
    return access('passkeys', { response, name: nameOf(navigator.userAgent) })
  }
  return (
    <Section title="Passkeys">
      <div className="flex max-w-3xl flex-col items-start gap-2.5 text-sm">
        <Shown of={passkeys} rows={1}>
          {({ items }) =>
            items.length === 0 ? (
              <p className="text-soft">
                None yet. A passkey signs you in with the lock of your device, and nothing can be phished.
              </p>
            ) : (
              <ul className="w-full">
                {items.map((one) => (
                  <li key={one.id} className="flex gap-3 border-b border-line py-1.5">
                    <Line text={one.name ?? '(no name)'} className="flex-1" />
                    <span className="text-soft">
                      added <Time at={one.at} />
                    </span>
                    <button
                      className="text-bad underline underline-offset-2"
                      aria-label={`Remove ${one.name ?? 'this passkey'}`}
                      onClick={() =>
                        void act('That passkey lets nobody in any more.', access('passkeys/remove', { id: one.id }))
                      }
                    >
                      Remove
                    </button>
                  </li>
                ))}
              </ul>
            )
          }
        </Shown>
        {here ? (
          <button className="button" onClick={() => void act('The passkey is added.', add())}>
            Add a passkey
          </button>
        ) : (
          at !== null && (
            <p className="text-soft">
              A passkey belongs to a name. Open the console at{' '}
              <a className="text-accent underline" href={at}>
                {at}
              </a>{' '}
              to add one.
            </p>
          )
        )}
      </div>
    </Section>
  )
}

function Password({ act }: { act: Act }) {
  const [password, setPassword] = useState('')
  const keep = (event: FormEvent) => {
    event.preventDefault()
    void act('The password is changed, and every other session is over.', access('password', { password })).then(() =>
      setPassword(''),
    )
  }
  return (
    <Section title="Password">
      <form className="flex flex-wrap gap-2 text-sm" onSubmit={keep}>
        <input type="text" autoComplete="username" value="operator" readOnly hidden />
        <input
          className="field w-64"
          type="password"
          autoComplete="new-password"
          aria-label="New password"
          placeholder="New password"
          value={password}
          onChange={(e) => setPassword(e.target.value)}
        />
        <button className="button" disabled={password === ''}>
          Change it
        </button>
      </form>
    </Section>
  )
}
