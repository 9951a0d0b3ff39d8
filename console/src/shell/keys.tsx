import { COMMANDS, keyText } from '../commands.ts'
import { Key } from '../ui/bits.tsx'
import { isOpen } from './acting.ts'
import { Dialog } from './dialog.tsx'

export const MAC = /Mac|iPhone|iPad/.test(navigator.userAgent)

/** Every key, section by section. */
export function KeySheet({ close }: { close: () => void }) {
  const keyed = COMMANDS.filter((c) => c.keys.length > 0 && isOpen(c))
  const sections = [...new Set(keyed.map((c) => c.section))]
  return (
    <Dialog title="Keys" close={close} wide>
      <div className="min-h-0 gap-x-10 overflow-y-auto px-5 pt-4 sm:columns-2">
        {sections.map((section) => (
          <section key={section} className="mb-5 break-inside-avoid">
            <h2 className="heading mb-1.5">{section}</h2>
            <ul className="text-sm">
              {keyed
                .filter((c) => c.section === section)
                .map((c) => (
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
        <p className="mb-4 text-sm text-soft">
          Keys do nothing while you type. Everything here can be done with the factotum command too: the palette says
          how.
        </p>
      </div>
    </Dialog>
  )
}
