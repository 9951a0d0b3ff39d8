import { useState } from 'react'
import { keyText, type Command } from '../commands.ts'
import { found } from '../lib/keys.ts'
import { Key } from '../ui/bits.tsx'
import { act, useDoable } from './acting.ts'
import { Dialog } from './dialog.tsx'
import { COMMANDS } from '../commands.ts'

export const MAC = /Mac|iPhone|iPad/.test(navigator.userAgent)

/** Finds any command that can be given now, by its words, its key or the factotum command that does the same. */
export function Palette({ close }: { close: () => void }) {
  const [query, setQuery] = useState('')
  const [at, setAt] = useState(0)
  const doable = useDoable().filter(({ id }) => id !== 'palette' && id !== 'close')
  const shown = found(doable, query, (c) => `${c.label} ${c.section} ${c.cli ?? ''}`)
  const give = (command: Command | undefined) => {
    if (!command) return
    close()
    // After it is closed: what it does may open another.
    setTimeout(() => act(command.id), 0)
  }
  return (
    <Dialog title="Find a command" close={close} bare>
      <input
        className="w-full border-b border-line bg-transparent px-5 py-3.5 text-lg outline-none placeholder:text-faint"
        placeholder="Find a command"
        aria-label="Find a command"
        role="combobox"
        aria-expanded
        aria-controls="palette-list"
        aria-activedescendant={shown[at] ? `palette-${shown[at].id}` : undefined}
        value={query}
        onChange={(e) => {
          setQuery(e.target.value)
          setAt(0)
        }}
        onKeyDown={(e) => {
          if (e.key === 'ArrowDown' || e.key === 'ArrowUp') {
            e.preventDefault()
            const step = e.key === 'ArrowDown' ? 1 : -1
            setAt((n) => (n + step + shown.length) % Math.max(1, shown.length))
          }
          if (e.key === 'Enter') {
            e.preventDefault()
            give(shown[at])
          }
        }}
      />
      <ul id="palette-list" role="listbox" aria-label="Commands" className="min-h-0 overflow-y-auto p-2">
        {shown.map((command, n) => (
          <li
            key={command.id}
            id={`palette-${command.id}`}
            role="option"
            aria-selected={n === at}
            ref={(element) => {
              if (n === at) element?.scrollIntoView({ block: 'nearest' })
            }}
            className={`flex cursor-pointer items-center gap-3 rounded-md px-3 py-1.5 ${n === at ? 'bg-accent-soft' : ''}`}
            onPointerMove={() => setAt(n)}
            onClick={() => give(command)}
          >
            <span className="flex-1">{command.label}</span>
            {command.cli && <span className="truncate font-mono text-xs text-soft max-sm:hidden">{command.cli}</span>}
            <span className="w-14 text-right">{command.keys[0] && <Key>{keyText(command.keys[0], MAC)}</Key>}</span>
          </li>
        ))}
        {shown.length === 0 && <li className="px-3 py-6 text-sm text-soft">No command has these words.</li>}
      </ul>
    </Dialog>
  )
}

const SECTIONS = ['Decide', 'Move', 'Go to', 'This page', 'Company'] as const

export function KeySheet({ close }: { close: () => void }) {
  return (
    <Dialog title="Keys" close={close} wide>
      <div className="grid min-h-0 gap-x-10 gap-y-5 overflow-y-auto px-5 py-4 sm:grid-cols-2">
        {SECTIONS.map((section) => (
          <section key={section}>
            <h2 className="heading mb-1.5">{section}</h2>
            <ul className="text-sm">
              {COMMANDS.filter((c) => c.section === section && c.keys.length > 0).map((c) => (
                <li key={c.id} className="flex items-center justify-between gap-3 border-b border-line py-1">
                  <span>{c.label}</span>
                  <span className="flex gap-1">
                    {c.keys.map((key) => (
                      <Key key={key}>{keyText(key, MAC)}</Key>
                    ))}
                  </span>
                </li>
              ))}
            </ul>
          </section>
        ))}
        <p className="text-sm text-soft sm:col-span-2">
          Keys do nothing while you type. Everything here can be done with the factotum command too: the palette shows
          it beside each.
        </p>
      </div>
    </Dialog>
  )
}
