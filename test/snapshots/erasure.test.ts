/** A company with something of everything, of which somebody was forgotten between two snapshots. */
import assert from 'node:assert/strict'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { Readable } from 'node:stream'
import { readArchive } from '../../src/server/snapshots/read.ts'
import { NOT_REBUILT } from '../../src/store/tables.ts'
import { onEachStore } from '../each-store.ts'
import { live } from '../forget/living.ts'
import { addressOf, mailOf, office, word } from '../forget/office.ts'
import { places, restoreTo, snapshotOf } from './stage.ts'

onEachStore(
  'what was forgotten is in no snapshot made after it, and what is held for a while is in none',
  async (url) => {
    await using c = await office(url)
    await live(c, 'anna')
    await live(c, 'bert')
    // One more waits in the middle of its run, which holds something.
    await mkdir(join(c.folder, 'post'))
    await writeFile(join(c.folder, 'post/c.eml'), mailOf('carl', 1))
    await c.ingest(join(c.folder, 'post'))
    await c.decide('answer', { value: word('carl', 'topic') })
    const held = await c.open.store.engine.queryText('select value from ephemeral', [])
    assert.match(JSON.stringify(held), new RegExp(word('carl', 'scratch')))
    const before = await snapshotOf(c)
    const plan = await c.ask('forgetPlan', { who: addressOf('anna'), also: [] })
    await c.ask('forget', { who: addressOf('anna'), also: [], binding: plan.binding })
    const after = await snapshotOf(c)
    assert.deepEqual(
      (await c.open.snapshots.heldBeforeErasure()).map((s) => s.name),
      [basename(before)],
    )
    const words = async (file: string, of: string): Promise<string[]> => {
      const parts: string[] = []
      await readArchive(Readable.from([await readFile(file)]), c.open.keys.vkey, {
        events: async (rows) => void parts.push(JSON.stringify(rows)),
        blob: async (_, bytes) => void parts.push(bytes.toString('latin1')),
      })
      return parts.join('\n').match(new RegExp(`x${of}x[a-z]+x`, 'g')) ?? []
    }
    assert.ok((await words(before, 'anna')).length > 0)
    assert.deepEqual(await words(after, 'anna'), [])
    assert.ok((await words(after, 'bert')).length > 0)
    assert.ok((await words(after, 'carl')).length > 0)
    assert.ok(!(await words(after, 'carl')).includes(word('carl', 'scratch')))
    for (const place of await places()) {
      await using there = place
      await restoreTo(c, after, there)
      await using restored = await office(there.url ?? `${there.folder}/data/company.db`, {
        folder: there.folder,
        clock: c.clock,
      })
      await restored.check()
      for (const table of ['ephemeral', 'vector']) {
        assert.ok(table in NOT_REBUILT)
        assert.deepEqual(await restored.open.store.engine.queryText(`select * from ${table}`, []), [], table)
      }
      const counts = async (of: typeof c) => {
        const { signals, runs, effects, gates } = await of.ask('status', {})
        return { signals, runs, effects, gates }
      }
      assert.deepEqual(await counts(restored), await counts(c))
    }
    assert.deepEqual(await c.open.snapshots.removeErased(), [basename(before)])
    assert.deepEqual(await c.open.snapshots.heldBeforeErasure(), [])
    assert.equal((await c.open.snapshots.list()).snapshots.length, 1)
    await c.check()
  },
)
