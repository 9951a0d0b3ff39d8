import assert from 'node:assert/strict'
import { test } from 'node:test'
import { COMMANDS as COMMANDS_OF_CONSOLE } from '../../console/src/commands.ts'
import { commandText } from '../../console/src/queue/words.ts'
import { COMMANDS } from '../../src/cli/registry.ts'

const names = new Set(COMMANDS.map(({ name }) => name))
const verb = (line: string) => line.split(' ')[1]!

test('the command that does the same is one that there is', () => {
  for (const { id, cli } of COMMANDS_OF_CONSOLE) if (cli !== undefined) assert.ok(names.has(verb(cli)), `${id}: ${cli}`)
  for (const outcome of ['approve', 'edit', 'reject', 'answer', 'retry', 'keep'])
    assert.ok(names.has(verb(commandText('gate_1', outcome))), outcome)
})

test('no key stands for two commands', () => {
  const keys = COMMANDS_OF_CONSOLE.flatMap((c) => c.keys)
  assert.equal(new Set(keys).size, keys.length)
})

test('a reason is one word of a shell, whatever it says', () => {
  assert.equal(commandText('gate_1', 'reject', "it's wrong"), `factotum reject gate_1 --reason 'it'\\''s wrong'`)
})
