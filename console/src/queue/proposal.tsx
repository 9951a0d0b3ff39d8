import type { Json } from '../../../src/lib/json.ts'
import { Marked, Text } from '../ui/text.tsx'
import { Value, wordsOf } from '../ui/value.tsx'
import type { Gate } from './detail.tsx'

type Fields = Readonly<Record<string, Json>>

/** What is proposed, in the terms of where it will happen. */
export function Proposal({ gate }: { gate: Gate }) {
  const proposal = gate.proposal
  const of = proposal !== null && typeof proposal === 'object' && !Array.isArray(proposal) ? (proposal as Fields) : null
  const { before, now, unseen } = (gate.context ?? {}) as { before?: Json; now?: Json; unseen?: string }
  return (
    <div className="flex flex-col gap-3 text-sm">
      {of && isMail(of) ? (
        <Mail mail={of} />
      ) : of && gate.kind === 'conflict' ? (
        <Conflict of={of} />
      ) : of && (gate.kind === 'question' || gate.kind === 'decision') ? (
        <Question of={of} />
      ) : of &&
        (gate.kind === 'dead_letter' ||
          gate.kind === 'uncertain' ||
          gate.kind === 'failure' ||
          gate.kind === 'parked') ? (
        <Stopped kind={gate.kind} of={of} />
      ) : of && gate.kind === 'plan' ? (
        <Plan of={of} />
      ) : (
        <Value value={proposal} />
      )}
      {before !== undefined && <Moved before={before} now={now ?? null} />}
      {before === undefined && now !== undefined && (
        <div>
          <p className="heading mb-1">As it is there now</p>
          <Value value={now} />
        </div>
      )}
      {unseen !== undefined && (
        <p className="text-warn">It could not be looked at outside ({unseen}): you decide without having seen it.</p>
      )}
    </div>
  )
}

/** What an action does: a mail as it will be seen, anything else by its names. */
export function Preview({ of }: { of: Json }) {
  return isMail(of) ? <Mail mail={of} /> : <Value value={of} />
}

/** What came in: a message as it was meant to be read, anything else by its names. */
export function Given({ of }: { of: Json }) {
  return isLetter(of) ? <Letter of={of} /> : <Value value={of} />
}

/** A part that is a text; anything else as JSON, so that nothing is left out. */
function textOf(part: Json | undefined): string {
  return typeof part === 'string' ? part : part === undefined || part === null ? '' : JSON.stringify(part)
}

function isMail(of: Json): of is Fields {
  if (of === null || typeof of !== 'object' || Array.isArray(of)) return false
  const { to, subject, body } = of as Fields
  return typeof to === 'string' && typeof subject === 'string' && typeof body === 'string'
}

/** As it will be seen by who gets it. */
function Mail({ mail: { to, subject, body, ...more } }: { mail: Fields }) {
  return (
    <div className="overflow-hidden rounded-lg border border-line bg-surface" data-mail>
      <dl className="grid grid-cols-[4.5rem_minmax(0,1fr)] gap-y-1 border-b border-line px-4 py-2.5">
        <dt className="text-faint">To</dt>
        <dd>
          <Text text={textOf(to)} />
        </dd>
        <dt className="text-faint">Subject</dt>
        <dd className="font-medium">
          <Text text={textOf(subject)} />
        </dd>
        {Object.entries(more).map(([name, value]) => (
          <div key={name} className="contents">
            <dt className="text-faint first-letter:uppercase">{wordsOf(name)}</dt>
            <dd>
              <Value value={value} />
            </dd>
          </div>
        ))}
      </dl>
      <div className="px-4 py-3 text-base">
        <Text text={textOf(body)} />
      </div>
    </div>
  )
}

/** A message that came in, whatever else its kind has. */
function isLetter(of: Json): of is Fields {
  if (of === null || typeof of !== 'object' || Array.isArray(of)) return false
  const { from, subject, text } = of as Fields
  return typeof from === 'string' && typeof subject === 'string' && typeof text === 'string'
}

/** As whoever wrote it meant it to be read; what the machines said to each other is folded away. */
function Letter({ of: { from, subject, text, ...more } }: { of: Fields }) {
  return (
    <div className="overflow-hidden rounded-lg border border-line bg-surface" data-letter>
      <dl className="grid grid-cols-[4.5rem_minmax(0,1fr)] gap-y-1 border-b border-line px-4 py-2.5">
        <dt className="text-faint">From</dt>
        <dd>
          <Text text={textOf(from)} />
        </dd>
        <dt className="text-faint">Subject</dt>
        <dd className="font-medium">
          <Text text={textOf(subject)} />
        </dd>
      </dl>
      <div className="px-4 py-3 text-base">
        {text === '' ? <p className="text-soft">Without a text.</p> : <Text text={textOf(text)} />}
      </div>
      {Object.keys(more).length > 0 && (
        <details className="border-t border-line px-4 py-2 text-soft">
          <summary>What else came with it</summary>
          <div className="pt-2">
            <Value value={more} />
          </div>
        </details>
      )}
    </div>
  )
}

/** The world moved between the proposal and now: what it was asked with, and what is there now, line by line. */
function Moved({ before, now }: { before: Json; now: Json }) {
  const was = seen(before)
  const is = seen(now)
  return (
    <div className="border-l-2 border-warn pl-3" data-moved>
      <p className="mb-1.5 font-medium text-warn">
        This changed after you approved it, so nothing was sent. Look again.
      </p>
      <table className="table">
        <thead>
          <tr>
            <th>What</th>
            <th>When it was asked</th>
            <th>Now</th>
          </tr>
        </thead>
        <tbody>
          {[...new Set([...Object.keys(was), ...Object.keys(is)])].map((name) => {
            const changed = JSON.stringify(was[name]) !== JSON.stringify(is[name])
            return (
              <tr key={name}>
                <td className="text-faint">{wordsOf(name)}</td>
                <td>
                  <Value value={was[name] ?? null} />
                </td>
                <td className={changed ? 'font-semibold text-warn' : ''}>
                  <Value value={is[name] ?? null} />
                  {changed && <span className="sr-only"> (changed)</span>}
                </td>
              </tr>
            )
          })}
        </tbody>
      </table>
    </div>
  )
}

/** What was seen outside, by its names. */
function seen(value: Json): Fields {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) return { it: value }
  const { now } = value as Fields
  return now !== undefined && now !== null && typeof now === 'object' && !Array.isArray(now)
    ? (now as Fields)
    : (value as Fields)
}

function Conflict({ of }: { of: Fields }) {
  const believed = Array.isArray(of.believed) ? (of.believed as Fields[]) : []
  const said = (of.said ?? {}) as Fields
  return (
    <>
      <p>
        <span className="text-faint">About </span>
        <Marked text={textOf(of.about)} />
        <span className="text-faint">, </span>
        {wordsOf(textOf(of.attribute))}
      </p>
      <div className="grid gap-3 sm:grid-cols-2">
        <div className="rounded-lg border border-line bg-surface px-4 py-3">
          <p className="heading mb-1.5">Believed</p>
          {believed.map((side, at) => (
            <Side key={at} of={side} />
          ))}
        </div>
        <div className="rounded-lg border border-line bg-surface px-4 py-3">
          <p className="heading mb-1.5">Said against it: {textOf(said.claim)}</p>
          <Side of={said} />
        </div>
      </div>
    </>
  )
}

function Side({ of: { value = null, since, trust, from, quote, reason } }: { of: Fields }) {
  return (
    <div className="flex flex-col gap-1">
      <div className="text-base font-medium">
        <Value value={value} />
      </div>
      {typeof quote === 'string' && (
        <blockquote className="border-l-2 border-line pl-2.5">
          <Text text={quote} most={600} />
        </blockquote>
      )}
      <p className="text-soft">
        since {textOf(since)}, {textOf(trust)}, <Text text={textOf(from)} most={200} />
      </p>
      {typeof reason === 'string' && (
        <p className="text-soft">
          <Text text={reason} most={300} />
        </p>
      )}
    </div>
  )
}

/** What stands beside the case itself: the shape of an answer is for the form, not for reading. */
const NOT_READ = new Set([
  'shape',
  'options',
  'decision',
  'asked',
  'agent',
  'passed',
  'opinions',
  'suggestion',
  'otherwise',
])

function Question({ of }: { of: Fields }) {
  const about = of.about ?? of.input ?? null
  const rest = Object.fromEntries(
    Object.entries(of).filter(([name]) => !NOT_READ.has(name) && name !== 'about' && name !== 'input'),
  )
  const options = Array.isArray(of.options) ? (of.options as Json[]).map(String) : []
  return (
    <>
      {isLetter(about) ? <Letter of={about} /> : about !== null && <Value value={about} />}
      {Object.keys(rest).length > 0 && <Value value={rest} />}
      {of.suggestion !== undefined && (
        <div>
          <p className="heading mb-1">Suggested</p>
          <Value value={of.suggestion} />
        </div>
      )}
      {typeof of.opinions === 'string' && (
        <div>
          <p className="heading mb-1">What was thought</p>
          <Text text={of.opinions} most={1_500} />
        </div>
      )}
      {options.length > 0 && (
        <p className="text-soft">
          One of: <Marked text={options.join(', ')} />
        </p>
      )}
    </>
  )
}

const WHAT_NOW: Readonly<Record<string, string>> = {
  dead_letter: 'It was tried as often as allowed and did nothing. Try it again, or close it.',
  uncertain: 'The call got no answer: it may have happened. Look where it would have happened, then say which it is.',
  failure: 'The run stopped at an error. What it did so far stands until you say otherwise.',
  parked: 'The code of the workflow changed under this run. Go on with the new code, start over, or end it.',
}

function Stopped({ kind, of: { error, message, code, op, input, effects } }: { kind: string; of: Fields }) {
  const said = error ?? message
  return (
    <>
      <p>{WHAT_NOW[kind]}</p>
      {typeof said === 'string' && (
        <div>
          <p className="heading mb-1">What was said{typeof op === 'string' ? ` at ${op}` : ''}</p>
          <p className="rounded bg-sunken px-3 py-2 font-mono text-xs">
            <Text text={said} most={2_000} lines={20} />
          </p>
          {typeof code === 'string' && <p className="mt-1 text-soft">{code}</p>}
        </div>
      )}
      {input !== undefined && (
        <div>
          <p className="heading mb-1">What it was given</p>
          <Preview of={input} />
        </div>
      )}
      {Array.isArray(effects) && (
        <div>
          <p className="heading mb-1">What it did so far</p>
          {effects.length === 0 ? <p className="text-soft">Nothing outside.</p> : <Value value={effects} />}
        </div>
      )}
    </>
  )
}

function Plan({ of: { goal, ...shown } }: { of: Fields }) {
  return (
    <>
      <p className="font-medium">
        <Text text={textOf(goal)} />
      </p>
      <Value value={shown} />
    </>
  )
}
