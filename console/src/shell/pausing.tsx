import { Pause } from 'lucide-react'
import { useState } from 'react'
import { mayAsk } from '../access/session.ts'
import { api, messageOf, queries, useReading } from '../api.ts'
import { Time } from '../ui/bits.tsx'
import { Marked } from '../ui/text.tsx'
import { useCommands } from './acting.ts'
import { Dialog } from './dialog.tsx'
import { toast } from './toasts.tsx'

export function usePauses() {
  return useReading('pauses', {}).data ?? []
}

async function resume(scope: string): Promise<void> {
  await api.post('resume', { scope }).then(
    () => toast(scope === 'all' ? 'Everything goes on.' : `${nameOf(scope)} goes on.`),
    (error: unknown) => toast(messageOf(error), { bad: true }),
  )
  await queries.invalidateQueries()
}

async function pause(scope: string, reason: string): Promise<void> {
  await api.post('pause', { scope, ...(reason.trim() === '' ? {} : { reason }) }).then(
    () => toast(`${nameOf(scope)} is paused. What is under way is not broken off.`),
    (error: unknown) => toast(messageOf(error), { bad: true }),
  )
  await queries.invalidateQueries()
}

function nameOf(scope: string): string {
  if (scope === 'all') return 'Everything'
  const [kind, name] = scope.split(':', 2)
  return `The ${kind} ${name}`
}

/** What is paused stands above everything else, wherever one is. */
export function Paused() {
  const pauses = usePauses()
  useCommands({ resume: () => void resume('all') }, { on: pauses.some((p) => p.scope === 'all') })
  return pauses.map(({ scope, reason, since }) => (
    <div
      key={scope}
      role="status"
      data-paused={scope}
      className="flex flex-wrap items-center gap-x-3 gap-y-1 border-b border-line bg-warn-soft px-5 py-1.5 text-sm text-warn"
    >
      <Pause size={14} aria-hidden />
      <p className="min-w-0 flex-1">
        {nameOf(scope)} is paused since <Time at={since} />: nothing of it leaves.
        {reason !== null && reason !== '' && (
          <>
            {' '}
            <Marked text={reason} />
          </>
        )}
      </p>
      {mayAsk('resume') && (
        <button className="button" onClick={() => void resume(scope)}>
          Resume
        </button>
      )}
    </div>
  ))
}

const MEANS: Readonly<Record<string, string>> = {
  all: 'No mail, payment or other effect leaves until you resume. Runs go on thinking and wait where they would act.',
  connector: 'Nothing leaves through it until you resume. What would go through it waits; everything else goes on.',
  workflow: 'Nothing of it leaves until you resume. Its runs go on thinking and wait where they would act.',
}

export function PauseDialog({ scope = 'all', close }: { scope?: string; close: () => void }) {
  const [reason, setReason] = useState('')
  const all = scope === 'all'
  const [kind, name] = scope.split(':', 2)
  return (
    <Dialog title={all ? 'Pause everything that leaves' : `Pause the ${kind} ${name}`} close={close}>
      <form
        className="flex flex-col gap-3 px-5 py-4 text-sm"
        onSubmit={(e) => {
          e.preventDefault()
          close()
          void pause(scope, reason)
        }}
      >
        <p className="text-soft">{MEANS[kind!]} What is under way outside right now is not broken off.</p>
        <label className="flex flex-col gap-1">
          <span className="heading">Why (for the record)</span>
          <input className="field" value={reason} onChange={(e) => setReason(e.target.value)} />
        </label>
        <div className="flex justify-end gap-2">
          <button type="button" className="button" onClick={close}>
            Cancel
          </button>
          <button className="button button-first">{all ? 'Pause everything' : `Pause ${name}`}</button>
        </div>
      </form>
    </Dialog>
  )
}

/** Pauses or resumes one connector or workflow. What everything's pause holds goes on with that. */
export function Switch({ scope, bare = false }: { scope: string; bare?: boolean }) {
  const [open, setOpen] = useState(false)
  const paused = usePauses().some((p) => p.scope === scope)
  const name = scope.slice(scope.indexOf(':') + 1)
  if (!mayAsk('pause')) return null
  return (
    <>
      <button
        className={bare ? 'button button-bare' : 'button'}
        aria-label={`${paused ? 'Resume' : 'Pause'} ${name}`}
        onClick={() => (paused ? void resume(scope) : setOpen(true))}
      >
        {paused ? 'Resume' : 'Pause'}
      </button>
      {open && <PauseDialog scope={scope} close={() => setOpen(false)} />}
    </>
  )
}
