import { Section } from '../ui/bits.tsx'
import { Text } from '../ui/text.tsx'
import type { Gate } from './detail.tsx'

const KINDS: Readonly<Record<string, string>> = {
  signal: 'Came in',
  message: 'Message',
  fact: 'Fact',
  decision: 'Decided before',
  document: 'Document',
}

/** What stopped or moved by itself rests on nothing that could be named. */
const ASKED_FOR = new Set(['effect', 'plan', 'decision'])

/** What it rests on, with the words that were quoted, and what of it no longer holds. */
export function Evidence({ gate }: { gate: Gate }) {
  if (gate.evidence.length === 0 && !ASKED_FOR.has(gate.kind)) return null
  return (
    <Section title="What it rests on">
      {gate.evidence.length === 0 ? (
        <p className="text-sm text-soft">
          Nothing was found to support it: no message, fact or earlier decision is named.
        </p>
      ) : (
        <Grounds of={gate.evidence} />
      )}
    </Section>
  )
}

/** Each ground in words, with the way to all of it. */
export function Grounds({ of }: { of: Gate['evidence'] }) {
  return (
    <ul className="flex flex-col gap-2.5 text-sm">
      {of.map((item) => (
        <li key={item.id} className="grid grid-cols-[6.5rem_minmax(0,1fr)] gap-x-3 max-sm:grid-cols-1">
          <Source kind={item.kind} record={item.record} />
          <div className="min-w-0">
            <Text text={item.text} most={700} lines={12} />
            {item.stale !== null && (
              <p className="mt-0.5 text-warn">
                No longer so: <Text text={item.stale} />
              </p>
            )}
          </div>
        </li>
      ))}
    </ul>
  )
}

const WHERE: Readonly<Record<string, string>> = {
  sig: '/history?lens=signals&id=',
  eff: '/history?lens=effects&id=',
  dec: '/company?lens=decisions&id=',
  doc: '/company?lens=documents&id=',
  ent: '/company?id=',
}

/** What it is, and the way to all of it. */
function Source({ kind, record }: { kind: string; record: string }) {
  const word = KINDS[kind] ?? kind
  const to = WHERE[record.slice(0, 3)]
  if (to === undefined) return <span className="text-faint">{word}</span>
  return (
    <a className="self-start text-accent underline underline-offset-2" href={to + encodeURIComponent(record)}>
      {word}
    </a>
  )
}

export function Precedents({ gate }: { gate: Gate }) {
  if (gate.precedents === null) return null
  return (
    <Section title="Cases like it">
      <p className="text-sm">
        <Text text={gate.precedents.text} most={700} />
      </p>
    </Section>
  )
}
