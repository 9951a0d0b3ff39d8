import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { openOutbox, type Outbox } from './outbox.ts'

const NEVER = new AbortController().signal
const ID = 'a1b2'
const MAIL = {
  to: 'jonas@brotzeit.example',
  subject: 'Hello',
  text: 'Hello',
  messageId: `${ID}@northlight.example`,
  date: 0,
}

async function folderOf(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'outbox-'))
  t.after(() => rm(folder, { recursive: true }))
  return folder
}

async function opened(t: TestContext, folder: string): Promise<Outbox> {
  const outbox = await openOutbox(folder, { from: 'mara@northlight.example', port: undefined, timeoutMs: 5_000 })
  t.after(() => outbox.close())
  return outbox
}

const find = (outbox: Outbox, id = ID) => outbox.sent!.find(id, NEVER)

test('what was kept was sent; what was not is certainly not, at the next start too', async (t) => {
  const folder = await folderOf(t)
  const first = await opened(t, folder)
  assert.deepEqual(await find(first), { found: 'no' })
  first.sink.setFaults({ drop: 'after-accept' })
  await assert.rejects(first.transport.send(MAIL), { kind: 'uncertain' })
  const there = { found: 'yes', messageId: MAIL.messageId, where: folder }
  assert.deepEqual(await find(first), there)
  assert.deepEqual(await find(first, 'a1b'), { found: 'no' })
  await first.close()
  const second = await opened(t, folder)
  assert.deepEqual(await find(second), there)
  assert.deepEqual(await find(second, 'ffff'), { found: 'no' })
})

test('beside another process absence proves nothing, and what the other one kept is found', async (t) => {
  const folder = await folderOf(t)
  const [first, second] = [await opened(t, folder), await opened(t, folder)]
  for (const outbox of [first, second]) assert.deepEqual(await find(outbox), { found: 'unknown' })
  await first.transport.send(MAIL)
  for (const outbox of [first, second]) assert.equal((await find(outbox)).found, 'yes')
  await first.close()
  await second.close()
  // Whether the other one is gone, or only slow, cannot be told any more.
  assert.deepEqual(await find(await opened(t, folder), 'ffff'), { found: 'unknown' })
})
