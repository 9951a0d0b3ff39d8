/**
 * Everything that can be done with a key: one list from which the keys, the palette, and the sheet of keys are made. `cli` is
 * the command that does the same; a test holds it against those that there are.
 */
export interface Command {
  readonly id: CommandId
  readonly keys: readonly string[]
  readonly label: string
  readonly section: 'Decide' | 'Move' | 'Go to' | 'This page' | 'Company'
  /** The factotum command that does the same; `<id>` is the item's. */
  readonly cli?: string
}

export type CommandId =
  | 'approve'
  | 'edit'
  | 'reject'
  | 'snooze'
  | 'undo'
  | 'answer'
  | 'next'
  | 'previous'
  | 'select'
  | 'extendDown'
  | 'extendUp'
  | 'open'
  | 'filter'
  | 'first'
  | 'last'
  | 'close'
  | 'today'
  | 'queue'
  | 'history'
  | 'company'
  | 'money'
  | 'settings'
  | 'palette'
  | 'keys'
  | 'events'
  | 'copyCli'
  | 'theme'
  | 'pauseAll'
  | 'resumeAll'
  | 'verify'
  | 'signOut'

export const COMMANDS: readonly Command[] = [
  { id: 'approve', keys: ['a'], label: 'Approve', section: 'Decide', cli: 'factotum approve <id>' },
  {
    id: 'edit',
    keys: ['e'],
    label: 'Edit, then approve',
    section: 'Decide',
    cli: 'factotum approve <id> --set field=value',
  },
  {
    id: 'reject',
    keys: ['r'],
    label: 'Reject, with a reason',
    section: 'Decide',
    cli: 'factotum reject <id> --reason TEXT',
  },
  { id: 'snooze', keys: ['s'], label: 'Snooze', section: 'Decide', cli: 'factotum snooze <id> 2h' },
  { id: 'undo', keys: ['z'], label: 'Undo the last decision', section: 'Decide', cli: 'factotum undo <id>' },
  {
    id: 'answer',
    keys: ['Enter'],
    label: 'Answer, or choose what to do',
    section: 'Decide',
    cli: 'factotum decide <id> <outcome>',
  },
  { id: 'next', keys: ['j', 'ArrowDown'], label: 'Next item', section: 'Move' },
  { id: 'previous', keys: ['k', 'ArrowUp'], label: 'Previous item', section: 'Move' },
  { id: 'select', keys: ['x'], label: 'Select, or take back the selection', section: 'Move' },
  { id: 'extendDown', keys: ['Shift+j', 'Shift+ArrowDown'], label: 'Select to the next', section: 'Move' },
  { id: 'extendUp', keys: ['Shift+k', 'Shift+ArrowUp'], label: 'Select to the previous', section: 'Move' },
  { id: 'open', keys: ['o'], label: 'Open or close a group', section: 'Move' },
  { id: 'first', keys: ['Home'], label: 'First item', section: 'Move' },
  { id: 'last', keys: ['End'], label: 'Last item', section: 'Move' },
  { id: 'filter', keys: ['/'], label: 'Filter', section: 'Move' },
  { id: 'close', keys: ['Escape'], label: 'Close, or clear the selection', section: 'Move' },
  { id: 'today', keys: ['1'], label: 'Today', section: 'Go to', cli: 'factotum status' },
  { id: 'queue', keys: ['2'], label: 'Queue', section: 'Go to', cli: 'factotum queue' },
  { id: 'history', keys: ['3'], label: 'History', section: 'Go to', cli: 'factotum runs' },
  { id: 'company', keys: ['4'], label: 'Company', section: 'Go to', cli: 'factotum facts' },
  { id: 'money', keys: ['5'], label: 'Agents and money', section: 'Go to', cli: 'factotum costs' },
  { id: 'settings', keys: ['6'], label: 'Settings', section: 'Go to', cli: 'factotum status' },
  { id: 'palette', keys: ['Mod+k'], label: 'Find any command', section: 'This page' },
  { id: 'keys', keys: ['?'], label: 'List all keys', section: 'This page' },
  { id: 'events', keys: ['~', '`'], label: 'Events behind this page', section: 'This page', cli: 'factotum why <id>' },
  { id: 'copyCli', keys: ['c'], label: 'Copy the command that does the same', section: 'This page' },
  { id: 'theme', keys: [], label: 'Light or dark', section: 'This page' },
  {
    id: 'pauseAll',
    keys: ['Shift+p'],
    label: 'Pause everything that leaves',
    section: 'Company',
    cli: 'factotum pause',
  },
  { id: 'resumeAll', keys: [], label: 'Resume what is paused', section: 'Company', cli: 'factotum resume' },
  { id: 'verify', keys: [], label: 'Verify the ledger', section: 'Company', cli: 'factotum ledger verify' },
  { id: 'signOut', keys: [], label: 'Sign out', section: 'Company' },
]

export function commandOf(id: CommandId): Command {
  return COMMANDS.find((command) => command.id === id)!
}

/** How a key is written where it is shown. */
export function keyText(key: string, mac: boolean): string {
  const names: Readonly<Record<string, string>> = {
    ArrowDown: '↓',
    ArrowUp: '↑',
    Escape: 'Esc',
    Mod: mac ? '⌘' : 'Ctrl',
    Shift: '⇧',
  }
  return key
    .split('+')
    .map((part) => names[part] ?? part)
    .join(mac ? '' : ' ')
}
