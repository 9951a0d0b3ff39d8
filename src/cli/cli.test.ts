import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { createServer as createPlainServer, type AddressInfo, type Socket } from 'node:net'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { fileURLToPath } from 'node:url'

const BIN = fileURLToPath(new URL('../../bin/factotum.js', import.meta.url))
const API = new URL('../index.ts', import.meta.url).href
const HOSTILE = 'Pay\u001b[2J \u202eeve\u0007\r\n--- approve'

const COMPANY = `
import { agent, company, workflow, z } from '${API}'
const ask = workflow('ask', { input: z.object({ title: z.string() }) }, (ctx, i) => ctx.ask({ title: i.title, about: { note: i.title }, options: ['1', '2'] }))
const fail = workflow('fail', { input: z.object({}) }, (ctx) => ctx.step('boom', () => { throw new Error('boom') }))
const kind = agent('kind', { output: z.string(), tiers: [() => ({ value: 'lead', because: 'Pay\\u001b[2J' })] })
const judge = workflow('judge', { input: z.object({}) }, async (ctx) => (await ctx.decide(kind, 'x')).value)
export default company({ name: 'Cli', workflows: [ask, fail, judge] })
`

let folder = ''
const servers: ChildProcess[] = []

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'factotum-cli-'))
  await writeFile(join(folder, 'company.ts'), COMPANY)
})

after(async () => {
  for (const server of servers) server.kill('SIGKILL')
  await rm(folder, { recursive: true, force: true })
})

const env = Object.fromEntries(
  Object.entries(process.env).filter(([name]) => name !== 'DATABASE_URL' && !name.startsWith('NODE_TEST')),
)

async function cli(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  const child = spawn(process.execPath, [BIN, ...args], { env, cwd: tmpdir() })
  let out = ''
  let err = ''
  child.stdout.on('data', (chunk) => (out += String(chunk)))
  child.stderr.on('data', (chunk) => (err += String(chunk)))
  const [code] = (await once(child, 'close')) as [number]
  return { code, out, err }
}

async function json(...args: string[]): Promise<{ code: number; value: never }> {
  const { code, out, err } = await cli(...args, '--json', '--company', folder)
  assert.equal(err, '')
  return { code, value: JSON.parse(out) as never }
}

/** Starts a server on the company and waits until it says where it listens. */
async function server(): Promise<{ url: string; child: ChildProcess }> {
  const child = spawn(process.execPath, [BIN, 'start', folder, '--port', '0', '--json'], {
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  servers.push(child)
  let out = ''
  for await (const chunk of child.stdout!) {
    out += String(chunk)
    if (out.includes('}')) break
  }
  return { url: (JSON.parse(out) as { url: string }).url, child }
}

async function post(url: string, operation: string, args: unknown): Promise<Record<string, unknown>> {
  const { token } = JSON.parse(await readFile(join(folder, 'data/server.json'), 'utf8')) as { token: string }
  const response = await fetch(`${url}/v1/${operation}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify(args),
  })
  return (await response.json()) as Record<string, unknown>
}

/** Another program where the server file says that the server is: it reads a request, then answers in its own way. */
async function listens(file: string, answer: (socket: Socket) => void): Promise<() => void> {
  const other = createPlainServer((socket) => socket.on('error', () => {}).once('data', () => answer(socket)))
  await once(other.listen(0, '127.0.0.1'), 'listening')
  const left = JSON.parse(await readFile(file, 'utf8')) as Record<string, unknown>
  await writeFile(file, JSON.stringify({ ...left, url: `http://127.0.0.1:${(other.address() as AddressInfo).port}` }))
  return () => other.close()
}

async function stopped(child: ChildProcess, signal: NodeJS.Signals): Promise<number | null> {
  const gone = once(child, 'close')
  child.kill(signal)
  return ((await gone) as [number | null])[0]
}

test('what is called wrongly exits with 2, in words or as JSON', async () => {
  const WRONG = [
    ['nonsense'],
    ['run', 'a', 'b'],
    ['status', '--nope'],
    ['ledger', 'prove', 'x'],
    ['start', folder, '--port', 'x'],
    ['restart', 'run_x', '--input', '{'],
    ['restart', 'run_x', '--input', ''],
    ['runs', '--limit', 'x'],
    ['runs', '--limit', '0'],
  ]
  for (const args of WRONG) {
    const { code, out, err } = await cli(...args, '--company', folder, '--json')
    assert.deepEqual([args, code, err], [args, 2, ''])
    assert.match((JSON.parse(out) as { error: { code: string } }).error.code, /^cli\./)
  }
  const { code, out, err } = await cli('approve')
  assert.deepEqual([code, out], [2, ''])
  assert.match(err, /^factotum: .+ \[cli\.usage\]\n$/)
})

test('without a company it says how to come by one, and exits with 1', async () => {
  const { code, err } = await cli('status', '--company', join(folder, 'nowhere'))
  assert.equal(code, 1)
  assert.match(err, /factotum init.*\[company\.not_found\]/)
})

test('init makes a company that runs, and refuses a folder with something in it', async () => {
  const made = join(folder, 'made')
  const { code, out } = await cli('init', made, '--json')
  assert.deepEqual([code, JSON.parse(out)], [0, { folder: made }])
  assert.match(await readFile(join(made, 'company.ts'), 'utf8'), /Made/)
  for (const file of ['package.json', '.gitignore', 'README.md']) assert.ok(existsSync(join(made, file)), file)
  const again = await cli('init', made, '--json')
  assert.equal(again.code, 1)
  assert.equal((JSON.parse(again.out) as { error: { code: string } }).error.code, 'init.not_empty')
})

test('beside a server commands go through it; hostile text is printed inertly; a second server is refused', async () => {
  const { url, child } = await server()
  const run = await post(url, 'start', { workflow: 'ask', input: { title: HOSTILE } })
  const failed = await post(url, 'start', { workflow: 'fail', input: {} })
  while (((await json('queue')).value as unknown[]).length < 2);
  for (const printed of [
    await cli('queue', '--company', folder),
    await cli('run', String(run.id), '--company', folder),
  ]) {
    assert.equal(printed.code, 0)
    assert.match(printed.out, /Pay/)
    assert.doesNotMatch(printed.out, /(?!\n)[\p{Cc}\p{Cf}]/u)
    assert.doesNotMatch(printed.out, /^--- approve/m)
  }
  const second = await cli('start', folder, '--once')
  assert.deepEqual([second.code, second.out], [1, ''])
  assert.match(second.err, /Another process owns .*\[store\.locked\]/)

  const gates = (await json('queue')).value as { id: string; kind: string }[]
  const question = gates.find((g) => g.kind === 'question')!.id
  for (const args of [
    ['status'],
    ['queue', question],
    ['runs'],
    ['run', String(run.id)],
    ['why', String(run.id)],
    ['ledger', 'verify'],
    ['ledger', 'prove', '0'],
    ['ledger', 'export', join(folder, 'out.jsonl')],
    ['doctor'],
  ]) {
    assert.deepEqual([args, (await json(...args)).code], [args, 0])
  }
  assert.equal(
    ((await json('answer', question, '9')).value as { error: { code: string } }).error.code,
    'gate.bad_value',
  )
  assert.equal((await json('answer', question, '2')).code, 0)
  assert.equal(((await json('approve', question)).value as { error: { code: string } }).error.code, 'gate.decided')
  assert.equal((await json('retry', String(failed.id))).code, 0)
  assert.equal((await json('cancel', String(failed.id), '--reason', 'enough')).code, 0)
  assert.equal(await stopped(child, 'SIGTERM'), 0)
  assert.equal(existsSync(join(folder, 'data/server.json')), false)
  const { value } = await json('run', String(run.id))
  assert.deepEqual(
    [
      (value as { run: { state: string; result: string } }).run.state,
      (value as { run: { result: string } }).run.result,
    ],
    ['done', '"2"'],
  )
})

test('a server that was killed leaves a file that misleads nobody', async () => {
  const { child } = await server()
  await stopped(child, 'SIGKILL')
  const file = join(folder, 'data/server.json')
  assert.ok(existsSync(file))
  assert.equal((await json('status')).code, 0)
  // Another program has taken its port: one that answers anything with a page.
  const other = createServer((_, response) => response.end('<html>hello</html>')).listen(0, '127.0.0.1')
  await once(other, 'listening')
  const left = JSON.parse(await readFile(file, 'utf8')) as Record<string, unknown>
  await writeFile(file, JSON.stringify({ ...left, url: `http://127.0.0.1:${(other.address() as AddressInfo).port}` }))
  assert.equal(((await json('status')).value as { company: string }).company, 'Cli')
  other.close()
  // Others that answer with JSON of their own, or do not speak HTTP, are no server; one that hangs up may have worked.
  for (const answer of [
    'HTTP/1.1 404 Not Found\r\nContent-Type: application/json\r\nContent-Length: 18\r\n\r\n{"error":"nobody"}',
    'SSH-2.0-OpenSSH_9.9\r\n',
  ]) {
    const close = await listens(file, (socket) => socket.end(answer))
    assert.equal(((await json('status')).value as { company: string }).company, 'Cli')
    close()
  }
  const half = 'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1700\r\n\r\n{'
  for (const answer of ['', half]) {
    const close = await listens(file, (socket) => socket.write(answer, () => socket.destroy()))
    assert.equal(((await json('status')).value as { error: { code: string } }).error.code, 'cli.server_lost')
    close()
  }
  await writeFile(file, 'torn{')
  assert.equal((await json('status')).code, 0)
  const again = await server()
  assert.equal(await stopped(again.child, 'SIGINT'), 0)
})

test('start --once runs until nothing is due and says what there is', async () => {
  await mkdir(join(folder, 'data'), { recursive: true })
  const { code, value } = await json('start', '--once')
  assert.equal(code, 0)
  assert.deepEqual([(value as { company: string }).company, (value as { driven: boolean }).driven], ['Cli', true])
})

test('a decision that led to nothing outside is taken back too', async () => {
  assert.equal((await json('launch', 'judge', '--input', '{}')).code, 0)
  assert.equal((await json('start', '--once')).code, 0)
  const { decisions } = (await json('agents', 'kind')).value as { decisions: { id: string }[] }
  const undone = await cli('undo', decisions[0]!.id, '--yes', '--company', folder)
  assert.deepEqual([undone.code, undone.err], [0, ''])
  assert.match(undone.out, /^retract choice {2}kind: "lead"$/m)
  const again = await cli('undo', decisions[0]!.id, '--yes', '--company', folder)
  assert.deepEqual([again.code, again.out], [1, 'Nothing of this can be taken back.\n'])
})

test('several gates are decided together only where they ask for the same', async () => {
  for (const title of ['Which?', 'And which?'])
    assert.equal((await json('launch', 'ask', '--input', JSON.stringify({ title }))).code, 0)
  assert.equal((await json('start', '--once')).code, 0)
  const items = (await json('queue')).value as { id: string; title: string }[]
  const ids = items.filter(({ title }) => title.endsWith('hich?')).map(({ id }) => id)
  assert.equal(ids.length, 2)
  const mixed = (await json('decide', ...ids, 'answer')).value as { error: { code: string } }
  assert.equal(mixed.error.code, 'gate.mixed_group')
  const used = await json('decide', ...ids, 'answer', '--value', '1')
  assert.deepEqual([used.code, (used.value as { error: { code: string } }).error.code], [2, 'cli.usage'])
})
