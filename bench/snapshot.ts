/** A snapshot of many events: made, verified, restored, beside copying and hashing the same bytes in the same run. */
import { createHash } from 'node:crypto'
import { createReadStream, createWriteStream } from 'node:fs'
import { open, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { pauseEvent } from '../src/governance/pause.ts'
import { exportLedger } from '../src/governance/verify.ts'
import { company } from '../src/index.ts'
import { stepCompleted } from '../src/orchestration/events.ts'
import { openCompany, type OpenCompany } from '../src/server/open.ts'
import { readArchive } from '../src/server/snapshots/read.ts'
import { restore } from '../src/server/snapshots/restore.ts'
import { benchFolder } from './folder.ts'
import { round, withLimit, type Bench, type Row } from './report.ts'

const MANY = 1_000_000
const FEW = 50_000
const PER_COMMIT = 100
/** Of each hundred events so many write a row: the others are steps, which the ledger alone holds. */
const ROWS_PER_COMMIT = 20

export const bench: Bench = {
  name: 'snapshot',
  says: 'MB of ledger text a second, beside copying a file of that text (with an fsync) and hashing it',
  async run({ quick, note }) {
    await using folder = await benchFolder()
    const events = quick ? FEW : MANY
    const url = join(folder.path, 'data/company.db')
    const c = await openCompany({ folder: folder.path, company: company({ name: 'Bench' }), url })
    try {
      await fill(c, events)
      note(`${events} events written`)
      return await measure(c, folder.path, note)
    } finally {
      await c.close()
    }
  },
}

async function measure(c: OpenCompany, folder: string, note: (line: string) => void): Promise<Row[]> {
  const text = join(folder, 'ledger.jsonl')
  await c.sealer.seal()
  await pipeline(exportLedger(c.store, c.keys.vkey, { redacted: false }), createWriteStream(text))
  const mb = (await stat(text)).size / 1e6
  const rate = async (name: string, work: () => Promise<unknown>) => {
    const from = performance.now()
    await work()
    const value = mb / ((performance.now() - from) / 1_000)
    note(`${name}: ${round(value)} MB/s`)
    return value
  }
  const copy = await rate('copy', async () => {
    const to = join(folder, 'copy')
    await pipeline(createReadStream(text, { highWaterMark: 1024 * 1024 }), createWriteStream(to))
    const file = await open(to, 'r+')
    await file.sync()
    await file.close()
  })
  const hash = await rate('hash', async () => {
    const sha = createHash('sha256')
    for await (const chunk of createReadStream(text, { highWaterMark: 1024 * 1024 })) sha.update(chunk as Buffer)
    sha.digest()
  })
  let made!: Awaited<ReturnType<typeof c.snapshots.create>>
  const create = await rate('create', async () => (made = await c.snapshots.create()))
  const archive = () => createReadStream(join(made.to, made.name), { highWaterMark: 1024 * 1024 })
  const verify = await rate('verify', () => readArchive(archive(), c.keys.vkey))
  const restored = await rate('restore', () =>
    restore({
      archive: archive(),
      folder: join(folder, 'restored'),
      keys: { from: 'folder', folder: join(folder, 'data/keys') },
      now: Date.now(),
    }),
  )
  const size = { events: made.events, text_mb: round(mb), archive_mb: round(made.bytes / 1e6) }
  return [
    { ...withLimit('create, beside copying', 'MB/s', create, copy), ...size },
    { ...withLimit('verify, beside hashing', 'MB/s', verify, hash), ...size },
    { ...withLimit('restore, beside copying', 'MB/s', restored, copy), ...size },
  ]
}

async function fill({ store }: OpenCompany, events: number): Promise<void> {
  const value = { text: 'What a step of an ordinary run returns, about as long as it usually is. '.repeat(3) }
  for (let n = 0; n < events;) {
    const commits: Promise<unknown>[] = []
    for (const until = Math.min(events, n + 5_000); n < until; n += PER_COMMIT) {
      const at = n
      const list = Array.from({ length: PER_COMMIT }, (_, i) =>
        i < ROWS_PER_COMMIT
          ? pauseEvent(`connector:c${at + i}`, 'For the bench', 'operator')
          : stepCompleted(`run_${at}`, { op: `op_${i}`, call: `step ${i}`, generation: 1 } as never, {
              private: { value: { ...value, n: at + i } },
            }),
      )
      commits.push(store.commit({ key: `bench:${at}`, events: list }))
    }
    await Promise.all(commits)
  }
}
