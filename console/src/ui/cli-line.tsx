import { isGuest } from '../access/session.ts'
import { toast } from '../shell/toasts.tsx'
import { Section } from './bits.tsx'

export async function copy(text: string): Promise<void> {
  await navigator.clipboard.writeText(text).then(
    () => toast(`Copied: ${text}`),
    // Only over HTTPS or on this machine; to be read it is in any case.
    () => toast(text),
  )
}

/** The factotum command that does or shows the same. */
export function CliLine({ text }: { text: string }) {
  return (
    <p className="flex items-center gap-2">
      <code
        className="min-w-0 flex-1 overflow-x-auto rounded bg-sunken px-2 py-1 font-mono text-xs whitespace-nowrap"
        tabIndex={0}
      >
        {text}
      </code>
      <button className="button button-bare" onClick={() => void copy(text)}>
        Copy
      </button>
    </p>
  )
}

/** The same at the foot of what is shown; not to guests, who have no command. */
export function SameAsCommand({ text, title = 'The same as a command' }: { text: string; title?: string }) {
  if (isGuest()) return null
  return (
    <Section title={title}>
      <CliLine text={text} />
    </Section>
  )
}
