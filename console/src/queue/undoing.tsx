import { useQuery } from '@tanstack/react-query'
import { useState, useSyncExternalStore } from 'react'
import type { Result } from '../../../src/client.ts'
import { api, messageOf, queries } from '../api.ts'
import { useCommands } from '../shell/acting.ts'
import { Dialog } from '../shell/dialog.tsx'
import { toast } from '../shell/toasts.tsx'
import { Failed, Key, Loading, State } from '../ui/bits.tsx'
import { Marked } from '../ui/text.tsx'

/** What is asked to be taken back: an effect, a run or a decision. */
let asked: string | null = null
const readers = new Set<() => void>()

export function askUndo(id: string | null): void {
  asked = id
  for (const reader of readers) reader()
}

function subscribe(reader: () => void): () => void {
  readers.add(reader)
  return () => readers.delete(reader)
}

const HOW: Readonly<Record<string, string>> = {
  cancel: 'Stopped: it has not left',
  undo: 'Taken back by an action of its own',
  leave: 'Stays as it is',
}

/** Shows what would be taken back, and does exactly that once it is confirmed. */
export function UndoDialog() {
  const id = useSyncExternalStore(subscribe, () => asked)
  return id === null ? null : <Plan id={id} />
}

function Plan({ id }: { id: string }) {
  const close = () => askUndo(null)
  const plan = useQuery({ queryKey: ['undoPlan', { id }], queryFn: () => api.get('undoPlan', { id }), gcTime: 0 })
  return (
    <Dialog title="Take it back" close={close} wide>
      {plan.data ? (
        <Confirm plan={plan.data} close={close} />
      ) : plan.error ? (
        <Failed error={plan.error} retry={() => void plan.refetch()} />
      ) : (
        <Loading rows={2} />
      )}
    </Dialog>
  )
}

function Confirm({ plan, close }: { plan: Result<'undoPlan'>; close: () => void }) {
  const [busy, setBusy] = useState(false)
  const moves = plan.steps.filter((s) => s.how !== 'leave').length
  const able = moves + plan.facts.length + plan.decisions.length > 0 || plan.ends.length > 0
  const confirm = async () => {
    if (busy || !able) return
    setBusy(true)
    try {
      const { cancelled, undoing } = await api.post('undo', { id: plan.id, binding: plan.binding })
      const parts = [
        ...(cancelled.length > 0 ? [`${cancelled.length} stopped`] : []),
        ...(undoing.length > 0 ? [`${undoing.length} being taken back`] : []),
      ]
      toast(`Undo: ${parts.join(', ') || 'done'}.`)
      close()
    } catch (error) {
      toast(messageOf(error), { bad: true })
      setBusy(false)
    }
    await queries.invalidateQueries({ refetchType: 'active' })
  }
  useCommands({ answer: () => void confirm() })
  return (
    <>
      <div className="min-h-0 overflow-y-auto px-5 py-4 text-sm">
        {plan.steps.length === 0 && <p className="text-soft">No effect of it is left to take back.</p>}
        <ul className="flex flex-col gap-3">
          {plan.steps.map((step) => (
            <li key={step.effect} className="border-l-2 border-line pl-3">
              <p className="font-medium">
                <Marked text={step.title} />
              </p>
              <p className="flex flex-wrap gap-x-3 text-soft">
                <State of={step.state} />
                <span>{HOW[step.how]}.</span>
                <span className="plain">{step.why}</span>
              </p>
            </li>
          ))}
        </ul>
        {plan.facts.length > 0 && (
          <p className="mt-3 text-soft">Facts that are no longer believed: {plan.facts.length}.</p>
        )}
        {plan.decisions.length > 0 && (
          <p className="mt-1 text-soft">Decisions that are marked as taken back: {plan.decisions.length}.</p>
        )}
        {plan.ends.length > 0 && <p className="mt-1 text-soft">Runs that end first: {plan.ends.join(', ')}.</p>}
        <p className="mt-3 font-mono text-xs text-soft">factotum undo {plan.id}</p>
      </div>
      <div className="flex justify-end gap-2 border-t border-line px-5 py-3">
        <button className="button" onClick={close}>
          Keep it
        </button>
        <button className="button button-first" autoFocus disabled={!able || busy} onClick={() => void confirm()}>
          Take it back <Key>Enter</Key>
        </button>
      </div>
    </>
  )
}
