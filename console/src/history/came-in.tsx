import { Download } from 'lucide-react'
import { useState } from 'react'
import type { Result } from '../../../src/client.ts'
import { api, useReading } from '../api.ts'
import { usePages } from '../pages.ts'
import { bytes } from '../lib/amounts.ts'
import { Empty, Facts, Key, Section, Shown, State, Time } from '../ui/bits.tsx'
import { SameAsCommand } from '../ui/cli-line.tsx'
import { Filter, Head, Split } from '../ui/split.tsx'
import { Line, Text } from '../ui/text.tsx'
import { Value } from '../ui/value.tsx'
import { Form } from '../queue/dialogs.tsx'
import { useCommands } from '../shell/acting.ts'
import { Dialog } from '../shell/dialog.tsx'
import { save } from '../shell/saving.ts'
import { say, Why } from '../shell/saying.tsx'
import { Verb } from '../shell/verb.tsx'
import { useAddress } from '../url.ts'

const STATES = ['new', 'routed', 'delivered', 'kept', 'quarantined']
const WORDS: Readonly<Record<string, string>> = {
  routed: 'began runs',
  delivered: 'was waited for',
  kept: 'waits for a run',
  quarantined: 'set aside',
}

/** Everything that came in, also what was set aside and why. */
export function CameIn() {
  const { search } = useAddress()
  const signals = usePages('signals', search.state ? { state: search.state } : {})
  return (
    <Shown of={signals}>
      {(data) => (
        <Split
          label="What came in"
          items={data}
          more={signals.more}
          whole={signals.whole}
          filtered={search.state !== undefined}
          above={<Filter of={STATES} at={search.state} name="state" label="State" words={WORDS} />}
          empty={
            <Empty title={search.state ? 'Nothing is in this state' : 'Nothing has come in yet'}>
              Mails, and what other programs tell this company, come in here.
            </Empty>
          }
          choose="Choose what came in to read it whole"
          row={(one) => (
            <>
              <span className="flex items-baseline gap-3">
                <Line text={one.subject ?? one.kind} className="flex-1 font-medium" />
                <Time at={one.receivedAt} className="text-xs text-soft" />
              </span>
              <span className="flex items-center gap-3 text-xs">
                <State of={one.state} label={WORDS[one.state] ?? one.state} />
                <Line text={one.party ?? one.kind} className="flex-1 text-soft" />
              </span>
            </>
          )}
        >
          {(id) => <One id={id} />}
        </Split>
      )}
    </Shown>
  )
}

const TRUST: Readonly<Record<string, string>> = {
  operator: 'from you',
  verified: 'its sender is vouched for',
  outsider: 'from outside: nobody vouches for its sender',
}

function One({ id }: { id: string }) {
  const one = useReading('signal', { id })
  const [open, setOpen] = useState(false)
  useCommands({ answer: () => setOpen(true) }, { on: one.data?.releasable === true })
  return (
    <Shown of={one}>
      {(s) => (
        <article data-item={s.id}>
          <Head
            over={
              <>
                <State of={s.state} label={WORDS[s.state] ?? s.state} />
                <span>{s.kind}</span>
              </>
            }
            title={<Text text={s.message?.subject ?? (s.payload === null ? '(erased)' : s.kind)} />}
          >
            {s.state === 'quarantined' && (
              <Verb
                of="release"
                className="button button-first"
                disabled={!s.releasable}
                title={s.releasable ? undefined : 'It cannot be read. Save it as it came, and act on it by hand.'}
                onClick={() => setOpen(true)}
              >
                Take it in {s.releasable && <Key>Enter</Key>}
              </Verb>
            )}
            {s.size !== null && <Save id={s.id} label={`Save it as it came, ${bytes(s.size)}`} />}
          </Head>
          <Section title="In short">
            <Facts
              rows={[
                ...(s.reason === null
                  ? []
                  : [
                      [
                        'Set aside',
                        <span key="r" className="text-warn">
                          <Text text={s.reason} />
                        </span>,
                      ] as const,
                    ]),
                ...(s.message === null ? [] : [['From', <Text key="f" text={s.message.party} />] as const]),
                ['Came', <Time key="t" at={s.receivedAt} />],
                ['By', s.source],
                ['Trust', TRUST[s.trust] ?? s.trust],
                [
                  'Began',
                  s.runs.length === 0 ? (
                    'nothing'
                  ) : (
                    <ul key="runs">
                      {s.runs.map((run) => (
                        <li key={run.id} className="flex gap-3">
                          <a className="text-accent underline" href={`/history?lens=runs&id=${run.id}`}>
                            {run.workflow}
                          </a>
                          <State of={run.state} />
                        </li>
                      ))}
                    </ul>
                  ),
                ],
                ...(s.conversation === null
                  ? []
                  : [
                      [
                        'Conversation',
                        <a
                          key="c"
                          className="text-accent underline"
                          href={`/company?lens=conversations&id=${s.conversation}`}
                        >
                          all that was said
                        </a>,
                      ] as const,
                    ]),
              ]}
            />
          </Section>
          {s.files.length > 0 && (
            <Section title="Files that came with it">
              <Files of={s.id} files={s.files} />
            </Section>
          )}
          <Section title={s.message === null ? 'What it says' : 'Its words'}>
            <div className="max-w-prose text-sm">
              {s.message !== null ? (
                <Text text={s.message.text} most={6_000} lines={120} />
              ) : s.payload === null ? (
                'It was erased.'
              ) : (
                <Value value={s.payload} />
              )}
            </div>
          </Section>
          <SameAsCommand text={`factotum ${s.releasable ? 'release' : 'signals'} ${s.id}`} />
          {open && s.releasable && <Release of={s} close={() => setOpen(false)} />}
        </article>
      )}
    </Shown>
  )
}

/** It was set aside for a reason, which is read before it is taken in. */
function Release({ of: s, close }: { of: Result<'signal'>; close: () => void }) {
  const [reason, setReason] = useState('')
  return (
    <Dialog title="Take it in" close={close}>
      <Form
        submit={() => void say(api.post('release', { id: s.id, reason: reason.trim() }), 'It is taken in.', close)}
        able
        label="Take it in"
        close={close}
      >
        <p>
          <Text text={s.reason ?? ''} />
        </p>
        <p className="text-soft">
          {s.handledBy.length === 0
            ? 'Nothing reacts to it: it is kept until a run waits for it.'
            : `A run that waits for it goes on, or else it begins ${s.handledBy.join(' and ')}.`}{' '}
          How far it is believed does not change, and what comes of it passes the same policies as ever.
        </p>
        <Why value={reason} set={setReason} first />
      </Form>
    </Dialog>
  )
}

interface File {
  readonly n: number
  readonly name: string
  readonly type: string
  readonly size: number
}

/** Files of somebody else's are never opened here, only saved: what they may hold runs nowhere in this page. */
export function Files({ of, files }: { of: string; files: readonly File[] }) {
  return (
    <ul className="flex flex-col gap-1 text-sm" aria-label="Files" data-files>
      {files.map(({ n, name, type, size }) => (
        <li key={n} className="flex items-center gap-3">
          <Line text={name} className="min-w-0 font-medium" />
          <span className="min-w-0 flex-1 truncate text-xs text-soft">
            {type}, {bytes(size)}
          </span>
          <Save id={of} n={n} label="Save" of={name} />
        </li>
      ))}
    </ul>
  )
}

export function Save({ id, n, label, of }: { id: string; n?: number; label: string; of?: string }) {
  const [busy, setBusy] = useState(false)
  const give = () => {
    setBusy(true)
    void save(id, n).finally(() => setBusy(false))
  }
  return (
    <button
      className="button shrink-0"
      disabled={busy}
      aria-label={of === undefined ? undefined : `Save ${of}`}
      onClick={give}
    >
      <Download size={13} aria-hidden /> {label}
    </button>
  )
}
