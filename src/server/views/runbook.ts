import type { Connector } from '../../execution/action.ts'
import { moneyText, type Budget } from '../../governance/spend/budgets.ts'
import { humanDuration } from '../../lib/durations.ts'
import { agentList, type AgentReport } from '../../orchestration/agents/report.ts'
import type { AnyWorkflow } from '../../orchestration/workflow.ts'
import { sql, type Store } from '../../store/index.ts'
import type { OpenCompany } from '../open.ts'
import { actionSection, code, RULES, text } from './runbook-actions.ts'

const actionsSeen = sql(
  'select distinct workflow as workflow, action as name from effect where workflow is not null and undoes is null',
)
const agentsSeen = sql(
  'select distinct r.workflow as workflow, d.agent as name from decision d join run r on r.id = d.run',
)

type Seen = readonly { readonly workflow: string; readonly name: string }[]

/**
 * The operations manual of a company, as Markdown, for somebody who has never seen it: what it is connected to, what it
 * can do and what to do when that fails. From what is configured and, for who uses what, from the record; without
 * secrets and without personal data. The same as long as neither changes.
 */
export async function runbook(c: OpenCompany): Promise<string> {
  const connectors = byName(c.company.connectors, (x) => x.name)
  const actions = byName([...c.execution.actions.values()], (a) => a.action)
  const workflows = byName([...c.coordinator.workflows.values()], (w) => w.workflow)
  const used = await seen(c.store, actionsSeen)
  const asked = await seen(c.store, agentsSeen)
  const lines = [
    `# ${text(c.company.name)}: operations manual`,
    '',
    'Written by `factotum runbook` from the company as it is set up and from its record. Make it anew when either changed. Every command is given in',
    "the company's folder, or with `--company <folder>`; `factotum help` shows them all.",
    '',
    ...EVERY_DAY,
    ...TROUBLE,
    '## Connectors',
    '',
    ...(connectors.length === 0 ? ['There are none: nothing leaves this company.', ''] : []),
    ...connectors.flatMap(connectorSection),
    '## Actions',
    '',
    ...actions.flatMap((a) =>
      actionSection(
        c,
        a,
        namesOf(
          used,
          (s) => s.name === a.action,
          (s) => s.workflow,
        ),
      ),
    ),
    ...policySection(c),
    '## Workflows',
    '',
    ...workflows.flatMap((w) =>
      workflowSection(
        w,
        namesOf(
          used,
          (s) => s.workflow === w.workflow,
          (s) => s.name,
        ),
        namesOf(
          asked,
          (s) => s.workflow === w.workflow,
          (s) => s.name,
        ),
      ),
    ),
    '## Agents',
    '',
    ...(await agentList(c.agents)).flatMap(agentSection),
    ...budgetSection(c.company.budgets),
    ...keysSection(c),
  ]
  return `${lines.join('\n').trimEnd()}\n`
}

function byName<T>(all: readonly T[], name: (one: T) => string): T[] {
  return all.toSorted((a, b) => (name(a) < name(b) ? -1 : 1))
}

function seen(store: Store, query: typeof actionsSeen): Promise<Seen> {
  return store.read<Seen[number]>(query())
}

function namesOf(all: Seen, where: (s: Seen[number]) => boolean, what: (s: Seen[number]) => string): string[] {
  return [...new Set(all.filter(where).map(what))].sort()
}

const EVERY_DAY = [
  '## Every day',
  '',
  '1. `factotum status`: what there is, what is paused, what is `BROKEN`. "not running": start it with `factotum start`.',
  '2. `factotum queue`: what waits for you. `factotum queue <gate>` shows one whole, with what it rests on.',
  '3. `factotum approve <gate>`, `factotum approve <gate> --set field=value`, `factotum reject <gate> --reason "…"`, `factotum answer <gate> <value>`; `factotum snooze <gate> 2h` for later.',
  `4. What was approved and could not leave for more than ${humanDuration(RULES.freshMs)} asks again.`,
  '5. `factotum dead`: what stopped for good. See below, and the action.',
  '',
]

const TROUBLE = [
  '## When something is wrong',
  '',
  '- **It does what it should not** `factotum pause --reason "…"` lets nothing leave at all, `factotum pause <workflow or connector>` nothing of one. What is under way is not broken off. `factotum resume`, with the same name, lets it go on.',
  '- **It is about to do what it should not** `factotum cancel <effect>` stops what has not left, `factotum cancel <run>` a run with everything of it that has not left.',
  '- **It did what it should not** `factotum undo <effect, run or decision>` shows what can be taken back, what cannot, and which facts and decisions go with it; `--yes` does it.',
  '- **Nobody knows whether it happened** (`uncertain` in the queue) Look outside first. `factotum decide <gate> happened`, or `retry` if it certainly did not, or `close --reason "…"`.',
  '- **It failed for good** (`dead_letter`) `factotum dead` groups what failed by cause. Mend it, then `factotum redrive <effect, group or all>`; or `factotum close <effect, group or all> --reason "…"`.',
  '- **A run failed** (`failure`) `factotum retry <run>` goes on from the step that failed, `factotum restart <run>` begins anew, `factotum decide <gate> compensate` takes back what it did, `factotum cancel <run>` ends it.',
  '- **A run is parked** (`parked`: its code and its record disagree) Bring the code back and `factotum decide <gate> continue`, or `factotum restart <run>`.',
  '- **Why did this happen?** `factotum why <id>` of anything.',
  '- **A mail or a command was set aside** `factotum signals --state quarantined` says why; `factotum release <signal>` takes it in.',
  '',
]

function connectorSection(connector: Connector): string[] {
  const { name, target, limits = {}, inbox } = connector
  const { perMinute, concurrent } = limits
  const least = [
    ...(perMinute === undefined ? [] : [`${perMinute} calls a minute`]),
    ...(concurrent === undefined ? [] : [`${concurrent} calls at once`]),
  ]
  const verbs = connector.actions.map((a) => a.action).sort()
  const signals = [
    ...new Set([...connector.signals, ...(connector.ingest ? [connector.ingest.kind] : [])].map((s) => s.signal)),
  ]
  return [
    `### ${text(name)}`,
    '',
    `- **Acts at** ${code(target ?? name)}. What was approved for one place is not done at another: it asks again.`,
    `- **Limits** ${least.length === 0 ? 'none are stated' : `at most ${least.join(' and ')}; more wait`}.`,
    `- **Probe** ${connector.probe ? `its service is asked once a day what it offers. What changed is a gate: \`factotum decide <gate> accept\`, or \`factotum decide <gate> pause\`.` : 'none: a change of its service is seen when a call fails.'}`,
    `- **When it is broken** After ${RULES.breaksAfter} failures in a row \`factotum status\` shows \`BROKEN  ${name}: <error>\`. Nothing is sent for ${humanDuration(RULES.firstPauseMs)}, then one call finds out whether it is back; each further pause is twice as long, at most ${humanDuration(RULES.maxPauseMs)}. What waits leaves by itself once it is. To stop it by hand: ${code(`factotum pause ${name}`)}.`,
    ...(connector.ingest
      ? [
          `- **Takes in** ${inbox === undefined ? 'files' : `${code(inbox)}, at every start, and files`}: \`factotum ingest <path>\`.`,
        ]
      : []),
    ...(signals.length > 0 ? [`- **Signals** ${signals.sort().map(code).join(', ')}.`] : []),
    `- **Actions** ${verbs.length === 0 ? 'none' : verbs.map(code).join(', ')}.`,
    '',
  ]
}

function policySection(c: OpenCompany): string[] {
  const all = c.policies.list()
  const expired = new Set(c.policies.expired(c.store.clock.now()).map((p) => p.id))
  return [
    '## Policies',
    '',
    all.length === 0
      ? 'There are none: what only reads runs, everything else asks.'
      : 'What none of them speaks of: what only reads runs, everything else asks. Refuse beats ask, ask beats run.',
    '',
    ...all.map((p) =>
      [
        `- ${code(p.id)}: ${p.outcome}`,
        ...(p.reason === null ? [] : [text(p.reason)]),
        ...(p.cap === null ? [] : [`at most ${text(p.cap)}, then it asks`]),
        ...(p.expires === null ? [] : [expired.has(p.id) ? `EXPIRED after ${p.expires}` : `until ${p.expires}`]),
        code(`${p.file}:${p.line}`),
      ].join(', '),
    ),
    ...(all.length === 0 ? [] : ['']),
    '`factotum policy check` reads the files, `factotum policy test <effect>` says what the verdict on one would be and why.',
    '',
  ]
}

function workflowSection(workflow: AnyWorkflow, actions: readonly string[], agents: readonly string[]): string[] {
  const { workflow: name, version, on, input, lane, limit, schedule } = workflow
  const starts = [
    ...on.map((s) => `the signal ${code(s.signal)}`).sort(),
    ...(schedule
      ? [
          `the schedule ${code(schedule.cron)} (${schedule.zone ?? 'UTC'}; of the ticks that it missed: ${schedule.catchUp ?? 'latest'})`,
        ]
      : []),
    ...(input ? [`${code(`factotum launch ${name} --input JSON`)} or another workflow`] : []),
  ]
  const names = (all: readonly string[]) => (all.length === 0 ? 'none so far' : all.map(code).join(', '))
  return [
    `### ${text(name)}`,
    '',
    `- **Started by** ${starts.length === 0 ? 'another workflow' : starts.join(', ')}. Version ${version}.`,
    `- **Lane** ${lane ? 'one run at a time for each value of its lane, first in first out. A run that failed keeps its lane until it is decided.' : 'none: runs do not wait for each other.'}`,
    `- **Limit** ${limit === null ? 'none' : `${limit} runs under way`}.`,
    `- **Was seen using** actions: ${names(actions)}; agents: ${names(agents)}.`,
    `- **To stop it** ${code(`factotum pause ${name}`)}.`,
    '',
  ]
}

function agentSection(agent: AgentReport): string[] {
  const { tiers, sureEnough, limits, prices, input, output } = agent
  const bounds = limits
    ? [
        ...(limits.perDay === null ? [] : [`${limits.perDay} questions to models a day`]),
        `${limits.tokens} tokens a decision`,
        ...(limits.money === null
          ? []
          : [`${moneyText(limits.money.micros, limits.money.currency)} a tier and decision`]),
        `${humanDuration(limits.timeoutMs)} a tier`,
      ]
    : []
  return [
    `### ${text(agent.agent)}`,
    '',
    `- **Tiers** ${tiers.length === 0 ? 'unknown: it decided before, and its code is not loaded' : tiers.map(code).join(', then ')}.`,
    `- **Takes** ${code(input)}, answers ${code(output)}.`,
    ...(sureEnough === null
      ? []
      : [`- **Decides** where it is believed at least ${sureEnough}; else the next tier does.`]),
    ...(bounds.length === 0 ? [] : [`- **At most** ${bounds.join(', ')}.`]),
    ...(prices.length === 0 ? [] : [`- **Prices** ${prices.map(text).join('; ')}.`]),
    `- **When it was wrong** \`factotum correct <decision> <value> --reason "…"\`; ${code(`factotum agents ${agent.agent}`)} shows its newest decisions.`,
    '',
  ]
}

function budgetSection(budgets: readonly Budget[]): string[] {
  return [
    '## Budgets',
    '',
    ...(budgets.length === 0 ? ['There are none: everything is metered, and nothing asks.'] : []),
    ...byName(budgets, (b) => b.name).map((b) => {
      const most = [
        ...(b.money === null ? [] : [moneyText(b.money.micros, b.money.currency)]),
        ...(b.tokens === null ? [] : [`${b.tokens} tokens`]),
        ...(b.count === null ? [] : [`${b.count} uses`]),
      ]
      return `- ${code(b.name)}, of ${code(b.scope)}: ${most.join(', ')} a ${b.per}. What would go over asks.`
    }),
    '',
    '`factotum costs` shows what was spent and what is left.',
    '',
  ]
}

function keysSection(c: OpenCompany): string[] {
  const { folder, git, mail } = c.company.witness
  const copies = [
    ...(folder === undefined ? [] : ['a folder']),
    ...(git === undefined ? [] : ['a git repository']),
    ...(mail === undefined ? [] : ['mail']),
  ]
  return [
    '## Record, keys and backup',
    '',
    `- **Store** ${c.store.engine.dialect === 'postgres' ? 'PostgreSQL, named by `DATABASE_URL`: back it up with its own tools, and `data/` besides' : 'SQLite, in `data/`'}.`,
    '- **Back up** `data/` as a whole while the company is stopped, or with a snapshot of the file system. It holds personal data and keys: keep the copy as safe as the folder.',
    '- **Keys** in `data/keys`, readable by the owner only. Without `company.key` no signal is recognised as known, without `ledger.key` nothing new can be signed. Nobody can make them anew.',
    '- **Verify** `factotum ledger verify` checks the whole record; `--checkpoint <file>` also against a copy that was kept outside. After anything odd, and before a backup is thrown away.',
    '- **Doctor** `factotum doctor` rebuilds every table from the record and compares, and compares the index with what it is of. Where it says `DIFFERENT`, stop the company and keep the folder as it is; where it says `WRONG`, `factotum recall --rebuild`.',
    `- **Copies of checkpoints** ${copies.length === 0 ? 'none go outside' : `go to ${copies.join(', ')}`}.`,
    '- **After a crash** `factotum start`. What was acknowledged is there; what was under way outside is looked up, or waits as `uncertain`.',
    '',
  ]
}
