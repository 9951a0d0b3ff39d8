import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { onEachStore } from '../../test/each-store.ts'
import { workflow } from '../index.ts'
import { FakeClock, testCompany } from '../testing.ts'
import { Frontier, signCheckpoint } from './ledger/index.ts'
import type { Sealed } from './sealer.ts'
import { Witness } from './witness.ts'

const steps = workflow('steps', {}, async (ctx) => {
  for (let i = 0; i < 40; i++) await ctx.step('s', () => i, { key: i })
})

onEachStore(
  'a checkpoint is signed for every second with events, goes on after a restart, and is the one from scratch',
  async (url) => {
    const options = { workflows: [steps], ...(url ? { url } : {}) }
    await using first = await testCompany(options)
    for (let i = 0; i < 3; i++) {
      await first.run(steps, null)
      await first.advance('1s')
    }
    await first.close()
    const again = await testCompany({ ...options, folder: first.folder, clock: first.clock })
    await again.run(steps, null)
    const goneOn = await again.open.sealer.seal()
    const { engine } = again.open.store
    assert.ok((await engine.queryText('select size from checkpoint', [])).length >= 4)
    await again.check()
    const fresh = new Frontier()
    for (const row of await engine.queryText('select leaf from event order by seq', []))
      fresh.append(row.leaf as Uint8Array)
    assert.equal(signCheckpoint({ size: fresh.size, root: fresh.root() }, again.open.keys.signer), goneOn!.note)
    await again.close()
  },
)

async function folder(): Promise<string> {
  return mkdtemp(join(tmpdir(), 'factotum-witness-'))
}

const sealed = (size: number): Sealed => ({ size, note: `factotum/test\n${size}\nroot\n` })
const noMail = () => Promise.reject(new Error('no mail'))

test('checkpoints are copied to a folder, at most so often, and the last one at the end', async () => {
  const to = await folder()
  const clock = new FakeClock()
  const witness = new Witness({ folder: join(to, 'new'), every: '1h' }, clock, 'factotum/test', noMail)
  const kept = async () =>
    (await readdir(join(to, 'new')).catch(() => []))
      .map((name) => Number(/\d+/.exec(name)![0]))
      .toSorted((a, b) => a - b)
  for (const [size, minutes, copies] of [
    [1, 0, 1],
    [2, 30, 1],
    [3, 30, 2],
    [4, 10, 2],
  ] as const) {
    clock.advance(minutes * 60_000)
    witness.sealed(sealed(size))
    while ((await kept()).length < copies) await new Promise((resolve) => setTimeout(resolve, 5))
  }
  await witness.flush()
  assert.deepEqual(await kept(), [1, 3, 4])
  assert.equal(await readFile(join(to, 'new/checkpoint-000000000004.txt'), 'utf8'), sealed(4).note)
  assert.equal(witness.failure, null)
  await rm(to, { recursive: true })
})

test('checkpoints are committed to a git clone and pushed', async () => {
  const to = await folder()
  const git = (...args: string[]) => execFileSync('git', args, { encoding: 'utf8' })
  git('init', '-q', '--bare', join(to, 'remote.git'))
  git('clone', '-q', join(to, 'remote.git'), join(to, 'clone'))
  const witness = new Witness({ git: join(to, 'clone'), every: 0 }, new FakeClock(), 'factotum/test', noMail)
  for (const size of [5, 9]) {
    witness.sealed(sealed(size))
    await witness.flush()
    assert.equal(witness.failure, null)
  }
  assert.deepEqual(git('--git-dir', join(to, 'remote.git'), 'log', '--format=%s').trim().split('\n'), [
    'Checkpoint over 9 events',
    'Checkpoint over 5 events',
  ])
  await rm(to, { recursive: true })
})

test('a copy that fails is said, kept, and made up for', async () => {
  const to = await folder()
  let works = false
  const sent: string[] = []
  const witness = new Witness(
    { mail: 'me@example.org', every: 0 },
    new FakeClock(),
    'factotum/test',
    async (_to, subject) => {
      if (!works) throw new Error('no route')
      sent.push(subject)
    },
  )
  witness.sealed(sealed(5))
  await witness.flush()
  assert.equal(witness.failure, 'no route')
  works = true
  await witness.flush()
  assert.deepEqual([witness.failure, witness.copied, sent.length], [null, 5, 1])
  await rm(to, { recursive: true })
})

test('a checkpoint that was committed but not pushed is pushed the next time', async () => {
  const to = await folder()
  const git = (...args: string[]) => execFileSync('git', args, { encoding: 'utf8' })
  git('init', '-q', '--bare', join(to, 'remote.git'))
  git('clone', '-q', join(to, 'remote.git'), join(to, 'clone'))
  git('-C', join(to, 'clone'), 'config', 'commit.gpgsign', 'true')
  git('-C', join(to, 'clone'), 'remote', 'set-url', 'origin', join(to, 'away.git'))
  const witness = new Witness({ git: join(to, 'clone'), every: 0 }, new FakeClock(), 'factotum/test', noMail)
  witness.sealed(sealed(5))
  await witness.flush()
  assert.notEqual(witness.failure, null)
  git('-C', join(to, 'clone'), 'remote', 'set-url', 'origin', join(to, 'remote.git'))
  await witness.flush()
  assert.equal(witness.failure, null)
  assert.equal(git('--git-dir', join(to, 'remote.git'), 'log', '--format=%s').trim(), 'Checkpoint over 5 events')
  await rm(to, { recursive: true })
})

test('to verify signs nothing where something is wrong', async () => {
  await using company = await testCompany({ workflows: [steps] })
  await company.run(steps, null)
  const { engine } = company.open.store
  const sizes = async () => (await engine.queryText('select size from checkpoint', [])).length
  const before = await sizes()
  await engine.queryText(`update event set body = body || ' ' where seq = 3 returning seq`, [])
  assert.equal((await company.ask('verify', {})).ok, false)
  assert.equal(await sizes(), before)
})
