/** What a branch did is not done again because the operator retries a step of the branch beside it. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { inFolder } from './folder.ts'
import { playProgram } from './playing.ts'
import type { Op } from './program.ts'

const fails: Op = { op: 'step', slow: false, throws: 'until mended' }
const sends: Op = { op: 'act', service: 'neither', fault: 'none', says: 'approve', hold: false }

function retried(beside: readonly Op[]) {
  const program = { ops: [{ op: 'all' as const, branches: [[fails], beside] }], compensate: false }
  return inFolder((folder) => playProgram(program, { folder, fates: [{ at: -1, single: true }], hasty: false }))
}

test('a branch sends once, though the step beside it is retried after it had sent', async () => {
  const played = await retried([sends])
  assert.deepEqual([...played.world.doneFor], [['a1a', 1]])
  assert.equal(played.value.effects!.length, 1, 'nothing was proposed twice')
})

test('a step is retried while a child of the branch beside it is under way', async () => {
  const played = await retried([{ op: 'child', ops: [{ op: 'ask', answered: false }], cancelled: false }])
  assert.equal(played.value.runs!.length, 2, 'the child is the same one')
})

test('a branch waits on for its answer, though the step beside it is retried', async () => {
  const played = await retried([{ op: 'ask', answered: true }, { op: 'sleep' }])
  assert.match(played.value.runs![0]!, /answer to a1a/)
})
