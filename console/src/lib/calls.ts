/** How commands are typed: with what is on the screen filled in, and each word as a shell takes it. */

/** What a record is, by how its id begins. */
const BEGINS: Readonly<Record<string, RegExp>> = {
  gate: /^gate_/,
  run: /^run_/,
  effect: /^eff_/,
  decision: /^dec_/,
  entity: /^ent_/,
  conversation: /^conv_/,
  task: /^task_/,
  document: /^doc_/,
  signal: /^sig_/,
  event: /^\d+$/,
}

function isOf(id: string, placeholder: string): boolean {
  const words = placeholder.toLowerCase().split(/[^a-z]+/)
  return words.includes('id') || words.some((word) => BEGINS[word]?.test(id))
}

const PARTS = /\[(?:[^[\]]|\[[^\]]*\])*\]…?|"?<[^>]*>"?…?|\S+/g

/**
 * A way to type a command, with the record that is shown where it belongs and without what may be left out. What is not
 * known stays in `<…>`.
 */
export function filled(call: string, shown: string | null): string {
  let left = shown
  const fill = (placeholder: string): string | null => {
    if (left === null || !isOf(left, placeholder)) return null
    const id = left
    left = null
    return quoted(id)
  }
  const parts = (call.match(PARTS) ?? []).flatMap((part) => {
    if (part.startsWith('[')) return part.startsWith('[--') ? [] : (fill(part) ?? [])
    return part.includes('<') ? (fill(part) ?? part.replace('…', '')) : part
  })
  return `factotum ${parts.join(' ')}`
}

/** Whether the record that is shown belongs into it. */
export function takes(call: string, shown: string | null): boolean {
  return shown !== null && filled(call, shown).includes(quoted(shown))
}

/** A text as one word of a shell. */
export function quoted(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`
}

/** What an address of the console shows: the command that shows the same, and the kind of events that it is made of. */
export interface Same {
  readonly call: string
  /** The one record that is shown. */
  readonly record: string | null
  /** The begin of a kind; '' are all. */
  readonly kinds: string
}

type Search = Readonly<Record<string, string | undefined>>

/** The lists of the console: with nothing chosen, with something chosen, and the events that both are made of. */
interface Lens {
  readonly list: (search: Search) => string
  readonly one?: (id: string, search: Search) => string
  readonly kinds: string
}

const flag = (name: string, value: string | undefined) => (value ? ` --${name} ${quoted(value)}` : '')
const asOf = ({ asOf: then }: Search) => flag('as-of', then)

const PAGES: Readonly<Record<string, readonly [first: string, Readonly<Record<string, Lens>>]>> = {
  '/': ['today', { today: { list: () => 'status', kinds: '' } }],
  '/queue': ['queue', { queue: { list: () => 'queue', one: (id) => `queue ${id}`, kinds: 'gate.' } }],
  '/history': [
    'runs',
    {
      runs: { list: (s) => `runs${flag('state', s.state)}`, one: (id) => `run ${id}`, kinds: 'run.' },
      effects: { list: (s) => `effects${flag('state', s.state)}`, one: (id) => `effects ${id}`, kinds: 'effect.' },
      stopped: { list: () => 'dead', kinds: 'effect.' },
      signals: { list: (s) => `signals${flag('state', s.state)}`, one: (id) => `signals ${id}`, kinds: 'signal.' },
      ledger: { list: (s) => `ledger list${flag('of', s.of)}`, one: (id) => `why ${id}`, kinds: '' },
    },
  ],
  '/company': [
    'facts',
    {
      facts: { list: (s) => `facts${asOf(s)}`, one: (id, s) => `facts ${quoted(id)}${asOf(s)}`, kinds: 'fact.' },
      conversations: {
        list: (s) => `conversations${s.state === 'ours' ? ' --mine' : ''}`,
        one: (id) => `conversation ${id}`,
        kinds: 'conversation.',
      },
      tasks: {
        list: (s) => `tasks${s.state && s.state !== 'open' ? ' --all' : ''}`,
        one: (id) => `task ${id}`,
        kinds: 'task.',
      },
      documents: {
        list: () => 'documents',
        one: (id, s) => (id === 'recall' ? `recall ${quoted(s.q ?? '')}` : `document ${id}`),
        kinds: 'document.',
      },
      decisions: {
        list: (s) => `decisions${flag('outcome', s.state)}`,
        one: (id) => `decision ${id}`,
        kinds: 'decision.',
      },
    },
  ],
  '/money': [
    'costs',
    {
      costs: { list: (s) => `costs --by ${s.by ?? 'workflow'}${flag('month', s.month)}`, kinds: 'use.' },
      agents: { list: () => 'agents', one: (id) => `agents ${quoted(id)}`, kinds: 'decision.' },
    },
  ],
  '/settings': [
    'connectors',
    {
      connectors: { list: () => 'connectors', kinds: 'service.' },
      policies: { list: () => 'policy list', kinds: 'policy.' },
      access: { list: () => 'access sessions', kinds: 'access.' },
      company: { list: () => 'status', kinds: '' },
    },
  ],
}

/** Of any page: what shows the same where it is typed. */
export function sameAs(path: string, search: Search): Same {
  const [first, lenses] = PAGES[path] ?? PAGES['/']!
  const lens = lenses[search.lens ?? first] ?? lenses[first]!
  const id = path === '/queue' ? gateIn(search.item) : search.id
  const record = id !== undefined && Object.values(BEGINS).some((begins) => begins.test(id)) ? id : null
  return {
    call: `factotum ${id === undefined || !lens.one ? lens.list(search) : lens.one(id, search)}`,
    record,
    kinds: lens.kinds,
  }
}

/** A row of the queue may be a group: it stands for none of its items. */
function gateIn(item: string | undefined): string | undefined {
  return item !== undefined && BEGINS.gate!.test(item) ? item : undefined
}
