import { moneyText, NO_CURRENCY } from '../../governance/spend/budgets.ts'
import { humanDuration } from '../../lib/durations.ts'
import type { LeafEvent } from '../../lib/event-leaf.ts'
import { html, markdown, page, table, type Markup } from './html.ts'
import { groupName, SHOWN, type CompanyRecord } from './record.ts'
import type { Setup } from './setup.ts'

const MENU = [
  ['index.html', 'At a glance'],
  ['workflows.html', 'Workflows and actions'],
  ['policies.html', 'Policies'],
  ['decisions.html', 'Decisions'],
  ['track-record.html', 'Track record'],
  ['costs.html', 'Costs'],
  ['procedures.html', 'Procedures'],
  ['events.html', 'Events'],
  ['verify.html', 'Verify'],
] as const

type Events = ReadonlyMap<string, readonly LeafEvent[]>

/** Every page of a dossier: a function of what lies beside it in the folder, so that a check can make them again. */
export function pagesOf(setup: Setup, record: CompanyRecord, events: Events): ReadonlyMap<string, string> {
  const asOf = `As of ${day(setup.at)} ${new Date(setup.at).toISOString().slice(11, 16)} UTC, after ${plural(record.events, 'event')}`
  const pages = new Map<string, string>()
  const add = (here: string, title: string, body: Markup) =>
    pages.set(here, page({ title, company: setup.company, asOf, menu: MENU, here, body }))
  const bodies = [glance, workflows, policies, decisions, trackRecord, costs, procedures, eventGroups, verify]
  for (const [i, [here, name]] of MENU.entries()) add(here, name, bodies[i]!(setup, record))
  for (const [name, { title, total, streams }] of Object.entries(record.groups)) {
    const shown = streams.map((stream) => story(stream, events.get(stream) ?? []))
    const more =
      total > streams.length
        ? html`<p>The newest ${streams.length} of ${count(total)}; all are in the ledger.</p>`
        : html``
    add(`events/${name}.html`, title, html`${more}${shown}`)
  }
  return pages
}

const day = (at: number) => new Date(at).toISOString().slice(0, 10)
const moment = (at: number) => new Date(at).toISOString().slice(0, 19).replace('T', ' ')
const count = (n: unknown) => String(Number(n)).replace(/\B(?=(\d{3})+$)/g, ' ')
const plural = (n: number, what: string) => `${count(n)} ${what}${n === 1 ? '' : 's'}`
const words = (name: unknown) => String(name).replaceAll('_', ' ')
const share = (part: number, all: number) => (all === 0 ? 'none' : `${((100 * part) / all).toFixed(1)}\u00a0%`)
const sum = (rows: readonly object[], of: string) =>
  rows.reduce((all, row) => all + Number((row as Readonly<Record<string, unknown>>)[of]), 0)

/** A number with the events behind it. */
function linked(record: CompanyRecord, group: string, n: unknown): Markup {
  return record.groups[group] ? html`<a href="events/${group}.html">${count(n)}</a>` : html`${count(n)}`
}

const TEXT = (head: string) => ({ head })
const NUMBER = (head: string) => ({ head, number: true })

function glance(setup: Setup, record: CompanyRecord): Markup {
  const left = sum(record.months, 'effects')
  const judged = sum(record.decisions, 'judged')
  const answered = record.waits.find((w) => w.kind === 'effect')
  const cards: readonly (readonly [string | Markup, string])[] = [
    [count(record.events), record.firstAt === null ? 'events' : `events since ${day(record.firstAt)}`],
    [count(sum(record.signals, 'n')), 'signals taken in: mails, commands, schedules'],
    [count(sum(record.runs, 'n')), `runs of ${plural(new Set(record.runs.map((r) => r.workflow)).size, 'workflow')}`],
    [
      count(sum(record.decisions, 'n')),
      `decisions, ${share(sum(record.months, 'automatic'), sum(record.months, 'decisions'))} of them made without the operator`,
    ],
    [share(sum(record.decisions, 'agreed'), judged), `of ${count(judged)} decisions that were judged were right`],
    [count(left), `effects left the company, ${share(sum(record.months, 'alone'), left)} of them by policy alone`],
    [linked(record, 'undos', record.groups.undos?.total ?? 0), 'times something was taken back'],
    [
      linked(record, 'gates-dead_letter', record.groups['gates-dead_letter']?.total ?? 0),
      'effects stopped for good and were handed to a person',
    ],
    [
      answered ? humanDuration(Number(answered.median)) : 'none yet',
      'median time until the operator decided on an effect',
    ],
  ]
  return html`<div class="cards">${cards.map(([n, what]) => html`<div><b>${n}</b><span>${what}</span></div>`)}</div>
    <p>
      ${setup.company} runs on Factotum: workflows as code, decisions by rules, learned models, language models or the
      operator, and nothing that leaves the company without a recorded verdict. Everything that happened is one
      append-only ledger, signed as it grows. This folder holds that ledger without anything personal, and what can be
      counted from it.
    </p>
    <h2>What it is made of</h2>
    ${table(
      [TEXT(''), NUMBER('')],
      [
        ['Workflows', count(setup.workflows.length)],
        ['Actions that it can take outside', count(setup.actions.length)],
        ['Agents', count(setup.agents.length)],
        ['Policies in force', count(setup.policies.list.length)],
        ['Budgets', count(setup.budgets.length)],
      ],
      '',
    )}
    <h2>Month by month</h2>
    ${months(record)}`
}

function months(record: CompanyRecord): Markup {
  return table(
    [
      TEXT('Month'),
      NUMBER('Decisions'),
      NUMBER('without the operator'),
      NUMBER('Effects that left'),
      NUMBER('by policy alone'),
      NUMBER('taken back'),
    ],
    record.months.map((m) => [
      String(m.month),
      count(m.decisions),
      share(Number(m.automatic), Number(m.decisions)),
      count(m.effects),
      share(Number(m.alone), Number(m.effects)),
      count(m.undone),
    ]),
    'Nothing was decided and nothing left so far.',
  )
}

function workflows(setup: Setup, record: CompanyRecord): Markup {
  const used = (name: string) => record.used.filter((u) => u.workflow === name).map((u) => String(u.action))
  const names = [...new Set([...setup.workflows.map((w) => w.name), ...record.runs.map((r) => String(r.workflow))])]
  return html`<h2>Workflows</h2>
    ${table(
      [TEXT('Workflow'), TEXT('Version'), TEXT('Started by'), TEXT('Runs'), TEXT('Was seen using')],
      names.map((name) => {
        const now = setup.workflows.find((w) => w.name === name)
        return [
          html`<code>${name}</code>`,
          now ? String(now.version) : 'no longer set up',
          now
            ? `${now.startedBy}${now.inTurn ? '; in turn' : ''}${now.limit === null ? '' : `; at most ${now.limit} under way`}`
            : '',
          linked(
            record,
            groupName('runs', name),
            sum(
              record.runs.filter((r) => r.workflow === name),
              'n',
            ),
          ),
          used(name).join(', '),
        ]
      }),
      'There are none.',
    )}
    <h2>Versions and how they ended</h2>
    ${table(
      [TEXT('Workflow'), NUMBER('Version'), TEXT('State'), NUMBER('Runs'), TEXT('First'), TEXT('Newest')],
      record.runs.map((r) => [
        html`<code>${r.workflow}</code>`,
        String(r.version),
        words(r.state),
        count(r.n),
        day(Number(r.first_at)),
        day(Number(r.last_at)),
      ]),
      'Nothing ran so far.',
    )}
    <h2>Actions</h2>
    ${table(
      [
        TEXT('Action'),
        NUMBER('Version'),
        TEXT('Risk'),
        TEXT('Can be taken back'),
        TEXT('When nobody knows whether it happened'),
        NUMBER('Used'),
      ],
      setup.actions.map((a) => [
        html`<code>${a.name}</code>`,
        String(a.version),
        a.risk,
        a.risk === 'read' ? 'it only reads' : a.undo ? 'yes' : 'no',
        a.lookedUp ? 'looked up outside' : a.idempotent ? 'tried again, done once at most' : 'handed to the operator',
        linked(
          record,
          groupName('action', a.name),
          sum(
            record.effects.filter((e) => e.action === a.name),
            'n',
          ),
        ),
      ]),
      'There are none: nothing leaves this company.',
    )}`
}

function policies(setup: Setup, record: CompanyRecord): Markup {
  const adopted = record.history.filter((e) => e.kind.startsWith('policy.'))
  return html`<p>
      Of every effect a policy says that it runs, that the operator is asked, or that it is refused. Refuse beats ask,
      ask beats run. What no policy speaks of: what only reads runs, everything else asks.
    </p>
    <h2>In force</h2>
    <p class="soft">
      Version <code>${setup.policies.version}</code>, from the company's own files. Each verdict in the ledger names the
      policies that it came from.
    </p>
    ${table(
      [TEXT('Policy'), TEXT('Says'), TEXT('Because'), TEXT('At most'), TEXT('Until'), TEXT('Where')],
      setup.policies.list.map((p) => [
        html`<code>${p.id}</code>`,
        p.outcome,
        p.reason,
        p.cap,
        p.expires,
        html`<code>${p.where}</code>`,
      ]),
      'There are none: everything that does not only read asks.',
    )}
    <h2>Allowed by the operator, from the queue</h2>
    ${history(adopted, 'No policy was adopted from a decision so far.')}`
}

/** The newest first. */
function history(events: readonly LeafEvent[], empty: string): Markup {
  return table(
    [NUMBER('Event'), TEXT('When (UTC)'), TEXT('What, by whom, and what is recorded')],
    events
      .toReversed()
      .map((e) => [
        html`<span id="e${e.seq}">${e.seq}</span>`,
        html`<span class="when">${moment(e.at)}</span>`,
        html`${e.kind} <span class="soft">by ${e.actor}</span><br /><code>${e.body}</code>`,
      ]),
    empty,
  )
}

function decisions(_setup: Setup, record: CompanyRecord): Markup {
  return html`<p>
      A decision records who made it (the cheapest tier that was sure enough), what it was shown, and what became of it.
      It counts as judged when the operator answered, approved or corrected it.
    </p>
    <h2>By agent and tier</h2>
    ${table(
      [TEXT('Agent'), TEXT('Tier'), NUMBER('Decisions'), NUMBER('Judged'), NUMBER('Right'), NUMBER('Taken back')],
      record.decisions.map((d) => [
        html`<code>${d.agent}</code>`,
        String(d.tier),
        linked(record, groupName('decisions', d.agent!), d.n),
        count(d.judged),
        share(Number(d.agreed), Number(d.judged)),
        count(d.retracted),
      ]),
      'Nothing was decided so far.',
    )}
    <h2>That turned out otherwise</h2>
    <p>
      ${linked(record, 'corrected', record.groups.corrected?.total ?? 0)} decisions were corrected by the operator or
      taken back with what they led to.
    </p>
    <h2>What was learned and believed</h2>
    ${table(
      [TEXT('Facts about'), NUMBER('Recorded'), NUMBER('No longer true'), NUMBER('Taken back')],
      record.facts.map((f) => [html`<code>${f.attribute}</code>`, count(f.n), count(f.ended), count(f.retracted)]),
      'No fact is recorded.',
    )}`
}

function trackRecord(_setup: Setup, record: CompanyRecord): Markup {
  const states = [...new Set(record.effects.map((e) => String(e.state)))].sort()
  return html`<h2>Effects by outcome</h2>
    ${table(
      [TEXT('Outcome'), NUMBER('Effects')],
      states.map((state) => [
        words(state),
        linked(
          record,
          groupName('effects', state),
          sum(
            record.effects.filter((e) => e.state === state),
            'n',
          ),
        ),
      ]),
      'Nothing was proposed so far.',
    )}
    <h2>By action</h2>
    ${table(
      [TEXT('Action'), TEXT('Risk'), TEXT('Outcome'), NUMBER('Effects')],
      record.effects.map((e) => [
        html`<code>${e.action}</code>`,
        String(e.risk),
        words(e.state),
        linked(record, groupName('action', e.action!), e.n),
      ]),
      'Nothing was proposed so far.',
    )}
    <h2>Taken back</h2>
    <p>${linked(record, 'undos', record.groups.undos?.total ?? 0)} undos were asked for.</p>
    <h2>What waited for the operator</h2>
    ${table(
      [TEXT('Gate'), TEXT('Answer'), NUMBER('Gates')],
      record.gates.map((g) => [
        words(g.kind),
        words(g.outcome ?? g.state),
        linked(record, groupName('gates', g.kind!), g.n),
      ]),
      'Nothing waited so far.',
    )}
    <h2>How long it waited</h2>
    ${table(
      [TEXT('Gate'), NUMBER('Decided'), NUMBER('Half within'), NUMBER('Nine in ten within')],
      record.waits.map((w) => [
        words(w.kind),
        count(w.n),
        humanDuration(Number(w.median)),
        humanDuration(Number(w.p90)),
      ]),
      'Nothing was decided at a gate so far.',
    )}
    <h2>Autonomy, month by month</h2>
    ${months(record)}
    <h2>Snapshots, restore drills and erasures</h2>
    ${history(
      record.history.filter((e) => !e.kind.startsWith('policy.')),
      'None is recorded.',
    )}`
}

function costs(setup: Setup, record: CompanyRecord): Markup {
  const money = (micros: unknown, currency: unknown) =>
    currency === NO_CURRENCY ? 'no price' : moneyText(Number(micros), String(currency))
  return html`<h2>By month</h2>
    ${table(
      [TEXT('Month'), TEXT('Paid'), NUMBER('Cost'), NUMBER('Tokens'), NUMBER('Uses')],
      record.costs.map((c) => [
        String(c.month),
        String(c.meter),
        money(c.micros, c.currency),
        count(c.tokens),
        count(c.uses),
      ]),
      'Nothing was paid for so far.',
    )}
    <h2>For what</h2>
    ${table(
      [TEXT('Agent or action'), NUMBER('Cost'), NUMBER('Tokens'), NUMBER('Uses')],
      record.spent.map((c) => [
        html`<code>${c.what}</code>`,
        money(c.micros, c.currency),
        count(c.tokens),
        linked(record, 'uses', c.uses),
      ]),
      'Nothing was paid for so far.',
    )}
    <h2>Budgets</h2>
    ${
      setup.budgets.length === 0
        ? html`<p class="none">There are none: everything is metered, and nothing asks.</p>`
        : html`<ul>
              ${setup.budgets.map((b) => html`<li>${b}</li>`)}
            </ul>
            <p>What would go over one asks the operator.</p>`
    }`
}

function procedures(setup: Setup): Markup {
  // Its title is the page's.
  return markdown(setup.manual.replace(/^# .*\n/, ''))
}

function eventGroups(_setup: Setup, record: CompanyRecord): Markup {
  return html`<p>
      Behind each number stand events. Here are the newest ${SHOWN} things of each group with all that was recorded of
      them; each event has a proof in <a href="proofs.json">proofs.json</a> that it is in the signed ledger. What is
      personal was never in this folder: of a private part there is only its salted hash.
    </p>
    ${table(
      [TEXT('Group'), NUMBER('Things')],
      Object.entries(record.groups).map(([name, g]) => [
        html`<a href="events/${name}.html">${g.title}</a>`,
        count(g.total),
      ]),
      'There are none.',
    )}
    <h2>All events, by kind</h2>
    ${table(
      [TEXT('Kind'), NUMBER('Events')],
      record.kinds.map(([kind, n]) => [html`<code>${kind}</code>`, count(n)]),
      'There are none.',
    )}`
}

function story(stream: string, events: readonly LeafEvent[]): Markup {
  return html`<h2 id="${stream}"><code>${stream}</code></h2>
    ${history(events.toReversed(), 'Nothing is recorded of it.')}`
}

function verify(setup: Setup, record: CompanyRecord): Markup {
  return html`<p>
      Nobody needs to trust these pages. The ledger beside them holds all ${count(record.events)} events, without their
      private parts; its last line is a checkpoint: the number of events and the root of the Merkle tree over them (RFC
      6962), signed with the company's key (Ed25519, a C2SP signed note). One changed byte anywhere is found.
    </p>
    <h2>The key</h2>
    <pre><code>${setup.vkey}</code></pre>
    <p>
      A key that comes in the same folder proves nothing about who made it. Ask the company for its key another way, and
      compare.
      ${setup.witness.length === 0 ? 'No copies of its checkpoints go outside.' : `Copies of its checkpoints go to: ${setup.witness.join(', ')}.`}
    </p>
    <h2>With Node alone</h2>
    <p>
      The verifier is in <code>verify/</code>, as source, without dependencies: it checks the signature over all files,
      the ledger and every proof. Whoever could change this folder could change that as well: read it, or use the one of
      Factotum.
    </p>
    <pre><code>node verify/verify.mjs . "${setup.vkey}"</code></pre>
    <h2>With Factotum</h2>
    <p>This makes the numbers and pages again from the ledger besides, and compares.</p>
    <pre><code>factotum dossier --check . --key "${setup.vkey}"
factotum ledger verify --file ledger.jsonl --key "${setup.vkey}"</code></pre>
    <h2>What is proven, and what is not</h2>
    <ul>
      <li>
        Every number is counted from the ledger, and the ledger is complete: it has every event from the first to the
        ${count(record.events)}th.
      </li>
      <li>
        That an event was not made up when it was recorded is not proven by a signature. Checkpoints that were kept
        outside since then prove that the past was not rewritten later:
        <code>factotum ledger verify --checkpoint</code>.
      </li>
      <li>
        What workflows, actions, policies and budgets there are now, and the procedures, come from the company's own
        files. They are under the signature over this folder, not in the ledger.
      </li>
      <li>
        Private parts were left out. Each event that has one keeps its salted hash, so that the company can show a
        single one later, and prove that it is the one that was recorded.
      </li>
    </ul>
    <h2>Files</h2>
    ${table(
      [TEXT('File'), TEXT('What it is')],
      [
        [html`<code>ledger.jsonl</code>`, 'every event, without private parts, and the signed checkpoint'],
        [html`<code>proofs.json</code>`, 'inclusion proofs of the events that are shown'],
        [html`<code>record.json</code>`, 'every number, as the pages show it'],
        [html`<code>setup.json</code>`, "what the company's own files say"],
        [html`<code>ledger.pub</code>`, 'the key'],
        [html`<code>manifest.note</code>`, 'the hashes of all files, signed'],
        [html`<code>verify/</code>`, 'the verifier'],
      ],
      '',
    )}`
}
