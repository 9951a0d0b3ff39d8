import { useReading } from '../api.ts'
import { Section, Shown, Time } from '../ui/bits.tsx'
import { Lenses } from '../ui/split.tsx'
import { useAddress } from '../url.ts'
import { Notifications } from '../push/notifications.tsx'
import { Connectors } from './connectors.tsx'
import { Policies } from './policies.tsx'
import { SignedIn } from './signed-in.tsx'
import { Tokens } from './tokens.tsx'

const LENSES = [
  ['connectors', 'Connectors'],
  ['policies', 'Policies'],
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
        {lens === 'policies' ? (
          <Policies />
        ) : lens === 'access' ? (
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
        </>
      )}
    </Shown>
  )
}
