import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { benchFolder } from './folder.ts'
import { median, round, withLimit, type Bench } from './report.ts'
import { makeWaiting, openWaiting, startRun, writeCompany } from './waiting-company.ts'

const CHILD = fileURLToPath(new URL('resume-child.ts', import.meta.url))
const BARE = `
  const { DatabaseSync } = await import('node:sqlite')
  const db = new DatabaseSync(process.argv[1])
  db.prepare("select * from run where state = 'waiting' order by started_seq limit 1").get()
  process.stdout.write('{}\\n')`

/** Runs Node with these arguments; answers its first line and the ms from its start to that line. */
async function firstLine(args: readonly string[]): Promise<{ line: string; ms: number }> {
  const from = performance.now()
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  const exited = new Promise<number | null>((resolve) => child.once('exit', resolve))
  let line = ''
  let ms = Number.NaN
  for await (const chunk of child.stdout) {
    line += String(chunk)
    if (line.includes('\n') && Number.isNaN(ms)) ms = performance.now() - from
  }
  const code = await exited
  if (code !== 0) throw new Error(`node ${args.join(' ')} ended with ${code}`)
  return { line, ms }
}

export const bench: Bench = {
  name: 'resume',
  says:
    'A process starts on a company with many waiting runs (half asleep, half at gates) until the first run that is due has been\n' +
    'driven to its end. Limit: a process that opens the same SQLite file and makes one indexed query. Here less is better.',
  async run({ quick, note }) {
    const runs = quick ? 2_000 : 100_000
    await using folder = await benchFolder()
    await writeCompany(folder.path)
    const first = await openWaiting(folder.path)
    await first.start()
    const rate = await makeWaiting(first, runs)
    await first.close()
    note(`${runs} runs wait; ${Math.round(rate)} started and put to sleep a second`)
    const total: number[] = []
    const bare: number[] = []
    const steps = { opened: [] as number[], ready: [] as number[], driven: [] as number[] }
    for (let i = 0; i < (quick ? 1 : 5); i++) {
      const open = await openWaiting(folder.path)
      await open.start()
      await startRun(open, 'sleeper', { ms: 300 })
      await open.coordinator.idle()
      await open.close()
      await sleep(400)
      bare.push((await firstLine(['--input-type=module', '-e', BARE, join(folder.path, 'data/company.db')])).ms)
      const { line, ms } = await firstLine(['--conditions=factotum-source', CHILD, folder.path])
      total.push(ms)
      const at = JSON.parse(line) as { opened: number; ready: number; driven: number }
      for (const key of ['opened', 'ready', 'driven'] as const) steps[key].push(at[key])
    }
    return [
      {
        ...withLimit(`${runs} waiting`, 'ms', median(total), median(bare)),
        opened_ms: round(median(steps.opened)),
        ready_ms: round(median(steps.ready)),
        driven_ms: round(median(steps.driven)),
        made_per_s: Math.round(rate),
      },
    ]
  },
}
