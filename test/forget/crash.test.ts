/** A process that dies while it forgets: what it leaves is as it was, or finished by the next one, never between. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { cp, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { FakeClock } from '../../src/lib/clock.ts'
import { openCompany } from '../../src/server/open.ts'
import { operate, type Result } from '../../src/server/operations.ts'
import { Life } from '../crash/life.ts'
import { onEachStore } from '../each-store.ts'
import { copyOf } from '../postgres.ts'
import { live } from './living.ts'
import { addressOf, office, wordsLeft } from './office.ts'

const who = addressOf('anna')
const ELSEWHERE = 'letters/anna.txt'

async function left(folder: string, url: string | undefined): Promise<string[]> {
  const words = await wordsLeft(folder, url, 'anna')
  return words.filter((hit) => !hit.endsWith(ELSEWHERE) && !hit.includes('statistics'))
}

/** What a process finds that comes after: nothing was forgotten, or all of it is gone. */
async function sound(folder: string, url: string | undefined, before: readonly string[]): Promise<'before' | 'after'> {
  const next = await office(url, { folder })
  await next.idle()
  await next.check()
  const erasures = await next.list('erasures', {})
  await next.close()
  const words = await left(folder, url)
  if (erasures.length === 0) {
    assert.deepEqual(words, before)
    return 'before'
  }
  assert.equal(erasures[0]!.state, 'done')
  assert.deepEqual(words, [])
  return 'after'
}

onEachStore('it dies before and after everything that it writes', async (url) => {
  const c = await office(url)
  const { folder } = c
  await live(c, 'anna')
  await c.close()
  const { company } = c.open
  const before = await left(folder, url)
  const came = { before: 0, after: 0 }
  try {
    for (let at = 1, survived = false; !survived; at++) {
      const copy = await mkdtemp(join(tmpdir(), 'factotum-'))
      await cp(folder, copy, { recursive: true })
      const database = url ? await copyOf(url) : undefined
      try {
        const life = new Life(new FakeClock(c.clock.now()), { at, single: true })
        const lived = (async () => {
          const open = await openCompany({
            folder: copy,
            company,
            url: database?.url ?? join(copy, 'company.db'),
            clock: life.clock,
            wrapEngine: (engine) => life.wrap(engine),
          })
          const { binding } = (await operate(open, 'forgetPlan', { who })) as Result<'forgetPlan'>
          await operate(open, 'forget', { who, binding })
          await open.close()
          return true
        })()
        survived = await Promise.race([lived, life.died.then(() => false)])
        await life.bury()
        came[await sound(copy, database?.url, before)]++
      } finally {
        await database?.drop()
        await rm(copy, { recursive: true, force: true })
      }
    }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
  assert.ok(came.before > 2 && came.after > 4, JSON.stringify(came))
})

test('killed with SIGKILL at any moment', { timeout: 300_000 }, async () => {
  const c = await office(undefined)
  const { folder } = c
  await live(c, 'anna')
  await c.close()
  const before = await left(folder, undefined)
  const kills = Number(process.env.FACTOTUM_KILLS ?? 12)
  try {
    for (let n = 0; n < kills; n++) {
      const copy = await mkdtemp(join(tmpdir(), 'factotum-'))
      await cp(folder, copy, { recursive: true })
      try {
        const child = spawn(
          process.execPath,
          ['--conditions=factotum-source', fileURLToPath(new URL('killed.ts', import.meta.url)), copy, who],
          { stdio: ['ignore', 'pipe', 'inherit'] },
        )
        const ended = once(child, 'exit')
        for await (const line of createInterface(child.stdout)) if (line === 'now') break
        await sleep(n * STEP_MS)
        child.kill('SIGKILL')
        await ended
        await sound(copy, undefined, before)
      } finally {
        await rm(copy, { recursive: true, force: true })
      }
    }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
})

/** Forgetting takes some 300 ms. */
const STEP_MS = 30
