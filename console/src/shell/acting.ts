import { useEffect, useRef, useSyncExternalStore } from 'react'
import { mayAsk } from '../access/session.ts'
import { COMMANDS, type Command, type CommandId } from '../commands.ts'
import { commandFor } from '../lib/keys.ts'

/** What the page that is shown can do. What came last is asked first: a dialog before the page under it. */
type Handlers = Partial<Readonly<Record<CommandId, () => void>>>
interface Layer {
  readonly handlers: () => Handlers
  /** A dialog takes the keyboard: what lies under it is not asked. */
  readonly alone: boolean
}

let layers: readonly Layer[] = []
const readers = new Set<() => void>()

function change(next: readonly Layer[]): void {
  layers = next
  for (const reader of readers) reader()
}

function subscribe(reader: () => void): () => void {
  readers.add(reader)
  return () => readers.delete(reader)
}

/** Says what commands do here, as long as this is shown. */
export function useCommands(
  handlers: Handlers,
  options: { readonly alone?: boolean; readonly on?: boolean } = {},
): void {
  const { alone = false, on = true } = options
  const held = useRef(handlers)
  useEffect(() => {
    held.current = handlers
  })
  useEffect(() => {
    if (!on) return
    const layer: Layer = { handlers: () => held.current, alone }
    change([...layers, layer])
    return () => change(layers.filter((l) => l !== layer))
  }, [alone, on])
}

/** The nearest that does it; undefined where it cannot be done now. */
function handlerOf(id: CommandId, through = false): (() => void) | undefined {
  for (const { handlers, alone } of layers.toReversed()) {
    const found = handlers()[id]
    if (found) return found
    if (alone && !through) return undefined
  }
  return undefined
}

/** Does it, wherever it was asked. `through`: asked in the palette, for what lies under it. */
export function act(id: CommandId, through = false): boolean {
  const handler = handlerOf(id, through)
  handler?.()
  return handler !== undefined
}

/** Whether whoever is signed in may give it at all: the first operation is what it is for. */
export function isOpen({ operations: [first] }: Pick<Command, 'operations'>): boolean {
  return first === undefined || mayAsk(first)
}

/** What could be given at all, and whether it can be now. */
export function useDoable(): readonly { readonly command: Command; readonly able: boolean }[] {
  useSyncExternalStore(subscribe, () => layers)
  return COMMANDS.filter(isOpen).map((command) => ({ command, able: handlerOf(command.id, true) !== undefined }))
}

/** Whatever has the focus, a control keeps the keys that are its own. */
const ITS_OWN: readonly (readonly [string, ReadonlySet<string>])[] = [
  ['button, a[href], summary', new Set(['Enter', ' '])],
  [
    'select, [role="slider"], [role="tab"], [role="menuitem"]',
    new Set(['Enter', ' ', 'ArrowDown', 'ArrowUp', 'Home', 'End']),
  ],
]

export function useKeyboard(): void {
  useEffect(() => {
    const pressed = (event: KeyboardEvent) => {
      if (
        event.defaultPrevented ||
        event.isComposing ||
        (event.repeat && !['j', 'k', 'ArrowDown', 'ArrowUp'].includes(event.key))
      )
        return
      const target = event.target instanceof HTMLElement ? event.target : null
      if (ITS_OWN.some(([controls, keys]) => keys.has(event.key) && target?.closest(controls))) return
      const able = COMMANDS.filter((c) => isOpen(c) && handlerOf(c.id) !== undefined)
      const command = commandFor(able, event, target as HTMLInputElement | null)
      if (!command) return
      event.preventDefault()
      act(command.id)
    }
    window.addEventListener('keydown', pressed)
    return () => window.removeEventListener('keydown', pressed)
  }, [])
}
