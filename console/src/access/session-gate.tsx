import { useQuery } from '@tanstack/react-query'
import { startAuthentication } from '@simplewebauthn/browser'
import { useEffect, useState, type FormEvent, type ReactNode } from 'react'
import { ApiError } from '../../../src/client.ts'
import { access, messageOf, queries } from '../api.ts'
import { Failed, Loading } from '../ui/bits.tsx'
import { keyInAddress, STATE, type AccessState } from './session.ts'

/** Whoever is not signed in sees how one does, and nothing else. */
export function Session({ children }: { children: ReactNode }) {
  const [arriving, setArriving] = useState(() => keyInAddress(location.hash))
  const [fresh, setFresh] = useState(false)
  const state = useQuery({ queryKey: STATE, queryFn: () => access<AccessState>('state') })
  useEffect(() => {
    // It is used once and stays in no history.
    if (arriving !== null) history.replaceState(null, '', location.pathname + location.search)
  }, [arriving])
  if (state.error) return <Failed error={state.error} retry={() => void state.refetch()} />
  if (!state.data)
    return (
      <div className="mx-auto max-w-sm pt-[18vh]">
        <Loading rows={2} />
      </div>
    )
  const signedIn = async () => {
    setArriving(null)
    await queries.invalidateQueries({ queryKey: STATE })
  }
  if (arriving !== null)
    return (
      <Arriving
        secret={arriving}
        done={async (asGuest) => {
          setFresh(state.data.firstStart && !asGuest)
          await signedIn()
        }}
        given={() => setArriving(null)}
      />
    )
  if (!state.data.signedIn) return <SignIn state={state.data} done={signedIn} />
  if (fresh) return <ChoosePassword done={() => setFresh(false)} />
  return children
}

function Frame({ title, children }: { title: string; children: ReactNode }) {
  return (
    <main className="mx-auto flex h-full max-w-sm flex-col gap-4 overflow-y-auto px-5 pt-[16vh] pb-8">
      <div>
        <p className="text-sm text-soft">Factotum</p>
        <h1 className="text-lg font-semibold">{title}</h1>
      </div>
      {children}
    </main>
  )
}

function Wrong({ error }: { error: unknown }) {
  if (error === null) return null
  return (
    <p role="alert" className="plain border-l-2 border-bad pl-3 text-sm text-bad">
      {messageOf(error)}
    </p>
  )
}

/** With the link of the first start, or one that "factotum access link" made. */
function Arriving({
  secret,
  done,
  given,
}: {
  secret: string
  done: (asGuest: boolean) => Promise<void>
  given: () => void
}) {
  const [error, setError] = useState<unknown>(null)
  const [busy, setBusy] = useState(false)
  // A press and not at once: what only loads a link, such as a preview, must not use it up.
  const come = async () => {
    setBusy(true)
    setError(null)
    try {
      let asGuest = false
      await access('first', { key: secret }).catch(async (reason: unknown) => {
        if (!(reason instanceof ApiError) || reason.status !== 401) throw reason
        await access('guest', { key: secret })
        asGuest = true
      })
      await done(asGuest)
    } catch (reason) {
      setError(reason)
      setBusy(false)
    }
  }
  return (
    <Frame title="Sign in on this device">
      <p className="text-sm text-soft">
        This link signs you in once. It was made on the machine that runs your company.
      </p>
      <Wrong error={error} />
      <button className="button button-first" autoFocus disabled={busy} onClick={() => void come()}>
        Sign in
      </button>
      {error !== null && (
        <button className="button" onClick={given}>
          Sign in another way
        </button>
      )}
    </Frame>
  )
}

function ChoosePassword({ done }: { done: () => void }) {
  const [password, setPassword] = useState('')
  const [error, setError] = useState<unknown>(null)
  const keep = async (event: FormEvent) => {
    event.preventDefault()
    try {
      await access('password', { password })
      done()
    } catch (reason) {
      setError(reason)
    }
  }
  return (
    <Frame title="How you sign in next time">
      <p className="text-sm text-soft">
        You are signed in. Choose a password for the next time, or add a passkey later in Settings. Without either, the
        command <code className="font-mono text-xs">factotum access link</code> signs you in.
      </p>
      <form className="flex flex-col gap-3" onSubmit={(e) => void keep(e)}>
        <PasswordField kind="new" value={password} set={setPassword} />
        <Wrong error={error} />
        <button className="button button-first" disabled={password === ''}>
          Keep this password
        </button>
        <button type="button" className="button" onClick={done}>
          Not now
        </button>
      </form>
    </Frame>
  )
}

/** With the name that a password manager keeps it under. */
function PasswordField(props: { kind: 'new' | 'current'; value: string; set: (value: string) => void }) {
  return (
    <>
      <input type="text" autoComplete="username" value="operator" readOnly hidden />
      <label className="flex flex-col gap-1">
        <span className="heading">Password</span>
        <input
          className="field"
          type="password"
          autoComplete={`${props.kind}-password`}
          autoFocus
          value={props.value}
          onChange={(e) => props.set(e.target.value)}
        />
      </label>
    </>
  )
}

function SignIn({ state, done }: { state: AccessState; done: () => Promise<void> }) {
  const [password, setPassword] = useState('')
  const [error, setError] = useState<unknown>(null)
  const byPassword = state.methods.includes('password')
  const come = async (event: FormEvent) => {
    event.preventDefault()
    try {
      await access('sign-in', { password })
      await done()
    } catch (reason) {
      setError(reason)
    }
  }
  const passkey = async () => {
    try {
      const optionsJSON = await access<Parameters<typeof startAuthentication>[0]['optionsJSON']>('passkey/options', {})
      await access('passkey/sign-in', { response: await startAuthentication({ optionsJSON }) })
      await done()
    } catch (reason) {
      setError(reason)
    }
  }
  return (
    <Frame title={state.firstStart ? 'First start' : 'Sign in'}>
      {byPassword && (
        <form className="flex flex-col gap-3" onSubmit={(e) => void come(e)}>
          <PasswordField kind="current" value={password} set={setPassword} />
          <button className="button button-first" disabled={password === ''}>
            Sign in
          </button>
        </form>
      )}
      {state.methods.includes('passkey') && (
        <button className={`button ${byPassword ? '' : 'button-first'}`} onClick={() => void passkey()}>
          Sign in with a passkey
        </button>
      )}
      <Wrong error={error} />
      <p className="text-sm text-soft">
        {state.firstStart
          ? 'Open the link that "factotum start" printed when it started. It signs you in once, and then you choose how you sign in. '
          : 'Without a way in: '}
        On the machine that runs your company, <code className="font-mono text-xs">factotum access link</code> makes a
        new link.
      </p>
    </Frame>
  )
}
