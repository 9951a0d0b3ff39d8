import { useState } from 'react'
import type { Result } from '../../../src/client.ts'
import type { Json } from '../../../src/lib/json.ts'
import { api, messageOf, queries, useReading } from '../api.ts'
import { usePages } from '../pages.ts'
import { lasting } from '../lib/time.ts'
import { askUndo } from '../queue/undoing.tsx'
import { useCommands } from '../shell/acting.ts'
import { Dialog } from '../shell/dialog.tsx'
import { toast } from '../shell/toasts.tsx'
import { Empty, Facts, Key, Section, Shown, State, Time } from '../ui/bits.tsx'
import { Chain, kindWords } from '../ui/chain.tsx'
import { CliLine } from '../ui/cli-line.tsx'
import { Filter, Head, Split } from '../ui/split.tsx'
import { Line, Text } from '../ui/text.tsx'
import { Value } from '../ui/value.tsx'
import { useAddress } from '../url.ts'

const STATES = ['queued', 'active', 'waiting', 'done', 'failed', 'parked', 'cancelled']

export function Runs() {
  const { search } = useAddress()
  const runs = usePages('runs', search.state ? { state: search.state } : {})
  return (
    <Shown of={runs}>
      {(data) => (
        <Split
          label="Runs"
          items={data}
          more={runs.more}
          whole={runs.whole}
          filtered={search.state !== undefined}
          above={<Filter of={STATES} at={search.state} name="state" label="State" />}
          empty={
            <Empty title={search.state ? 'No run is in this state' : 'Nothing has run yet'}>
              A run begins when a mail, a time or you start a workflow.
            </Empty>
          }
          choose="Choose a run to see what it did, step by step"
          row={(run) => (
            <>
              <span className="flex items-baseline gap-3">
                <Line text={run.workflow} className="flex-1 font-medium" />
                <Time at={run.startedAt} className="text-xs text-soft" />
              </span>
              <span className="flex items-center gap-3 text-xs">
                <State of={run.state} />
                {run.error !== null && <Line text={run.error} className="text-soft" />}
                {run.error === null && run.endedAt !== null && (
                  <span className="text-soft">{lasting(run.endedAt - run.startedAt)}</span>
                )}
              </span>
            </>
          )}
        >
          {(id) => <Run id={id} />}
        </Split>
      )}
    </Shown>
  )
}

type Timeline = Result<'run'>

function Run({ id }: { id: string }) {
  const run = useReading('run', { id })
  return <Shown of={run}>{(data) => <Inspected of={data} />}</Shown>
}

function Inspected({ of: { run, nodes } }: { of: Timeline }) {
  const [ending, setEnding] = useState(false)
  const ended = run.ended_at !== null
  const act = async (said: string, what: Promise<unknown>) => {
    await what.then(
      () => toast(said),
      (error: unknown) => toast(messageOf(error), { bad: true }),
    )
    await queries.invalidateQueries({ refetchType: 'active' })
  }
  useCommands({ undo: () => askUndo(run.id) })
  return (
    <article data-item={run.id}>
      <Head
        over={
          <>
            <State of={run.state} />
            <span className="font-mono">{run.id}</span>
          </>
        }
        title={run.workflow}
      >
        {run.state === 'failed' && (
          <button
            className="button"
            onClick={() => void act('It goes on from the step that failed.', api.post('retry', { id: run.id }))}
          >
            Retry from the failed step
          </button>
        )}
        {!ended && (
          <button className="button button-bad" onClick={() => setEnding(true)}>
            Stop it
          </button>
        )}
        <button className="button" onClick={() => askUndo(run.id)}>
          Take back what it did <Key>z</Key>
        </button>
      </Head>
      <Section title="In short">
        <Facts
          rows={[
            ['Began', <Time key="b" at={run.started_at} />],
            ['Took', run.ended_at === null ? 'It is not over.' : lasting(run.ended_at - run.started_at)],
            ['Version', String(run.version)],
            ...(run.error === null ? [] : [['Error', <Text key="e" text={run.error} />] as const]),
            ...(run.input === null
              ? []
              : [['Input', <Value key="i" value={JSON.parse(run.input) as Json} />] as const]),
            ...(run.result === null
              ? []
              : [['Result', <Value key="r" value={JSON.parse(run.result) as Json} />] as const]),
          ]}
        />
      </Section>
      <Section title="What happened, and when">
        <Waterfall nodes={nodes} />
      </Section>
      <Section title="The same as a command">
        <CliLine text={`factotum run ${run.id}`} />
      </Section>
      {ending && (
        <StopDialog
          close={() => setEnding(false)}
          stop={(reason) => {
            setEnding(false)
            void act('The run is stopped.', api.post('cancel', { id: run.id, ...(reason === '' ? {} : { reason }) }))
          }}
        />
      )}
    </article>
  )
}

function StopDialog({ close, stop }: { close: () => void; stop: (reason: string) => void }) {
  const [reason, setReason] = useState('')
  return (
    <Dialog title="Stop this run" close={close}>
      <form
        className="flex flex-col gap-3 px-5 py-4 text-sm"
        onSubmit={(e) => {
          e.preventDefault()
          stop(reason.trim())
        }}
      >
        <p className="text-soft">
          It ends now. What it asked for and has not left never leaves; what it did outside stands until you take it
          back.
        </p>
        <label className="flex flex-col gap-1">
          <span className="heading">Why (for the record)</span>
          <input className="field" autoFocus value={reason} onChange={(e) => setReason(e.target.value)} />
        </label>
        <div className="flex justify-end gap-2">
          <button type="button" className="button" onClick={close}>
            Let it run
          </button>
          <button className="button button-bad">Stop the run</button>
        </div>
      </form>
    </Dialog>
  )
}

type Node = Timeline['nodes'][number]

/** Each event where it stood in the time that the run took; what it led to stands below it. */
function Waterfall({ nodes }: { nodes: readonly Node[] }) {
  const flat = nodes.flatMap((node) => [
    { node, depth: 0 },
    ...node.children.map((child) => ({ node: child, depth: 1 })),
  ])
  const times = flat.map(({ node }) => node.at)
  const from = Math.min(...times)
  const span = Math.max(1, Math.max(...times) - from)
  if (flat.length === 0) return <p className="text-sm text-soft">Nothing yet.</p>
  return (
    <ol className="text-sm">
      {flat.map(({ node, depth }) => (
        <li key={`${depth}-${node.seq}`} className="border-b border-line last:border-b-0">
          <details>
            <summary className="flex cursor-pointer items-center gap-3 py-1.5 marker:content-none">
              <span className={`min-w-0 flex-1 truncate first-letter:uppercase ${depth === 1 ? 'pl-5 text-soft' : ''}`}>
                {labelOf(node)}
              </span>
              <span
                className="relative h-1.5 w-40 shrink-0 rounded-full bg-sunken max-lg:w-20 max-sm:hidden"
                aria-hidden
              >
                <span
                  className="absolute top-0 h-1.5 w-1.5 rounded-full bg-accent"
                  style={{ left: `calc(${((node.at - from) / span) * 100}% - ${((node.at - from) / span) * 6}px)` }}
                />
              </span>
              <span className="w-20 shrink-0 text-right text-xs text-soft">+{lasting(node.at - from)}</span>
            </summary>
            <Chain links={[node]} />
          </details>
        </li>
      ))}
    </ol>
  )
}

function labelOf({ kind, body }: Node): string {
  const { op, action } = body as { op?: unknown; action?: unknown }
  const of = typeof action === 'string' ? action : typeof op === 'string' ? op : null
  return of === null ? kindWords(kind) : `${kindWords(kind)}: ${of}`
}
