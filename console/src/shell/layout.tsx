import { Link, Outlet, useNavigate, useRouterState } from '@tanstack/react-router'
import {
  BookText,
  Building2,
  Coins,
  Command,
  Inbox,
  Keyboard,
  type LucideIcon,
  Pause,
  Play,
  Settings,
  Sun,
  SunMoon,
} from 'lucide-react'
import { useState, type ReactNode } from 'react'
import { queries, useReading } from '../api.ts'
import { commandOf, keyText, type CommandId } from '../commands.ts'
import { useLive, useFreshness } from '../live.ts'
import { Key } from '../ui/bits.tsx'
import { useUndo } from '../queue/detail.tsx'
import { isGuest, signOut } from '../access/session.ts'
import { copy } from '../ui/cli-line.tsx'
import { act, isOpen, useCommands, useKeyboard } from './acting.ts'
import { EventLog } from './event-log.tsx'
import { KeySheet, MAC } from './keys.tsx'
import { Palette } from './palette.tsx'
import { PauseDialog, Paused, usePauses } from './pausing.tsx'
import { sameNow } from './same.ts'
import { toggleTheme } from './theme.ts'
import { Toasts } from './toasts.tsx'
import { relative } from '../lib/time.ts'
import { useNow } from '../ui/now.ts'

type Place = 'today' | 'queue' | 'history' | 'company' | 'money' | 'settings'

const PLACES: readonly (readonly [Place, string, string, LucideIcon])[] = [
  ['today', '/', 'Today', Sun],
  ['queue', '/queue', 'Queue', Inbox],
  ['history', '/history', 'History', BookText],
  ['company', '/company', 'Company', Building2],
  ['money', '/money', 'Money', Coins],
  ['settings', '/settings', 'Settings', Settings],
]

type Open = 'palette' | 'keys' | 'events' | 'pause' | null

/** What stands around every page: where one can go, what is paused, whether what is shown is what is. */
export function Layout() {
  const [open, setOpen] = useState<Open>(null)
  const navigate = useNavigate()
  const close = () => setOpen(null)
  const go = (to: string) => () => void navigate({ to })
  useLive()
  useKeyboard()
  const undoing = useUndo()
  useCommands({
    ...Object.fromEntries(PLACES.map(([id, to]) => [id, go(to)])),
    palette: () => setOpen('palette'),
    keys: () => setOpen('keys'),
    why: () => setOpen('events'),
    ...(isGuest() ? {} : { copyCli: () => void copy(sameNow().call) }),
    theme: toggleTheme,
    pause: () => setOpen('pause'),
    verify: go('/history?lens=ledger&verify=1'),
    signOut: () => void signOut(),
  })
  return (
    <div className="flex h-full max-sm:flex-col">
      <a href="#main" className="button sr-only z-50 focus:not-sr-only focus:absolute focus:top-2 focus:left-2">
        Skip to the page
      </a>
      <Side />
      <TopOfPhone />
      <div className="flex min-h-0 min-w-0 flex-1 flex-col">
        <Paused />
        <Stale />
        <main id="main" tabIndex={-1} className="min-h-0 flex-1 outline-none">
          <Outlet />
        </main>
      </div>
      <Tabs />
      <Toasts />
      {undoing}
      {open === 'palette' && <Palette close={close} />}
      {open === 'keys' && <KeySheet close={close} />}
      {open === 'events' && <EventLog close={close} />}
      {open === 'pause' && <PauseDialog close={close} />}
    </div>
  )
}

function useCompany() {
  const status = useReading('status', {})
  const waiting = Object.values(status.data?.gates ?? {}).reduce((all, n) => all + n, 0)
  return { name: status.data?.company ?? 'Factotum', waiting }
}

function Side() {
  const { name, waiting } = useCompany()
  return (
    <nav
      aria-label="Pages"
      className="flex w-52 shrink-0 flex-col border-r border-line px-3 py-3 max-xl:w-14 max-xl:px-2 max-sm:hidden"
    >
      <p className="mb-3 truncate px-2 font-semibold max-xl:hidden" title={name}>
        {name}
      </p>
      <ul className="flex flex-col gap-0.5">
        {PLACES.map(([id, to, label, Icon]) => (
          <li key={id}>
            <PlaceLink to={to} label={label} place={id}>
              <Icon size={16} strokeWidth={1.9} aria-hidden />
              <span className="flex-1 max-xl:sr-only">{label}</span>
              {id === 'queue' && waiting > 0 && (
                <span className="text-xs text-soft max-xl:sr-only">{waiting.toLocaleString('en-GB')}</span>
              )}
            </PlaceLink>
          </li>
        ))}
      </ul>
      <div className="mt-auto flex flex-col gap-0.5">
        <SideAction id="palette" icon={Command} name="Commands" />
        <SideAction id="keys" icon={Keyboard} name="Keys" />
        <SideAction id="theme" icon={SunMoon} name="Light or dark" />
        <PauseButton />
      </div>
    </nav>
  )
}

const ROW = 'flex w-full items-center gap-2.5 rounded-md px-2 py-1.5 text-sm max-xl:justify-center'

function PlaceLink({ to, label, place, children }: { to: string; label: string; place: Place; children: ReactNode }) {
  const path = useRouterState({ select: (s) => s.location.pathname })
  const here = to === '/' ? path === '/' : path.startsWith(to)
  return (
    <Link
      to={to}
      title={`${label} (${commandOf(place).keys[0]})`}
      aria-current={here ? 'page' : undefined}
      className={`${ROW} ${here ? 'bg-accent-soft font-semibold text-accent' : 'text-soft hover:bg-sunken hover:text-ink'}`}
    >
      {children}
    </Link>
  )
}

function SideAction({ id, icon: Icon, name }: { id: CommandId; icon: LucideIcon; name: string }) {
  const { label, keys } = commandOf(id)
  return (
    <button className={`${ROW} text-soft hover:bg-sunken hover:text-ink`} title={label} onClick={() => act(id)}>
      <Icon size={16} strokeWidth={1.9} aria-hidden />
      <span className="flex-1 truncate max-xl:sr-only">{name}</span>
      {keys[0] && (
        <span className="max-xl:hidden">
          <Key>{keyText(keys[0], MAC)}</Key>
        </span>
      )}
    </button>
  )
}

/** Always there, on every page and width. */
function PauseButton() {
  const paused = usePauses().some((p) => p.scope === 'all')
  const command = commandOf(paused ? 'resume' : 'pause')
  if (!isOpen(command)) return null
  return (
    <button
      className={`button mt-2 w-full max-xl:px-0 max-sm:mt-0 max-sm:w-auto max-sm:px-2.5 ${paused ? 'button-first' : ''}`}
      onClick={() => act(command.id)}
      title={command.label}
    >
      {paused ? <Play size={14} aria-hidden /> : <Pause size={14} aria-hidden />}
      <span className="max-xl:sr-only max-sm:not-sr-only">{paused ? 'Resume' : 'Pause all'}</span>
    </button>
  )
}

function TopOfPhone() {
  const { name } = useCompany()
  return (
    <header className="hidden items-center gap-2 border-b border-line py-1.5 pr-3 pl-4 max-sm:flex">
      <p className="min-w-0 flex-1 truncate font-semibold">{name}</p>
      <button className="button button-bare px-2" aria-label="Find any command" onClick={() => act('palette')}>
        <Command size={16} aria-hidden />
      </button>
      <PauseButton />
    </header>
  )
}

function Tabs() {
  const { waiting } = useCompany()
  const path = useRouterState({ select: (s) => s.location.pathname })
  return (
    <nav
      aria-label="Pages"
      className="hidden border-t border-line bg-surface pb-[env(safe-area-inset-bottom)] max-sm:flex"
    >
      {PLACES.map(([id, to, label, Icon]) => {
        const here = to === '/' ? path === '/' : path.startsWith(to)
        return (
          <Link
            key={id}
            to={to}
            aria-current={here ? 'page' : undefined}
            className={`flex flex-1 flex-col items-center gap-0.5 py-2 text-[0.6875rem] leading-4 ${here ? 'font-semibold text-accent' : 'text-soft'}`}
          >
            <span className="relative">
              <Icon size={18} strokeWidth={1.8} aria-hidden />
              {id === 'queue' && waiting > 0 && (
                <span className="absolute -top-1.5 left-3 rounded-full bg-accent px-1 text-[0.625rem] leading-3.5 font-semibold text-accent-ink">
                  {waiting > 99 ? '99+' : waiting}
                </span>
              )}
            </span>
            {label}
          </Link>
        )
      })}
    </nav>
  )
}

/** Said only after a moment: a connection that is made again at once is nobody's concern. */
const SAID_AFTER_MS = 1_500

function Stale() {
  const { freshness, since } = useFreshness()
  const now = useNow()
  if (freshness === 'signed-out')
    return (
      <Banner>
        Your session ended. What you see may be old.
        <button className="button" onClick={() => location.reload()}>
          Sign in again
        </button>
      </Banner>
    )
  if (freshness !== 'stale') return null
  return (
    <div className="appear-late">
      <Banner>
        No connection to the server since {relative(since, Math.max(now, since + SAID_AFTER_MS))}. What you see may be
        old, and decisions wait until it is back.
        <button className="button" onClick={() => void queries.invalidateQueries()}>
          Try now
        </button>
      </Banner>
    </div>
  )
}

function Banner({ children }: { children: ReactNode }) {
  return (
    <div
      role="status"
      data-banner
      className="flex flex-wrap items-center gap-x-3 gap-y-1 border-b border-line bg-warn-soft px-5 py-1.5 text-sm text-warn"
    >
      {children}
    </div>
  )
}
