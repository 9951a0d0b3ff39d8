import { api, messageOf, queries, useReading } from '../api.ts'
import { usePages } from '../pages.ts'
import { exact } from '../lib/time.ts'
import { Files } from '../history/came-in.tsx'
import { toast } from '../shell/toasts.tsx'
import { Verb } from '../shell/verb.tsx'
import { Empty, Facts, Section, Shown, State, Time } from '../ui/bits.tsx'
import { LedTo } from '../ui/chain.tsx'
import { SameAsCommand } from '../ui/cli-line.tsx'
import { Filter, Head, Lenses, Split } from '../ui/split.tsx'
import { Line, Text } from '../ui/text.tsx'
import { Value, wordsOf } from '../ui/value.tsx'
import { useAddress } from '../url.ts'
import { Decisions } from './decisions.tsx'
import { Documents } from './documents.tsx'

const LENSES = [
  ['facts', 'Facts'],
  ['conversations', 'Conversations'],
  ['tasks', 'Tasks'],
  ['documents', 'Documents and recall'],
  ['decisions', 'Decisions'],
] as const

/** What the company knows, and from whom. */
export function CompanyPage() {
  const { search } = useAddress()
  const lens = search.lens ?? 'facts'
  return (
    <div className="flex h-full flex-col">
      <Lenses title="Company" of={LENSES} at={lens} />
      {lens === 'conversations' ? (
        <Conversations />
      ) : lens === 'tasks' ? (
        <Tasks />
      ) : lens === 'documents' ? (
        <Documents />
      ) : lens === 'decisions' ? (
        <Decisions />
      ) : (
        <Entities />
      )}
    </div>
  )
}

function Entities() {
  const entities = usePages('entities', {})
  return (
    <Shown of={entities}>
      {(data) => (
        <Split
          label="Whom and what something is known of"
          items={data}
          more={entities.more}
          whole={entities.whole}
          empty={
            <Empty title="Nothing is known yet">Facts are recorded by workflows from what comes in, and by you.</Empty>
          }
          choose="Choose whom or what to see what is believed of it"
          row={({ kind, labels, facts }) => (
            <>
              <Line text={labels.join(', ') || '(no name)'} className="w-full font-medium" />
              <span className="text-xs text-soft">
                {wordsOf(kind)}, {facts === 1 ? 'one fact' : `${facts} facts`}
              </span>
            </>
          )}
        >
          {(id) => <Entity id={id} />}
        </Split>
      )}
    </Shown>
  )
}

/** As many as one answer has: the slider goes through all of it. */
const ALL: object = { limit: 1_000 }

/** What is believed of it now, or what was believed at a time that the slider stands at. */
function Entity({ id }: { id: string }) {
  const history = useReading('factHistory', { entity: id, ...ALL })
  return (
    <Shown of={history} rows={4}>
      {(versions) => <Believed id={id} moments={momentsOf(versions.items)} />}
    </Shown>
  )
}

/** The events at which what is believed changed, in order. */
function momentsOf(versions: readonly { readonly recordedSeq: number; readonly endedSeq: number | null }[]): number[] {
  const all = versions.flatMap((v) => [v.recordedSeq, ...(v.endedSeq === null ? [] : [v.endedSeq])])
  return [...new Set(all)].sort((a, b) => a - b)
}

function Believed({ id, moments }: { id: string; moments: readonly number[] }) {
  const { search, change } = useAddress()
  // It stays with whoever looks at the next one: the same moment, of somebody else.
  const seq = /^\d{1,15}$/.test(search.asOf ?? '') ? Number(search.asOf) : undefined
  const past = seq !== undefined
  const at = past
    ? Math.max(
        0,
        moments.findLastIndex((moment) => moment <= seq),
      )
    : moments.length
  const facts = useReading(
    'facts',
    { entity: id, ...(seq === undefined ? {} : { asOf: { recorded: { seq } } }) },
    { keep: true },
  )
  const when = useReading('why', { id: String(seq ?? 0) }, { enabled: seq !== undefined, keep: true })
  return (
    <Shown of={facts} rows={4}>
      {(shown) => (
        <article data-item={id}>
          <Head
            over={<span>{wordsOf(shown.kind)}</span>}
            title={<Text text={shown.labels.join(', ') || '(no name)'} />}
          />
          {moments.length > 1 && (
            <div className="flex flex-wrap items-center gap-x-4 gap-y-1 border-b border-line px-5 py-2.5 text-sm">
              <label htmlFor="as-of" className="text-faint">
                As believed
              </label>
              <input
                id="as-of"
                type="range"
                className="min-w-40 flex-1 accent-accent"
                min={0}
                max={moments.length}
                value={at}
                aria-valuetext={past ? `after event ${seq}` : 'now'}
                onChange={(e) => change({ asOf: moments[Number(e.target.value)]?.toString() })}
              />
              <span className="w-56 text-right max-sm:w-auto" data-as-of={seq ?? 'now'}>
                {past ? `${when.data?.at(-1) ? exact(when.data.at(-1)!.at) : 'then'}` : 'now'}
              </span>
            </div>
          )}
          <Section title={past ? 'What was believed then' : 'What is believed'}>
            {shown.facts.length === 0 ? (
              <p className="text-sm text-soft">Nothing {past ? 'was known yet' : 'is known'}.</p>
            ) : (
              <table className="table">
                <thead>
                  <tr>
                    <th>What</th>
                    <th>Value</th>
                    <th className="max-sm:hidden">Since</th>
                    <th className="max-lg:hidden">From</th>
                  </tr>
                </thead>
                <tbody>
                  {shown.facts.map((fact) => (
                    <tr key={fact.id}>
                      <td className="text-soft">{wordsOf(fact.attribute)}</td>
                      <td className="font-medium">
                        <Value value={fact.value} />
                        {fact.disputed.length > 0 && (
                          <a
                            className="block text-xs font-normal text-warn underline"
                            href={`/queue?item=${fact.disputed[0]}`}
                          >
                            somebody says otherwise
                          </a>
                        )}
                        {fact.due && <span className="block text-xs font-normal text-warn">due for review</span>}
                        <span className="hidden text-xs font-normal text-soft max-sm:block">
                          since <Time at={fact.from} />, <Text text={fact.where.of ?? fact.where.maker} most={200} />
                        </span>
                      </td>
                      <td className="whitespace-nowrap text-soft max-sm:hidden">
                        <Time at={fact.from} />
                      </td>
                      <td className="text-soft max-lg:hidden">
                        <Text text={fact.where.of ?? fact.where.maker} most={200} />
                        {fact.where.quote !== null && (
                          <blockquote className="border-l-2 border-line pl-2">
                            <Text text={fact.where.quote} most={300} />
                          </blockquote>
                        )}
                      </td>
                    </tr>
                  ))}
                </tbody>
              </table>
            )}
          </Section>
          <SameAsCommand text={`factotum facts ${id}${seq === undefined ? '' : ` --as-of ${seq}`}`} />
        </article>
      )}
    </Shown>
  )
}

function Conversations() {
  const { search } = useAddress()
  const turn = search.state === 'ours' || search.state === 'theirs' ? search.state : undefined
  const all = usePages('conversations', turn ? { turn } : {})
  return (
    <Shown of={all}>
      {(data) => (
        <Split
          label="Conversations"
          items={data}
          more={all.more}
          whole={all.whole}
          filtered={turn !== undefined}
          above={<Filter of={['ours', 'theirs']} at={search.state} name="state" label="Whose turn" />}
          empty={<Empty title="No conversation">Mails that belong together are one conversation.</Empty>}
          choose="Choose a conversation to read it"
          row={(one) => (
            <>
              <span className="flex items-baseline gap-3">
                <Line text={one.subject ?? '(erased)'} className="flex-1 font-medium" />
                <Time at={one.updatedAt} className="text-xs text-soft" />
              </span>
              <span className="flex gap-3 text-xs text-soft">
                <Line text={one.party ?? '(erased)'} className="flex-1" />
                <span>{one.state === 'closed' ? 'closed' : one.turn === 'ours' ? 'our turn' : 'their turn'}</span>
              </span>
            </>
          )}
        >
          {(id) => <Conversation id={id} />}
        </Split>
      )}
    </Shown>
  )
}

const SAID: Readonly<Record<string, string>> = { in: 'wrote', out: 'was sent' }

function Conversation({ id }: { id: string }) {
  const one = useReading('conversation', { id })
  return (
    <Shown of={one}>
      {(c) => (
        <article data-item={id}>
          <Head
            over={<span>{c.state === 'closed' ? 'closed' : c.turn === 'ours' ? 'our turn' : 'their turn'}</span>}
            title={<Text text={c.subject ?? '(erased)'} />}
          />
          <ol className="flex flex-col">
            {c.lines.map((line) => (
              <li key={line.id} className="border-b border-line px-5 py-3 text-sm">
                <p className="mb-1 flex gap-3 text-xs text-soft">
                  <Line
                    text={`${line.who ?? ''} ${line.kind === 'message' ? (SAID[line.as] ?? line.as) : ''}`}
                    className="flex-1"
                  />
                  {line.kind !== 'message' && (
                    <State of={line.as} label={line.kind === 'decision' ? `decided by ${line.as}` : line.as} />
                  )}
                  <Time at={line.at} />
                </p>
                {line.text !== null && <Text text={line.text} most={3_000} lines={60} />}
                {line.files.length > 0 && (
                  <div className="mt-2">
                    <Files of={line.id} files={line.files} />
                  </div>
                )}
              </li>
            ))}
          </ol>
          <SameAsCommand text={`factotum conversation ${id}`} />
        </article>
      )}
    </Shown>
  )
}

function Tasks() {
  const { search } = useAddress()
  const state = (search.state ?? 'open') as 'open' | 'done' | 'dropped'
  const tasks = usePages('tasks', { state })
  return (
    <Shown of={tasks}>
      {(data) => (
        <Split
          label="Tasks"
          items={data}
          more={tasks.more}
          whole={tasks.whole}
          filtered={search.state !== undefined}
          above={<Filter of={['open', 'done', 'dropped']} at={search.state} name="state" label="State" />}
          empty={
            <Empty title="No task is here">Workflows add tasks for you; so does the command factotum task add.</Empty>
          }
          choose="Choose a task"
          row={(task) => (
            <>
              <Line text={task.text ?? '(erased)'} className="w-full font-medium" />
              <span className="flex gap-3 text-xs text-soft">
                <span className="flex-1">for {task.for}</span>
                <span className={task.overdue ? 'text-bad' : ''}>
                  due <Time at={task.dueAt} />
                </span>
              </span>
            </>
          )}
        >
          {(id) => <Task id={id} />}
        </Split>
      )}
    </Shown>
  )
}

function Task({ id }: { id: string }) {
  const task = useReading('task', { id })
  const end = async (state: 'done' | 'dropped') => {
    await api.post('endTask', { id, state }).then(
      () => toast(state === 'done' ? 'The task is done.' : 'The task is dropped.'),
      (error: unknown) => toast(messageOf(error), { bad: true }),
    )
    await queries.invalidateQueries({ refetchType: 'active' })
  }
  return (
    <Shown of={task}>
      {(t) => (
        <article data-item={id}>
          <Head over={<State of={t.state} />} title={<Text text={t.text ?? '(erased)'} />}>
            {t.state === 'open' && (
              <>
                <Verb of="endTask" className="button button-first" onClick={() => void end('done')}>
                  Done
                </Verb>
                <Verb of="endTask" className="button" onClick={() => void end('dropped')}>
                  Drop it
                </Verb>
              </>
            )}
          </Head>
          <Section title="In short">
            <Facts
              rows={[
                ['For', t.for],
                ['Due', <Time key="d" at={t.dueAt} />],
                ['Added by', t.addedBy],
                ...(t.why === null ? [] : [['Why', <Text key="w" text={t.why} />] as const]),
                ...(t.note === null ? [] : [['Note', <Text key="n" text={t.note} />] as const]),
              ]}
            />
          </Section>
          <LedTo id={id} />
        </article>
      )}
    </Shown>
  )
}
