import { useState } from 'react'
import type { Item, Result } from '../../../src/client.ts'
import { api, messageOf, useReading } from '../api.ts'
import { count } from '../lib/amounts.ts'
import { moved } from '../live.ts'
import { usePages } from '../pages.ts'
import { useCommands } from '../shell/acting.ts'
import { Dialog } from '../shell/dialog.tsx'
import { Verb } from '../shell/verb.tsx'
import { Empty, Failed, Facts, Key, Loading, Section, Shown, State, Time } from '../ui/bits.tsx'
import { CliLine, copy, SameAsCommand } from '../ui/cli-line.tsx'
import { Head, Split } from '../ui/split.tsx'
import { Line, Marked, Text } from '../ui/text.tsx'

type Group = Result<'dead'>['groups'][number]
type Letter = Item<'dead'>

/** Effects that stopped for good, by cause. */
export function Stopped() {
  const dead = useReading('dead', { limit: 1 })
  // Not within its cause: that is gone as soon as everything of it is tried again.
  const [which, setWhich] = useState<string | null>(null)
  return (
    <>
      {which !== null && <Redrive which={which} close={() => setWhich(null)} />}
      <Shown of={dead}>
        {({ groups }) => (
          <Split
            label="Causes"
            items={groups.map((g) => ({ ...g, id: g.group }))}
            empty={
              <Empty title="Nothing stopped">What was approved and could not be done appears here, by its cause.</Empty>
            }
            choose="Choose a cause to see what stopped for it, and to try it again"
            row={(g) => (
              <>
                <span className="flex items-baseline gap-3">
                  <Line text={g.action} className="flex-1 font-medium" />
                  <span className="text-xs text-soft">{g.count.toLocaleString('en-GB')}</span>
                </span>
                <span className="flex gap-3 text-xs text-soft">
                  <Line text={g.example ?? g.code} className="flex-1" />
                </span>
              </>
            )}
          >
            {(id) => {
              const group = groups.find((g) => g.group === id)
              return group ? (
                <Cause key={id} of={group} redrive={() => setWhich(id)} />
              ) : (
                <Empty title="Nothing of this cause is left" />
              )
            }}
          </Split>
        )}
      </Shown>
    </>
  )
}

function Cause({ of, redrive }: { of: Group; redrive: () => void }) {
  const letters = usePages('dead', { which: of.group }, of.count)
  useCommands({
    answer: redrive,
    copyCli: () => void copy(`factotum redrive ${of.group} --preview`),
  })
  return (
    <article>
      <Head over={<span className="font-mono">{of.code}</span>} title={<Text text={of.action} />}>
        <Verb of="redrive" className="button" onClick={redrive}>
          {of.count === 1 ? 'Redrive' : 'Redrive all'} <Key>Enter</Key>
        </Verb>
      </Head>
      <Section title="In short">
        <Facts
          rows={[
            ['Stopped', count(of.count, 'effect')],
            ['For good', of.alone === 0 ? 'none' : `${of.alone}: each is tried again by itself`],
            ['The oldest was told', <Text key="t" text={of.example ?? '(erased)'} />],
          ]}
        />
      </Section>
      <Section title="What stopped">
        <Shown of={letters} rows={3}>
          {(all) => (
            <ul className="text-sm">
              {all.map((letter) => (
                <li key={letter.gate} className="flex gap-3 border-b border-line py-1.5 last:border-b-0">
                  <a
                    className="min-w-0 flex-1 truncate text-accent underline underline-offset-2"
                    href={`/history?lens=effects&id=${letter.effect}`}
                  >
                    <Line text={letter.title} />
                  </a>
                  <span className="whitespace-nowrap text-soft">{count(letter.tries, 'try', 'tries')}</span>
                  <Time at={letter.since} className="text-soft" />
                </li>
              ))}
            </ul>
          )}
        </Shown>
        {letters.more && (
          <button className="button mt-2" onClick={letters.more}>
            Show more
          </button>
        )}
      </Section>
      <SameAsCommand text={`factotum redrive ${of.group} --preview`} />
    </article>
  )
}

/** As many as one preview has: of more, the rest is another go. */
const MOST = 200

/** Lists exactly what is sent again and what is not; does it; and shows what came of each. */
export function Redrive({ which, close }: { which: string; close: () => void }) {
  // As it was when it was opened: what stops meanwhile is not what was shown.
  const [shown, setShown] = useState<readonly Letter[] | undefined>(undefined)
  const [rest, setRest] = useState(false)
  const [error, setError] = useState<unknown>(undefined)
  const [asked, setAsked] = useState(false)
  if (!asked) {
    setAsked(true)
    void api.get('dead', { which, limit: MOST }).then(
      (page) => {
        setShown(page.items)
        setRest(page.next !== null)
      },
      (e: unknown) => setError(e),
    )
  }
  return (
    <Dialog title={which.startsWith('eff_') ? 'Try it again' : 'Redrive all of one cause'} close={close} wide>
      {error !== undefined ? (
        <Failed error={error} />
      ) : shown ? (
        <Go {...{ which, shown, rest, close }} />
      ) : (
        <Loading rows={2} />
      )}
    </Dialog>
  )
}

function Go(props: { which: string; shown: readonly Letter[]; rest: boolean; close: () => void }) {
  const { which, shown, rest, close } = props
  const [done, setDone] = useState<Result<'redrive'> | 'busy' | null>(null)
  const [error, setError] = useState<string | null>(null)
  const alone = shown.length > 1 ? shown.filter((l) => l.alone) : []
  const able = shown.filter((l) => !alone.includes(l))
  const go = async () => {
    if (done !== null || able.length === 0) return
    setDone('busy')
    await api.post('redrive', { which, gates: able.map((l) => l.gate) }).then(setDone, (e: unknown) => {
      setDone(null)
      setError(messageOf(e))
    })
    moved()
  }
  const over = done !== null && done !== 'busy'
  return (
    <form
      className="flex min-h-0 flex-col"
      data-redrive={over ? 'done' : 'shown'}
      onSubmit={(e) => {
        e.preventDefault()
        if (over) close()
        else void go()
      }}
    >
      <div className="flex min-h-0 flex-col gap-4 overflow-y-auto px-5 py-4 text-sm">
        {error !== null && (
          <p className="text-bad" role="alert">
            {error}
          </p>
        )}
        <section data-sent>
          <h3 className="heading mb-1">
            {over ? 'What came of each' : `Tried again, an entry in the record for each: ${able.length}`}
          </h3>
          <ul className="flex flex-col gap-2">
            {able.map((letter) => (
              <li key={letter.gate} className="border-l-2 border-line pl-3">
                <p className="font-medium">
                  <Marked text={letter.title} />
                </p>
                {over ? (
                  <Became effect={letter.effect} of={done} />
                ) : (
                  <p className="plain text-soft">{letter.redrive}</p>
                )}
              </li>
            ))}
          </ul>
        </section>
        {alone.length > 0 && (
          <section data-left>
            <h3 className="heading mb-1 text-warn">Not sent: {alone.length}</h3>
            <p className="mb-2 text-soft">
              What cannot be taken back is tried again by itself, after you have looked at it.
            </p>
            <ul>
              {alone.map((letter) => (
                <li key={letter.gate} className="border-b border-line py-1 last:border-b-0">
                  <a className="text-accent underline underline-offset-2" href={`/queue?item=${letter.gate}`}>
                    <Line text={letter.title} />
                  </a>
                </li>
              ))}
            </ul>
          </section>
        )}
        {rest && <p className="text-soft">These are the first {MOST}. The others are shown when you do it again.</p>}
        <CliLine text={`factotum redrive ${which} --preview`} />
      </div>
      <div className="flex justify-end gap-2 border-t border-line px-5 py-3">
        {!over && (
          <button type="button" className="button" onClick={close}>
            Leave it
          </button>
        )}
        <button className="button button-first" autoFocus disabled={able.length === 0 || done === 'busy'}>
          {over ? 'Close' : able.length === 1 ? 'Try it again' : `Try ${able.length} again`} <Key>Enter</Key>
        </button>
      </div>
    </form>
  )
}

function Became({ effect, of }: { effect: string; of: Result<'redrive'> }) {
  const now = useReading('effect', { id: effect })
  const failed = of.failed.find(({ id }) => id === effect)
  if (failed) return <p className="plain text-bad">It was not tried again: {failed.message}</p>
  return (
    <Shown of={now} rows={1}>
      {({ state, error }) => (
        <p className="flex gap-3">
          <State of={state} />
          {state === 'failed' && error !== null && <Text text={error.text ?? error.code ?? ''} />}
        </p>
      )}
    </Shown>
  )
}
