/** What of the registry can be given in the console. */
import { COMMANDS as ALL, type Command as Registered, type ShownId } from '../../src/cli/registry.ts'

export type CommandId = ShownId

export interface Command extends Registered {
  readonly id: CommandId
  readonly label: string
}

export const COMMANDS: readonly Command[] = ALL.filter((command): command is Command => command.label !== null)

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
