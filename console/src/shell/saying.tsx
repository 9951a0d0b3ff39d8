import { messageOf } from '../api.ts'
import { moved } from '../live.ts'
import { toast } from './toasts.tsx'

/** Says it, tells what came of it, and reads the company anew. */
export async function say(doing: Promise<unknown>, done: string, close: () => void): Promise<void> {
  try {
    await doing
    toast(done)
    close()
  } catch (error) {
    toast(messageOf(error), { bad: true })
  }
  moved()
}

/** The reason that is kept on the record with what is done. */
export function Why({ value, set, first = false }: { value: string; set: (text: string) => void; first?: boolean }) {
  return (
    <label className="flex flex-col gap-1">
      <span className="heading">Why, in your words (it is kept on the record)</span>
      <input className="field" autoFocus={first} value={value} onChange={(e) => set(e.target.value)} />
    </label>
  )
}
