import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { fileURLToPath } from 'node:url'

const BIN = fileURLToPath(new URL('../../../bin/factotum.js', import.meta.url))
const API = new URL('../../index.ts', import.meta.url).href
const COMPANY = `
import { company, workflow, z } from '${API}'
const chat = workflow('chat', { input: z.object({ with: z.string(), says: z.string() }) }, async (ctx, i) => {
  await ctx.session(i.with).set('last\\u202e', { says: i.says, recalled: true }, { ttl: '2h' })
  await ctx.scratch.set('draft', 'Dear ' + i.with)
  await ctx.ask({ title: 'Go on?', options: ['1'] })
})
export default company({ name: 'Scratch', workflows: [chat] })
`
let folder = ''
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'factotum-scratch-'))
  await writeFile(join(folder, 'company.ts'), COMPANY)
  for (const who of ['ada@example.org', 'eve@example.org'])
    await cli('launch', 'chat', '--input', JSON.stringify({ with: who, says: 'Hi\u001b[2J' }))
  await cli('start', '--once')
})
after(() => rm(folder, { recursive: true, force: true }))

const env = Object.fromEntries(
  Object.entries(process.env).filter(([name]) => name !== 'DATABASE_URL' && !name.startsWith('NODE_TEST')),
)

async function cli(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  const child = spawn(process.execPath, [BIN, ...args, '--company', folder], { env, cwd: tmpdir() })
  let out = ''
  let err = ''
  child.stdout.on('data', (chunk) => (out += String(chunk)))
  child.stderr.on('data', (chunk) => (err += String(chunk)))
  const [code] = (await once(child, 'close')) as [number]
  return { code, out, err }
}

const lines = (out: string) => out.trimEnd().split('\n')

test('scratch lists what is held and until when, values only where they are asked for, and clears it', async () => {
  const all = await cli('scratch')
  assert.equal(all.err, '')
  assert.equal(lines(all.out).length, 4, all.out)
  assert.match(all.out, /^run_\w+ +draft +operator +until its run ends$/m)
  assert.match(all.out, /^session ada@example\.org +last· +operator, recalled +gone in 1 h 5\d min$/m)
  assert.doesNotMatch(all.out, /Hi|Dear/)

  const ada = await cli('scratch', 'ada@example.org', '--values')
  assert.match(ada.out, /^session ada@example\.org .*\{"says":"Hi\\u001b\[2J","recalled":true\}$/m)
  const { items: asJson } = JSON.parse((await cli('scratch', 'ada@example.org', '--json')).out) as { items: object[] }
  assert.deepEqual(
    asJson.map((h) => Object.keys(h)),
    [['owner', 'session', 'name', 'trust', 'recalled', 'expiresAt']],
  )

  const asked = await cli('scratch', 'clear', 'ada@example.org')
  assert.equal(asked.code, 1)
  assert.match(asked.out, /^1 value of "ada@example\.org"\..*\nNothing was done\. Add --yes to do it\.$/ms)
  const done = await cli('scratch', 'clear', '--yes')
  assert.equal(done.code, 0, done.err)
  assert.match(done.out, /^2 values of all sessions\..*\nCleared: 2, copies that runs kept included\.$/ms)
  assert.equal(lines((await cli('scratch')).out).length, 2)
  assert.equal((await cli('scratch', 'ada@example.org')).out, 'Nothing is held by "ada@example.org".\n')
  assert.equal((await cli('scratch', 'a', 'b')).code, 2)
})
