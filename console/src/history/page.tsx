import type { ReactNode } from 'react'
import { useAddress } from '../url.ts'
import { Lenses } from '../ui/split.tsx'
import { CameIn } from './came-in.tsx'
import { Effects } from './effects.tsx'
import { Ledger } from './ledger.tsx'
import { Runs } from './runs.tsx'
import { Stopped } from './stopped.tsx'

const PAGES: Readonly<Record<string, () => ReactNode>> = {
  effects: Effects,
  stopped: Stopped,
  signals: CameIn,
  ledger: Ledger,
}
const LENSES = [
  ['runs', 'Runs'],
  ['effects', 'Effects'],
  ['stopped', 'Stopped'],
  ['signals', 'Came in'],
  ['ledger', 'Ledger'],
] as const

/** What happened, through five lenses. */
export function HistoryPage() {
  const { search } = useAddress()
  const lens = search.lens ?? 'runs'
  const Lens = PAGES[lens] ?? Runs
  return (
    <div className="flex h-full flex-col">
      <Lenses title="History" of={LENSES} at={lens} />
      <Lens />
    </div>
  )
}
