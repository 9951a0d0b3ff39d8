/** What a first start shows, made by the sample's own workflows out of its inbox: a company that is alive already. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { Books } from '../../examples/studio/connectors/billing/books.ts'
import { testDatabase } from '../postgres.ts'
import { factotum, gateThat, kill, outbox, sound, start, studio, untilSo, type Gate } from './processes.ts'

interface Effect {
  readonly id: string
  readonly action: string
  readonly state: string
}

interface Costs {
  readonly rows: readonly { readonly micros: number; readonly currency: string; readonly uses: number }[]
}

const kinds = (gates: readonly Gate[], kind: string) => gates.filter((g) => g.kind === kind)

for (const store of ['SQLite', 'PostgreSQL'])
  test(
    `a first start has something of everything, and it is real (${store})`,
    { timeout: 180_000, skip: store === 'PostgreSQL' && !process.env.DATABASE_URL },
    async (t) => {
      const database = store === 'PostgreSQL' ? await testDatabase() : undefined
      t.after(() => database?.drop())
      const folder = studio(t)
      const server = await start(t, folder, database ? { DATABASE_URL: database.url } : {})
      const effects = async () => (await factotum<{ items: Effect[] }>(folder, 'effects', '--limit', '200')).items
      const books = () => JSON.parse(readFileSync(join(folder, 'data/billing/books.json'), 'utf8')) as Books

      // What waits: of each kind something, and one each of what went wrong.
      const queue = await untilSo(
        () => factotum<Gate[]>(folder, 'queue'),
        (gates) =>
          kinds(gates, 'effect').length >= 10 &&
          kinds(gates, 'decision').length >= 5 &&
          ['uncertain', 'dead_letter', 'conflict'].every((kind) => kinds(gates, kind).length > 0),
      )
      assert.deepEqual(
        ['uncertain', 'dead_letter'].map((kind) => kinds(queue, kind).map((g) => g.title)),
        [
          ['Note "Question about team accounts" on the account of femke@kitestore.example'],
          ['File invoice 26-3381 of buchhaltung@steuerbuero-voss.example over 357.00 EUR'],
        ],
      )
      assert.equal(new Set(queue.map((g) => g.title)).size, queue.length, 'no two read the same')

      // What was done: in the books of the billing service, and nothing that cannot be taken back.
      const done = (await effects()).filter((e) => e.state === 'succeeded' && e.action !== 'billing.charges')
      assert.ok(done.length >= 8)
      assert.deepEqual([...new Set(done.map((e) => e.action))].sort(), ['billing.file', 'billing.note'])
      assert.deepEqual(outbox(folder), [])
      const { rows } = await factotum<Costs>(folder, 'costs', '--by', 'action')
      assert.ok(rows.length >= 3 && rows.every((r) => r.micros > 0 && r.currency === 'EUR'))

      // One is taken back, outside too.
      const note = done.find((e) => e.action === 'billing.note')!
      await factotum(folder, 'undo', note.id, '--yes')
      await untilSo(effects, (all) => all.some((e) => e.id === note.id && e.state === 'undone'))
      assert.equal(books().notes.filter((n) => n.removedAt !== null).length, 1)

      // The note whose answer was lost is there: the operator says so, and the reply comes.
      assert.equal(books().notes.filter((n) => n.customer === 'femke@kitestore.example').length, 1)
      await factotum(folder, 'decide', kinds(queue, 'uncertain')[0]!.id, 'happened')
      await gateThat(folder, (g) => g.title.startsWith('Reply to femke@kitestore.example'))
      // The bill was there before: closed, with what the operator says of it.
      await factotum(folder, 'decide', kinds(queue, 'dead_letter')[0]!.id, 'close', '--reason', 'entered in September')
      // The bank details of a supplier stay what they were.
      await factotum(folder, 'decide', kinds(queue, 'conflict')[0]!.id, 'keep')

      assert.ok(await sound(folder))
      await kill(server)
    },
  )
