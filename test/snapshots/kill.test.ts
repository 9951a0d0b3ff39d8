/** Real processes, killed with SIGKILL at any moment of a snapshot or a restore: all of it or nothing. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createReadStream, existsSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import pg from 'pg'
import { readArchive } from '../../src/server/snapshots/read.ts'
import { Shop } from '../shop.ts'
import { goOn, keep, places, restoreTo, snapshotOf, stage } from './stage.ts'

const RUNS = 40
const MAX_DELAY_MS = 60_000

/** Runs the child again and again, killed a little later each time, until it has ended by itself. */
async function killed(args: readonly string[], after: (ended: boolean) => Promise<void>): Promise<number> {
  let kills = 0
  for (let delay = 20; ; delay = delay * 2 + 50) {
    const child = spawn(
      process.execPath,
      ['--conditions=factotum-source', fileURLToPath(new URL('kill-child.ts', import.meta.url)), ...args],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    )
    const exit = once(child, 'exit') as Promise<[number | null]>
    await once(child.stdout, 'data')
    await Promise.race([exit, sleep(delay)])
    child.kill('SIGKILL')
    const ended = (await exit)[0] === 0
    await after(ended)
    if (ended) return kills
    kills++
    assert.ok(delay < MAX_DELAY_MS, 'it never ended')
  }
}

test('a snapshot that is killed is not there, and the company is as it was', async () => {
  const shop = new Shop()
  await using c = await stage(shop)
  await Promise.all(Array.from({ length: RUNS }, (_, n) => c.run(keep, { n })))
  await c.close()
  const url = join(c.folder, 'company.db')
  const kills = await killed(['create', c.folder, url], async () => {
    const again = await goOn(c, shop, { folder: c.folder, url } as never)
    const { snapshots, to } = await again.ask('snapshotList', {})
    for (const { name } of snapshots) await readArchive(createReadStream(join(to, name)), again.open.keys.vkey)
    await again.check()
    await again.close()
  })
  assert.ok(kills > 1, `${kills}`)
})

test('a restore that is killed leaves nothing, or a whole company', async () => {
  const shop = new Shop()
  await using c = await stage(shop)
  await Promise.all(Array.from({ length: RUNS }, (_, n) => c.run(keep, { n })))
  const file = await snapshotOf(c)
  for (const place of await places()) {
    await using there = place
    const { folder, url = '' } = there
    const kills = await killed(['restore', folder, url, file, join(c.folder, 'data/keys')], async (ended) => {
      const whole = existsSync(folder)
      if (ended) assert.ok(whole)
      if (!whole && url !== '' && (await tables(url)) > 0) {
        // Killed between the two places: the database is whole, and the folder is put in place by the same command.
        await restoreTo(c, file, there)
      } else if (!whole) return
      const again = await goOn(c, shop, there)
      await again.check()
      assert.equal((await again.queue()).length, RUNS)
      await again.close()
      if (!ended) {
        await rm(folder, { recursive: true })
        if (url !== '') await empty(url)
      }
    })
    assert.ok(kills > 1, `${kills}`)
  }
})

async function tables(url: string): Promise<number> {
  return Number(
    (
      await query(
        url,
        `select count(*) as n from pg_class where relkind = 'r' and relnamespace = 'public'::regnamespace`,
      )
    )[0]!.n,
  )
}

async function empty(url: string): Promise<void> {
  await query(url, 'drop schema public cascade; create schema public')
}

async function query(connectionString: string, text: string): Promise<{ n?: string }[]> {
  const client = new pg.Client({ connectionString })
  await client.connect()
  try {
    return (await client.query<{ n?: string }>(text)).rows
  } finally {
    await client.end()
  }
}
