import assert from 'node:assert/strict'
import { test } from 'node:test'
import { found } from './finding.ts'

const all = ['Go to the queue', 'Queue', 'Verify the ledger', 'Requeue', 'Pause everything']
const find = (query: string) => found(all, query, (text) => text)

test('every word has to be there; what begins with it comes first', () => {
  assert.deepEqual(find(''), all)
  assert.deepEqual(find('queue'), ['Queue', 'Go to the queue', 'Requeue'])
  assert.deepEqual(find('the go'), ['Go to the queue'])
  assert.deepEqual(find('nothing'), [])
})

test('letters in their order are enough, from the begin of a word', () => {
  assert.deepEqual(find('vrfy'), ['Verify the ledger'])
  assert.deepEqual(find('pse'), ['Pause everything'])
  assert.deepEqual(find('vg'), [])
})
