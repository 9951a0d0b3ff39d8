import type { Entries } from './entry.ts'

const LIST = 'There is no list on this page.'

/** Moving about a list. */
export const MOVE = {
  next: { label: 'Next item', keys: ['j', 'ArrowDown'], needs: LIST },
  previous: { label: 'Previous item', keys: ['k', 'ArrowUp'], needs: LIST },
  select: { label: 'Select, or take back the selection', keys: ['x'], needs: 'Items are selected in the queue.' },
  extendDown: {
    label: 'Select to the next',
    keys: ['Shift+j', 'Shift+ArrowDown'],
    needs: 'Items are selected in the queue.',
  },
  extendUp: {
    label: 'Select to the previous',
    keys: ['Shift+k', 'Shift+ArrowUp'],
    needs: 'Items are selected in the queue.',
  },
  open: { label: 'Open or close a group', keys: ['o'], needs: 'Groups are in the queue.' },
  first: { label: 'First item', keys: ['Home'], needs: LIST },
  last: { label: 'Last item', keys: ['End'], needs: LIST },
  filter: { label: 'Filter', keys: ['/'], needs: 'Nothing is filtered by words on this page.' },
  close: { label: 'Close, or clear the selection', keys: ['Escape'] },
} as const satisfies Entries

/** What there is on every page of the console. */
export const PAGE = {
  palette: { label: 'Find any command', keys: ['Mod+k'] },
  keys: { label: 'List all keys', keys: ['?'] },
  copyCli: { label: 'Copy the command that shows the same', keys: ['c'] },
  theme: { label: 'Light or dark', keys: [] },
} as const satisfies Entries
