import assert from 'node:assert/strict'
import { parseMail } from './parse.ts'
import { Message } from './message.ts'

/** Parses `raw` and checks what must hold for every message, whatever the bytes were. */
export async function parseChecked(raw: Uint8Array | string): Promise<Message> {
  const bytes = typeof raw === 'string' ? Buffer.from(raw) : raw
  const { message, attachments } = await parseMail(bytes)
  assert.deepEqual(Message.parse(message), message)
  assert.equal(message.size, bytes.length)
  const { text, attachments: infos, ...header } = message
  const lines = Object.values(header)
    .flat()
    .filter((value) => typeof value === 'string')
  for (const line of [...lines, ...infos.flatMap((info) => [info.name, info.type])]) {
    assert.doesNotMatch(line, /[\r\n\0]/)
    assertClean(line)
  }
  assertClean(text)
  assert.deepEqual(new Set(infos.map((info) => info.sha256)), new Set(attachments.map((content) => content.sha256)))
  return message
}

function assertClean(text: string): void {
  assert.ok(text.isWellFormed())
  assert.ok(!text.includes('\0'))
  assert.equal(text.normalize('NFC'), text)
}
