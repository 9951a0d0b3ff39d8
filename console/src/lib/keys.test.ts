import assert from 'node:assert/strict'
import { test } from 'node:test'
import { commandFor, nameOf } from './keys.ts'

const press = (key: string, also: object = {}) => ({
  key,
  ctrlKey: false,
  metaKey: false,
  altKey: false,
  shiftKey: false,
  ...also,
})
const COMMANDS = [
  { id: 'approve', keys: ['a'] },
  { id: 'keys', keys: ['?'] },
  { id: 'palette', keys: ['Mod+k'] },
  { id: 'select', keys: ['Shift+j', 'Shift+ArrowDown'] },
  { id: 'close', keys: ['Escape'] },
]

test('a press has one name, whatever the keyboard', () => {
  assert.equal(nameOf(press('a')), 'a')
  assert.equal(nameOf(press('?', { shiftKey: true })), '?')
  assert.equal(nameOf(press('~', { shiftKey: true })), '~')
  assert.equal(nameOf(press('J', { shiftKey: true })), 'Shift+j')
  assert.equal(nameOf(press('k', { metaKey: true })), 'Mod+k')
  assert.equal(nameOf(press('ArrowDown', { shiftKey: true })), 'Shift+ArrowDown')
})

test('keys do nothing while somebody types, but for those that no text has', () => {
  const box = { tagName: 'TEXTAREA' }
  assert.equal(commandFor(COMMANDS, press('a'), null)?.id, 'approve')
  assert.equal(commandFor(COMMANDS, press('a'), box), undefined)
  assert.equal(commandFor(COMMANDS, press('a'), { tagName: 'DIV', isContentEditable: true }), undefined)
  assert.equal(commandFor(COMMANDS, press('k', { ctrlKey: true }), box)?.id, 'palette')
  assert.equal(commandFor(COMMANDS, press('Escape'), box)?.id, 'close')
  assert.equal(commandFor(COMMANDS, press('a'), { tagName: 'INPUT', type: 'checkbox' })?.id, 'approve')
})

test('with Ctrl or Alt a letter is another key', () => {
  assert.equal(commandFor(COMMANDS, press('a', { ctrlKey: true }), null), undefined)
  assert.equal(commandFor(COMMANDS, press('a', { altKey: true }), null), undefined)
})
