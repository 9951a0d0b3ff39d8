import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { onEachStore } from '../each-store.ts'
import { PushService } from './service.fixture.ts'

const CHILD = fileURLToPath(new URL('./killed-child.ts', import.meta.url))

/** A company in a process of its own, on the real clock. Answers the public key that it prints when it runs. */
async function start(folder: string, subscription: string, url: string | undefined) {
  const args = ['--conditions=factotum-source', CHILD, folder, subscription, ...(url ? [url] : [])]
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  const exited = once(child, 'exit')
  const died = exited.then(([code]) => {
    throw new Error(`It ended by itself, with ${String(code)}.`)
  })
  const [line] = (await Promise.race([once(child.stdout, 'data'), died])) as [Buffer]
  // From here on its end is what the test brings about.
  died.catch(() => {})
  return {
    key: line.toString().trim(),
    died,
    async kill() {
      child.kill('SIGKILL')
      await exited
    },
  }
}

onEachStore('killed while it tells of forty items, it tells of them once more, and in one message', async (url) => {
  const folder = await mkdtemp(join(tmpdir(), 'factotum-push-'))
  await using service = await new PushService().listen()
  const phone = service.browser()
  // The push service has it and does not say so before the process dies.
  service.script = ['hang']
  const first = await start(folder, JSON.stringify(phone.subscription), url)
  try {
    await Promise.race([service.until(1), first.died])
  } finally {
    await first.kill()
  }
  const second = await start(folder, '-', url)
  try {
    await Promise.race([service.until(2), second.died])
    // Longer than what is urgent is gathered for.
    await new Promise((resolve) => setTimeout(resolve, 4_000))
  } finally {
    await second.kill()
  }
  assert.equal(second.key, first.key)
  const messages = service.messages(phone, first.key)
  assert.equal(messages.length, 2)
  for (const { title, tag } of messages) {
    assert.match(title, /^\d\d new items wait for you$/)
    assert.equal(tag, 'urgent')
  }
  // The second takes the place of the first, with the push service and on the device.
  assert.equal(service.received[0]!.headers.topic, service.received[1]!.headers.topic)
  const third = await start(folder, '-', url)
  await new Promise((resolve) => setTimeout(resolve, 1_500))
  await third.kill()
  assert.equal(service.received.length, 2)
  await rm(folder, { recursive: true, force: true })
})
