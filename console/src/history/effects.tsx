import { useState } from 'react'
import type { Json } from '../../../src/lib/json.ts'
import { useReading } from '../api.ts'
import { usePages } from '../pages.ts'
import { undo } from '../queue/deciding.ts'
import { askUndo } from '../queue/undoing.tsx'
import { useCommands } from '../shell/acting.ts'
import { Empty, Facts, Key, Section, Shown, State, Time } from '../ui/bits.tsx'
import { Chain } from '../ui/chain.tsx'
import { CliLine } from '../ui/cli-line.tsx'
import { Filter, Head, Split } from '../ui/split.tsx'
import { Line, Text } from '../ui/text.tsx'
import { Value } from '../ui/value.tsx'
import { useAddress } from '../url.ts'

const STATES = ['gated', 'held', 'dispatched', 'succeeded', 'failed', 'uncertain', 'cancelled', 'refused', 'undone']

/** Everything that was, is or will be done outside. */
export function Effects() {
  const { search } = useAddress()
  const effects = usePages('effects', search.state ? { state: search.state } : {})
  return (
    <Shown of={effects}>
      {(data) => (
        <Split
          label="Effects"
          items={data}
          more={effects.more}
          whole={effects.whole}
          filtered={search.state !== undefined}
          above={<Filter of={STATES} at={search.state} name="state" label="State" />}
          empty={
            <Empty title={search.state ? 'No effect is in this state' : 'Nothing was done outside yet'}>
              A mail that is sent, a refund, a page that is published: each appears here, with what takes it back.
            </Empty>
          }
          choose="Choose an effect to see it whole, and to take it back"
          row={(effect) => (
            <>
              <span className="flex items-baseline gap-3">
                <Line
                  text={effect.undoes === null ? effect.action : `Undo of ${effect.action}`}
                  className="flex-1 font-medium"
                />
                <Time at={effect.settledAt ?? effect.proposedAt} className="text-xs text-soft" />
              </span>
              <span className="flex items-center gap-3 text-xs">
                <State of={effect.state} />
                {effect.error !== null && <Line text={effect.error} className="text-soft" />}
                {effect.state === 'held' && effect.dueAt !== null && (
                  <span className="text-soft">
                    leaves <Time at={effect.dueAt} />
                  </span>
                )}
              </span>
            </>
          )}
        >
          {(id) => <Effect id={id} known={data.find((e) => e.id === id)} />}
        </Split>
      )}
    </Shown>
  )
}

interface Known {
  readonly action: string
  readonly state: string
  readonly risk: string
  readonly run: string
  readonly undoes: string | null
  readonly dueAt: number | null
}

function Effect({ id, known }: { id: string; known: Known | undefined }) {
  const chain = useReading('why', { id })
  const plan = useReading('undoPlan', { id }, { enabled: known?.undoes === null })
  const [busy, setBusy] = useState(false)
  const step = plan.data?.steps.find((s) => s.effect === id)
  const takeBack = async () => {
    if (known?.state !== 'held') return askUndo(id)
    setBusy(true)
    await undo(id)
    setBusy(false)
  }
  useCommands({ undo: () => void takeBack() }, { on: step !== undefined && step.how !== 'leave' })
  const proposed = chain.data?.find((l) => l.stream === id && l.kind.startsWith('effect.proposed'))
  const input = proposed?.private?.input as Json | undefined
  return (
    <article data-item={id}>
      <Head
        over={
          <>
            {known && <State of={known.state} />}
            <span className="font-mono">{id}</span>
          </>
        }
        title={<Text text={step?.title ?? known?.action ?? 'Effect'} />}
      >
        {step && step.how !== 'leave' && (
          <button className="button button-bad" disabled={busy} onClick={() => void takeBack()}>
            {step.how === 'cancel' ? 'Stop it' : 'Take it back'} <Key>z</Key>
          </button>
        )}
      </Head>
      <Section title="In short">
        <Facts
          rows={[
            ...(known
              ? ([
                  ['Action', known.action],
                  ['Risk', known.risk],
                  [
                    'Run',
                    <a
                      key="run"
                      className="font-mono text-xs text-accent underline"
                      href={`/history?lens=runs&id=${known.run}`}
                    >
                      {known.run}
                    </a>,
                  ],
                ] as const)
              : []),
            ...(step ? [['Undo', <Text key="u" text={step.why} />] as const] : []),
            ...(input === undefined ? [] : [['What it was given', <Value key="i" value={input} />] as const]),
          ]}
        />
      </Section>
      <Section title="What led to it">
        <Shown of={chain} rows={3}>
          {(links) => <Chain links={links} />}
        </Shown>
      </Section>
      <Section title="The same as a command">
        <CliLine text={`factotum undo ${id}`} />
      </Section>
    </article>
  )
}
