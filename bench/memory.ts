import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { benchFolder } from './folder.ts'
import { median, withLimit, type Bench, type Row } from './report.ts'
import { makeWaiting, openWaiting, writeCompany } from './waiting-company.ts'

const FACTOTUM = fileURLToPath(new URL('../bin/factotum.js', import.meta.url))
const BARE = `
  const { DatabaseSync } = await import('node:sqlite')
  new DatabaseSync(process.argv[1]).prepare('select count(*) from event').get()
  process.stdout.write('{}\\n')
  setInterval(() => {}, 1e6)`
/** Long enough for a sweep of the coordinator, and for what the start needed to be let go. */
const SETTLE_MS = 12_000

interface Sample {
  readonly megabytes: number
  readonly ready: number
}

/** Resident size of a process once it has said a line and then rested, and the ms to that line. Linux only: /proc. */
async function sample(args: readonly string[], settleMs: number): Promise<Sample> {
  const from = performance.now()
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  try {
    await once(child.stdout, 'data')
    const ready = performance.now() - from
    await sleep(settleMs)
    const status = await readFile(`/proc/${child.pid}/status`, 'utf8')
    return { megabytes: Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1]) / 1_024, ready }
  } finally {
    child.kill('SIGTERM')
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
  }
}

export const bench: Bench = {
  name: 'memory',
  says:
    'Resident size of `factotum start`, idle, and the time until it listens.\n' +
    'Limit: a bare Node process with the same SQLite file open. Here less is better.',
  async run({ quick, note }) {
    const rows: Row[] = []
    const settleMs = quick ? 2_000 : SETTLE_MS
    for (const runs of [0, quick ? 2_000 : 100_000]) {
      await using folder = await benchFolder()
      await writeCompany(folder.path)
      const open = await openWaiting(folder.path)
      await open.start()
      const rate = runs === 0 ? 0 : await makeWaiting(open, runs)
      await open.close()
      if (runs > 0) note(`${runs} runs wait; ${Math.round(rate)} started and put to sleep a second`)
      const ours: Sample[] = []
      const bare: Sample[] = []
      for (let i = 0; i < (quick ? 1 : 3); i++) {
        const file = join(folder.path, 'data/company.db')
        bare.push(await sample(['--input-type=module', '-e', BARE, file], 500))
        ours.push(await sample([FACTOTUM, 'start', folder.path, '--port', '0', '--json'], settleMs))
      }
      const of = (pick: (s: Sample) => number): [number, number] => [median(ours.map(pick)), median(bare.map(pick))]
      const name = runs === 0 ? 'idle' : `${runs} waiting`
      rows.push({ ...withLimit(`resident, ${name}`, 'MiB', ...of((s) => s.megabytes)) })
      rows.push({ ...withLimit(`ready, ${name}`, 'ms', ...of((s) => s.ready)) })
    }
    return rows
  },
}
