import { useState } from 'react'
import type { Result } from '../../../src/client.ts'
import type { Json } from '../../../src/lib/json.ts'
import { mayAsk } from '../access/session.ts'
import { useReading } from '../api.ts'
import { usePages } from '../pages.ts'
import { lasting } from '../lib/time.ts'
import { askUndo } from '../queue/undoing.tsx'
import { useCommands } from '../shell/acting.ts'
import { Verb } from '../shell/verb.tsx'
import { Empty, Facts, Key, Section, Shown, State, Time } from '../ui/bits.tsx'
import { Chain, kindWords } from '../ui/chain.tsx'
import { copy, SameAsCommand } from '../ui/cli-line.tsx'
import { Filter, Head, Split } from '../ui/split.tsx'
import { Line, Text } from '../ui/text.tsx'
import { Value } from '../ui/value.tsx'
import { useAddress } from '../url.ts'
import { RunPlanDialog, type RunAsk } from './run-plan.tsx'

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
                <Line text={run.about ?? run.workflow} className="flex-1 font-medium" />
                <Time at={run.startedAt} className="text-xs text-soft" />
              </span>
              <span className="flex items-center gap-3 text-xs">
                <State of={run.state} />
                {run.about !== null && <span className="whitespace-nowrap text-soft">{run.workflow}</span>}
                {run.party !== null && <Line text={run.party} className="text-soft" />}
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
  const [ask, setAsk] = useState<RunAsk | null>(null)
  const ended = run.ended_at !== null
  const stop = () => setAsk({ id: run.id, mode: 'cancel' })
  useCommands({ undo: () => askUndo(run.id), copyCli: () => void copy(`factotum run ${run.id}`) })
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
        <Again run={run} ask={setAsk} />
        <Verb
          of="cancel"
          className="button button-bad"
          disabled={ended}
          title={ended ? OVER : undefined}
          onClick={stop}
        >
          Stop now
        </Verb>
        <Verb of="undo" className="button" onClick={() => askUndo(run.id)}>
          {ended ? 'Take back what it did' : 'Cancel with compensation'} <Key>z</Key>
        </Verb>
      </Head>
      <Section title="In short">
        <Facts
          rows={[
            ['Began', <Time key="b" at={run.started_at} />],
            ['Took', run.ended_at === null ? 'It is not over.' : lasting(run.ended_at - run.started_at)],
            ['Version', String(run.version)],
            ...(run.error === null ? [] : [['Error', <Text key="e" text={run.error} />] as const]),
            ...(run.signal === null
              ? []
              : [
                  [
                    'Begun by',
                    <a key="s" className="text-accent underline" href={`/history?lens=signals&id=${run.signal}`}>
                      what came in
                    </a>,
                  ] as const,
                ]),
            ...(run.input === null || run.signal !== null
              ? []
              : [['Input', <Value key="i" value={JSON.parse(run.input) as Json} />] as const]),
            ...(run.result === null
              ? []
              : [['Result', <Value key="r" value={JSON.parse(run.result) as Json} />] as const]),
          ]}
        />
      </Section>
      <Section title="What happened, and when">
        <Waterfall
          nodes={nodes}
          again={
            run.state === 'failed' && mayAsk('retry')
              ? (step, edit) => setAsk({ id: run.id, mode: 'retry', step, edit })
              : undefined
          }
        />
      </Section>
      <SameAsCommand text={`factotum run ${run.id}`} />
      {ask && <RunPlanDialog of={ask} close={() => setAsk(null)} />}
    </article>
  )
}

const OVER = 'The run is over.'

/** Where nothing can be done again it is said why. */
function Again({ run, ask }: { run: Timeline['run']; ask: (of: RunAsk) => void }) {
  const { id, state, ended_at } = run
  const stuck = state === 'failed' || state === 'parked'
  const why = stuck
    ? undefined
    : ended_at === null
      ? 'It is under way: only what failed or is parked begins again.'
      : OVER
  const mode = state === 'failed' ? 'retry' : 'restart'
  return (
    <>
      {state === 'failed' && (
        <Verb of="retry" className="button" onClick={() => ask({ id, mode: 'retry' })}>
          Retry from the failed step
        </Verb>
      )}
      <Verb of="restart" className="button" disabled={!stuck} title={why} onClick={() => ask({ id, mode: 'restart' })}>
        Start over
      </Verb>
      <Verb of="restart" className="button" disabled={!stuck} title={why} onClick={() => ask({ id, mode, edit: true })}>
        Edit the input
      </Verb>
    </>
  )
}

type Node = Timeline['nodes'][number]

/** Each event where it stood in the time that the run took; what it led to stands below it. */
type AgainFrom = ((step: string, edit: boolean) => void) | undefined

function Waterfall({ nodes, again }: { nodes: readonly Node[]; again: AgainFrom }) {
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
            <Inspect node={node} again={depth === 0 ? again : undefined} />
          </details>
        </li>
      ))}
    </ol>
  )
}

const STEP = new Set(['step.completed@1', 'step.failed@1', 'wait.opened@1'])

/** One step whole: what it was given and answered, what it cost, who decided, how often it was tried, and on what grounds. */
function Inspect({ node, again }: { node: Node; again: AgainFrom }) {
  const { op, subject, code } = node.body as Readonly<Record<string, unknown>>
  const ids = [subject, ...node.children.map((c) => c.stream), node.stream].filter((id) => typeof id === 'string')
  const effect = ids.find((id) => id.startsWith('eff_'))
  const decision = ids.find((id) => id.startsWith('dec_'))
  const { value } = (node.private ?? {}) as { readonly value?: Json }
  const step = STEP.has(node.kind) && typeof op === 'string' ? op : null
  return (
    <div className="mb-2 flex flex-col gap-3 border-l-2 border-line py-1 pl-4" data-step={step ?? undefined}>
      {step !== null && again && (
        <div className="flex flex-wrap gap-2">
          <button className="button" onClick={() => again(step, false)}>
            Retry this step
          </button>
          <button className="button" onClick={() => again(step, true)}>
            Rerun from here, with an edited input
          </button>
        </div>
      )}
      {effect !== undefined && <OfEffect id={effect} />}
      {decision !== undefined && <OfDecision id={decision} />}
      {(value !== undefined || typeof code === 'string') && (
        <Facts
          rows={[
            ...(value === undefined ? [] : [['Output', <Value key="o" value={value} />] as const]),
            ...(typeof code === 'string' ? [['Error', code] as const] : []),
          ]}
        />
      )}
      <Chain links={[node]} />
    </div>
  )
}

function OfEffect({ id }: { id: string }) {
  const effect = useReading('effect', { id })
  return (
    <Shown of={effect} rows={1}>
      {(e) => (
        <Facts
          rows={[
            [
              'Effect',
              <a key="e" className="text-accent underline" href={`/history?lens=effects&id=${id}`}>
                <Text text={e.title} />
              </a>,
            ],
            ['State', <State key="s" of={e.state} />],
            ['Input', <Value key="i" value={e.input} />],
            ['Output', <Value key="o" value={e.output} />],
            ['Attempts', String(e.tries)],
            ['Cost', <Value key="c" value={e.cost} />],
            ...(e.error === null
              ? []
              : [['Error', <Text key="x" text={e.error.text ?? e.error.code ?? ''} />] as const]),
          ]}
        />
      )}
    </Shown>
  )
}

function OfDecision({ id }: { id: string }) {
  const decision = useReading('decision', { id })
  return (
    <Shown of={decision} rows={1}>
      {(d) => (
        <Facts
          rows={[
            [
              'Agent',
              <a key="d" className="text-accent underline" href={`/company?lens=decisions&id=${id}`}>
                {d.agent}
              </a>,
            ],
            ['Tier', d.model === null ? d.tier : `${d.tier}, ${d.model}`],
            ['Input', <Value key="i" value={d.input} />],
            ['Output', <Value key="o" value={d.value} />],
            ['Attempts', `${d.opinions.length}: ${d.opinions.map((o) => `${o.tier} ${o.outcome}`).join(', ')}`],
            ['Cost', <Value key="c" value={d.cost as unknown as Json} />],
            ['Evidence', <Value key="v" value={d.evidence as unknown as Json} />],
          ]}
        />
      )}
    </Shown>
  )
}

function labelOf({ kind, body }: Node): string {
  const { op, action } = body as { op?: unknown; action?: unknown }
  const of = typeof action === 'string' ? action : typeof op === 'string' ? op : null
  return of === null ? kindWords(kind) : `${kindWords(kind)}: ${of}`
}
