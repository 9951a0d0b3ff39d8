import assert from 'node:assert/strict'
import { test } from 'node:test'
import { filled, sameAs, takes } from './calls.ts'

test('the record that is shown goes where one of its kind is asked for, and nowhere else', () => {
  assert.equal(filled('why <id>', 'gate_1'), 'factotum why gate_1')
  assert.equal(filled('queue [gate]', 'gate_1'), 'factotum queue gate_1')
  assert.equal(filled('queue [gate]', 'run_1'), 'factotum queue')
  assert.equal(filled('approve <gate>… [--set field=value]…', 'gate_1'), 'factotum approve gate_1')
  assert.equal(filled('approve <gate>… [--set field=value]…', 'eff_1'), 'factotum approve <gate>')
  assert.equal(filled('undo <effect, run or decision> [--yes]', 'dec_1'), 'factotum undo dec_1')
  assert.equal(filled('facts [entity|address [attribute]] [--valid DATE]', 'ent_1'), 'factotum facts ent_1')
  assert.equal(
    filled('entity merge <entity> <other> --reason TEXT', 'ent_1'),
    'factotum entity merge ent_1 <other> --reason TEXT',
  )
  assert.equal(filled('recall "<question>" [--about ADDRESS]', 'gate_1'), 'factotum recall "<question>"')
  assert.equal(filled('ledger prove <event>', '20'), 'factotum ledger prove 20')
  assert.deepEqual(
    [takes('run <run>', 'run_1'), takes('run <run>', 'eff_1'), takes('runs', null)],
    [true, false, false],
  )
})

test('the command beside a page shows what its address shows', () => {
  const call = (path: string, search = {}) => sameAs(path, search).call
  assert.equal(call('/'), 'factotum status')
  assert.equal(call('/queue', { item: 'gate_1' }), 'factotum queue gate_1')
  assert.equal(call('/queue', { item: 'kind:effect', kind: 'effect' }), 'factotum queue')
  assert.equal(call('/history', { state: 'failed' }), 'factotum runs --state failed')
  assert.equal(call('/history', { lens: 'ledger', of: 'run_1' }), 'factotum ledger list --of run_1')
  assert.equal(call('/company', { lens: 'documents', id: 'recall', q: "Ada's" }), `factotum recall 'Ada'\\''s'`)
  assert.equal(call('/company', { id: 'ent_1', asOf: '40' }), 'factotum facts ent_1 --as-of 40')
  assert.equal(call('/money', { by: 'agent' }), 'factotum costs --by agent')
  assert.equal(call('/settings', { lens: 'nothing' }), 'factotum connectors')
})

test('only an id is a record', () => {
  const record = (path: string, search: Record<string, string>) => sameAs(path, search).record
  assert.equal(record('/company', { lens: 'documents', id: 'recall', q: 'x' }), null)
  assert.equal(record('/queue', { item: 'kind:effect' }), null)
  assert.equal(record('/history', { lens: 'ledger', id: '20' }), '20')
  assert.equal(record('/queue', { item: 'gate_1' }), 'gate_1')
})
