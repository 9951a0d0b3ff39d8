/** Which key means what. Keys do nothing while somebody types, but for those with Ctrl or Cmd and Escape. */
export interface Pressed {
  readonly key: string
  readonly ctrlKey: boolean
  readonly metaKey: boolean
  readonly altKey: boolean
  readonly shiftKey: boolean
}

/** `a`, `?`, `Shift+j`, `Mod+k`, `Escape`: one name for one press, whatever the keyboard calls it. */
export function nameOf(pressed: Pressed): string {
  const { key, shiftKey } = pressed
  const letter = key.length === 1 && key.toLowerCase() !== key.toUpperCase()
  const parts = [
    ...(pressed.ctrlKey || pressed.metaKey ? ['Mod'] : []),
    ...(pressed.altKey ? ['Alt'] : []),
    // `?` and `~` are typed with shift on some keyboards and without on others.
    ...(shiftKey && (letter || key.length > 1) ? ['Shift'] : []),
    letter ? key.toLowerCase() : key,
  ]
  return parts.join('+')
}

const FIELDS = new Set(['INPUT', 'TEXTAREA', 'SELECT'])

interface Target {
  readonly tagName?: string
  readonly isContentEditable?: boolean
  readonly type?: string
}

/** Whether what has the focus takes letters. */
function isTyping(target: Target | null): boolean {
  if (target?.isContentEditable) return true
  if (!FIELDS.has(target?.tagName ?? '')) return false
  return !['checkbox', 'radio', 'button', 'range', 'submit'].includes(target?.type ?? '')
}

export interface Keyed {
  readonly keys: readonly string[]
}

/** The first command that a press stands for; those that come later in the list are further away from where one is. */
export function commandFor<T extends Keyed>(
  commands: readonly T[],
  pressed: Pressed,
  target: Target | null,
): T | undefined {
  const name = nameOf(pressed)
  if (isTyping(target) && !name.startsWith('Mod+') && name !== 'Escape') return undefined
  return commands.find(({ keys }) => keys.includes(name))
}
