import { useState } from 'react'
import type { Result } from '../../../src/client.ts'
import { mayAsk } from '../access/session.ts'
import { api, messageOf, queries, useReading } from '../api.ts'
import { Dialog } from '../shell/dialog.tsx'
import { toast } from '../shell/toasts.tsx'
import { Section, Shown, State } from '../ui/bits.tsx'
import { CliLine, SameAsCommand } from '../ui/cli-line.tsx'
import { Marked } from '../ui/text.tsx'

type Policies = Result<'policies'>
type Policy = Policies['policies'][number]

/** What may leave without being asked about: each rule, what it came to, and what could be one. */
export function Policies() {
  const policies = useReading('policies', {})
  return (
    <Shown of={policies}>
      {(data) => (
        <>
          <Files of={data} />
          <Section title={data.policies.length === 0 ? 'Policies' : `Policies, ${data.policies.length}`}>
            {data.policies.length === 0 && (
              <p className="mb-3 max-w-prose text-sm text-soft">
                There are none yet: what only reads runs, and everything else asks you. A policy is a text in the folder{' '}
                <code className="font-mono text-xs">policies</code> of the company, reviewed and kept like code;
                docs/policies.md has five to copy.
              </p>
            )}
            <Table of={data} />
            <p className="mt-3 max-w-prose text-sm text-soft">
              Of the effects that were proposed in the last 28 days, without what only reads. Refuse beats ask, ask
              beats run.
            </p>
          </Section>
          <Repeated of={data.repeated} />
          <SameAsCommand title="What would it say of this one" text="factotum policy test <effect>" />
        </>
      )}
    </Shown>
  )
}

/** What is wrong with the files, where something is. */
function Files({ of: { problems, warnings, current } }: { of: Policies }) {
  if (problems.length === 0 && warnings.length === 0 && current) return null
  return (
    <Section title="The files">
      <div className="flex flex-col gap-1 text-sm">
        {problems.length > 0 && (
          <p className="text-bad" role="alert">
            They are not in order: the company goes on by those that it was started with.
          </p>
        )}
        {[...problems, ...warnings].map((p) => (
          <p key={`${p.file}:${p.line}:${p.message}`} className="plain">
            <code className="font-mono text-xs">
              {p.file}:{p.line}:{p.column}
            </code>{' '}
            <Marked text={p.message} />
          </p>
        ))}
        {!current && problems.length === 0 && (
          <p className="text-warn">They were changed since the company was started: start it anew to go by them.</p>
        )}
      </div>
    </Section>
  )
}

const OUTCOMES: Readonly<Record<Policy['outcome'], readonly [state: string, words: string]>> = {
  run: ['approved', 'lets pass'],
  ask: ['gated', 'asks you'],
  refuse: ['refused', 'refuses'],
}

function Table({ of: { policies, byDefault } }: { of: Policies }) {
  return (
    <div className="overflow-x-auto">
      <table className="table max-w-4xl">
        <thead>
          <tr>
            <th>Policy</th>
            <th className="max-sm:hidden">What it does</th>
            <th className="number pl-4 max-sm:pl-2">Passed</th>
            <th className="number pl-4 max-sm:pl-2">Asked</th>
            <th className="number pl-4 max-sm:pl-2">Refused</th>
          </tr>
        </thead>
        <tbody>
          {policies.map((policy) => (
            <tr key={policy.id}>
              <td className="w-full max-sm:[overflow-wrap:anywhere]">
                <span className={policy.expired ? 'text-faint line-through' : 'font-medium'}>{policy.id}</span>
                <span className="plain block text-soft">
                  <Marked text={saidBy(policy)} />
                </span>
                <span className="block sm:hidden">
                  <Does policy={policy} />
                </span>
                {policy.audited > 0 && (
                  <span className={`block ${policy.wrong > 0 ? 'text-warn' : 'text-soft'}`}>
                    {policy.wrong} of {policy.audited} looked over were wrong
                  </span>
                )}
                <span className="block font-mono text-xs text-soft">
                  {policy.file}:{policy.line}
                </span>
              </td>
              <td className="max-sm:hidden">
                <Does policy={policy} />
              </td>
              <td className="number pl-4 max-sm:pl-2">{policy.passed}</td>
              <td className="number pl-4 max-sm:pl-2">{policy.asked}</td>
              <td className="number pl-4 max-sm:pl-2">{policy.refused}</td>
            </tr>
          ))}
          <tr>
            <td>
              <span className="font-medium">None of them</span>
              <span className="block text-soft">Of what no policy speaks: reads run, everything else asks.</span>
            </td>
            <td className="max-sm:hidden">
              <State of="gated" label="asks you" />
            </td>
            <td className="number pl-4 max-sm:pl-2">{byDefault.passed}</td>
            <td className="number pl-4 max-sm:pl-2">{byDefault.asked}</td>
            <td className="number pl-4 max-sm:pl-2">{byDefault.refused}</td>
          </tr>
        </tbody>
      </table>
    </div>
  )
}

function Does({ policy: { expired, outcome } }: { policy: Policy }) {
  const [state, words] = expired ? (['closed', 'expired'] as const) : OUTCOMES[outcome]
  return <State of={state} label={words} />
}

/** Its reason, how often it holds, and until when. */
function saidBy({ reason, cap, expires, expired }: Policy): string {
  return [
    reason ?? 'It gives no reason.',
    ...(cap === null ? [] : [`at most ${cap}`]),
    ...(expires === null ? [] : [`${expired ? 'counted for nothing after' : 'until'} ${expires}`]),
  ].join('; ')
}

function Repeated({ of }: { of: Policies['repeated'] }) {
  const [asked, setAsked] = useState<string | null>(null)
  if (of.length === 0) return null
  return (
    <Section title="Approved again and again">
      <ul className="max-w-4xl text-sm">
        {of.map(({ action, workflow, approved, edited, rejected, gate }) => (
          <li key={action + workflow} className="flex flex-wrap items-center gap-x-4 gap-y-1 border-b border-line py-2">
            <span className="min-w-0 flex-1 basis-64">
              <span className="font-mono text-xs">{action}</span> <span className="text-soft">by</span>{' '}
              <span className="font-mono text-xs">{workflow ?? 'you'}</span>
              <span className="block text-soft">
                {approved} of {approved + edited + rejected} approved as they were
                {edited > 0 && `, ${edited} edited`}
                {rejected > 0 && `, ${rejected} rejected`}
              </span>
            </span>
            <button className="button" onClick={() => setAsked(gate)}>
              Let such pass
            </button>
          </li>
        ))}
      </ul>
      {asked !== null && <Allow gate={asked} close={() => setAsked(null)} />}
    </Section>
  )
}

/** A policy that would have let the effect of a gate run: shown as the change of a file, made by a press. */
function Allow({ gate, close }: { gate: string; close: () => void }) {
  const proposal = useReading('policyProposal', { id: gate })
  const [busy, setBusy] = useState(false)
  const adopt = async (binding: string) => {
    setBusy(true)
    await api.post('policyAdopt', { id: gate, binding }).then(
      ({ id, file }) => {
        toast(`${id} is in ${file}, and holds from now on.`)
        close()
      },
      (error: unknown) => toast(messageOf(error), { bad: true }),
    )
    setBusy(false)
    await queries.invalidateQueries()
  }
  return (
    <Dialog title="Let such pass" close={close} wide>
      <div className="flex min-h-0 flex-col gap-3 overflow-y-auto px-5 py-4 text-sm">
        {proposal.error ? (
          <p className="plain border-l-2 border-warn pl-3" role="alert">
            {messageOf(proposal.error)}
          </p>
        ) : (
          <Shown of={proposal} rows={3}>
            {({ file, diff, binding }) => (
              <>
                <p className="text-soft">
                  This is added to <code className="font-mono text-xs">{file}</code>. From then on such effects leave
                  after their hold window without asking, as far as it says: the same action, workflow and trust, ten
                  times a day, for thirty days. What waits already goes on waiting.
                </p>
                <pre
                  className="overflow-x-auto rounded border border-line bg-sunken px-3 py-2 font-mono text-xs"
                  tabIndex={0}
                >
                  <Marked text={diff} />
                </pre>
                <CliLine text={`factotum policy allow ${gate}`} />
                <div className="flex justify-end gap-2">
                  <button className="button" onClick={close}>
                    Go on asking
                  </button>
                  {mayAsk('policyAdopt') && (
                    <button className="button button-first" disabled={busy} onClick={() => void adopt(binding)}>
                      Adopt this policy
                    </button>
                  )}
                </div>
              </>
            )}
          </Shown>
        )}
      </div>
    </Dialog>
  )
}
