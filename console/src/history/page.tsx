import { useAddress } from '../url.ts'
import { Lenses } from '../ui/split.tsx'
import { Effects } from './effects.tsx'
import { Ledger } from './ledger.tsx'
import { Runs } from './runs.tsx'
import { Stopped } from './stopped.tsx'

const LENSES = [
  ['runs', 'Runs'],
  ['effects', 'Effects'],
  ['stopped', 'Stopped'],
  ['ledger', 'Ledger'],
] as const

/** What happened, through three lenses. */
export function HistoryPage() {
  const { search } = useAddress()
  const lens = search.lens ?? 'runs'
  return (
    <div className="flex h-full flex-col">
      <Lenses title="History" of={LENSES} at={lens} />
      {lens === 'effects' ? <Effects /> : lens === 'ledger' ? <Ledger /> : lens === 'stopped' ? <Stopped /> : <Runs />}
    </div>
  )
}
