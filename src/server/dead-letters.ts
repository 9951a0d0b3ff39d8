import { effectById, type EffectRow } from '../execution/events.ts'
import { verdictNow } from '../execution/execution.ts'
import { differenceFromApproved, inputOf } from '../execution/proposal.ts'
import { pauseOn } from '../governance/pause.ts'
import { FactotumError } from '../lib/errors.ts'
import { sql, type Store } from '../store/index.ts'
import type { OpenCompany } from './open.ts'
import { bySeq, page, type Page, type Paging } from './views/page.ts'

export interface DeadLetter {
  /** What it has in common with others: the action and the code of the error, `mail.send:mail.refused`. */
  readonly group: string
  readonly effect: string
  readonly gate: string
  readonly title: string
  readonly run: string
  readonly tries: number
  readonly risk: string
  /** It cannot be taken back: it is tried again by itself, never together with others. */
  readonly alone: boolean
  readonly error: string
  readonly since: number
  /** What trying again will do. */
  readonly redrive: string
}

export interface DeadGroup {
  readonly group: string
  readonly action: string
  readonly code: string
  readonly count: number
  /** How many of them are tried again one by one: they cannot be taken back. */
  readonly alone: number
  /** What the oldest of them was told; null: it is erased. */
  readonly example: string | null
}

/** An open gate of a dead letter with its effect. */
interface Row {
  readonly gate: string
  readonly title: string | null
  readonly opened_at: number
  readonly opened_seq: number
  readonly effect: string
  readonly action: string
  readonly code: string
  readonly risk: string
  readonly undoes: string | null
}

const CODE = 'coalesce(e.error_code, g.reason)'
const FROM = `from gate g join effect e on e.id = g.subject where g.kind = 'dead_letter' and g.state = 'open'`
const COLUMNS = `g.id as gate, g.title, g.opened_at, g.opened_seq, e.id as effect, e.action, e.risk, e.undoes, ${CODE} as code`
const IN_GROUP = `(? = 'all' or e.action || ':' || ${CODE} = ?)`
const groupRows = sql(
  `select e.action, ${CODE} as code, count(*) as count, min(g.opened_seq) as first,
     sum(case when e.risk = 'irreversible' and e.undoes is null then 1 else 0 end) as alone
   ${FROM} group by e.action, ${CODE} order by min(g.opened_seq)`,
)
const errorOfGate = sql(`select e.error ${FROM} and g.opened_seq = ?`)
const letterRows = sql(`select ${COLUMNS} ${FROM} and ${IN_GROUP} and g.opened_seq > ? order by g.opened_seq limit ?`)
const oneOf = sql(`select ${COLUMNS} ${FROM} and (e.id = ? or g.id = ? or e.id like ? escape '!') limit 2`)

/** An undo is no such thing: it takes something back. */
const isAlone = (row: Pick<Row, 'risk' | 'undoes'>) => row.risk === 'irreversible' && row.undoes === null

const nameOf = ({ action, code }: { readonly action: string; readonly code: string }) => `${action}:${code}`

/**
 * Effects that stopped for good, the oldest first, with what trying each again would do: all, those of a group, or one.
 * `groups`: all that there are, by cause. Throws `dead.none`.
 */
export async function deadLetters(
  c: OpenCompany,
  which: string,
  paging: Paging,
): Promise<Page<DeadLetter> & { readonly groups: readonly DeadGroup[] }> {
  const groups = await groupsOf(c.store)
  const letters = await page(paging, {
    order: bySeq,
    read: async (after, limit) => lettersAfter(c.store, groups, which, after?.[0] ?? -1, limit),
    place: (row) => [row.opened_seq],
    show: (row) => letterOf(c, row),
  })
  return { ...letters, groups }
}

async function groupsOf(store: Store): Promise<DeadGroup[]> {
  type Group = { action: string; code: string } & Record<'count' | 'first' | 'alone', number>
  const rows = await store.read<Group>(groupRows())
  return Promise.all(
    rows.map(async ({ action, code, count, first, alone }) => ({
      group: nameOf({ action, code }),
      action,
      code,
      count: Number(count),
      alone: Number(alone),
      example: (await store.first<{ error: string | null }>(errorOfGate(first)))?.error ?? null,
    })),
  )
}

/** Of an effect, a group (`action:code`) or `all`. Throws `dead.none`. */
async function lettersAfter(
  store: Store,
  groups: readonly DeadGroup[],
  given: string,
  after: number,
  limit: number,
): Promise<Row[]> {
  if (given === 'all' || groups.some((g) => g.group === given))
    return store.read<Row>(letterRows(given, given, after, limit))
  const found = await store.read<Row>(oneOf(given, given, `%${given.replaceAll(/[!%_]/g, '!$&')}`))
  if (found.length === 1) return found.filter((row) => row.opened_seq > after)
  throw new FactotumError(
    'dead.none',
    `No dead letter is "${given}". "factotum dead" lists them: give an effect, a group such as mail.send:mail.refused, or all.`,
  )
}

async function letterOf(c: OpenCompany, row: Row): Promise<DeadLetter> {
  const effect = (await c.store.first<EffectRow>(effectById(row.effect)))!
  return {
    group: nameOf(row),
    effect: row.effect,
    gate: row.gate,
    title: row.title ?? '(erased)',
    run: effect.run,
    tries: effect.token,
    risk: effect.risk,
    alone: isAlone(row),
    error: effect.error ?? '(erased)',
    since: row.opened_at,
    redrive: await redriveText(c, effect),
  }
}

const openWait = sql(`select 1 as ok from wait where id = ? and state = 'open'`)

/** What trying again will do, as things stand. */
async function redriveText(c: OpenCompany, effect: EffectRow): Promise<string> {
  const action = c.execution.actions.get(effect.action)
  if (!action) return `It stops at once: this company no longer has the action ${effect.action}.`
  const difference = differenceFromApproved(c.execution, effect, action)
  if (difference !== null)
    return effect.undoes === null && action.input.safeParse(inputOf(effect)).success
      ? `It is asked for again. ${difference}`
      : `It stops again at once. ${difference}`
  if (effect.undoes === null) {
    const verdict = await verdictNow(c.execution, effect, action)
    if (verdict.outcome === 'refuse') return `It is refused: ${verdict.reason}.`
    if (verdict.outcome === 'ask' && effect.approved_by === null) return `It is asked for: ${verdict.reason}.`
  }
  const what = effect.undoes === null ? effect.action : `the undo of ${effect.action}`
  const alone =
    effect.undoes === null && (effect.wait === null || !(await c.store.first(openWait(effect.wait))))
      ? '; its run no longer waits for it'
      : ''
  const paused = (await pauseOn(c.store, effect.workflow ?? '', action.connector))
    ? 'It waits until what is paused goes on. Then '
    : ''
  return `${paused}${what} is called once more under the key ${effect.key}, as try ${effect.token + 1}; no earlier try did anything${alone}.`
}

const EVERY = Number.MAX_SAFE_INTEGER

/**
 * Tries dead letters again, or closes them: a decision on the record for each. `shown`: of these gates alone. Of several, what
 * cannot be taken back is left out: it is tried again by itself. Throws `dead.none`.
 */
export async function decideDead(
  c: OpenCompany,
  given: string,
  outcome: 'retry' | 'close',
  reason: string | null,
  shown?: readonly string[],
) {
  const rows = await lettersAfter(c.store, await groupsOf(c.store), given, -1, EVERY)
  const letters = shown === undefined ? rows : rows.filter(({ gate }) => shown.includes(gate))
  const done: string[] = []
  const failed: { id: string; code: string; message: string }[] = []
  for (const letter of letters) {
    const { gate, effect } = letter
    if (outcome === 'retry' && letters.length > 1 && isAlone(letter)) {
      failed.push({
        id: effect,
        code: 'dead.alone',
        message: `It cannot be taken back, and is tried again by itself: factotum redrive ${effect}.`,
      })
      continue
    }
    await c.gates.decide(gate, { outcome, ...(reason === null ? {} : { reason }) }).then(
      () => done.push(effect),
      (error: unknown) => {
        if (!(error instanceof FactotumError) || letters.length === 1) throw error
        failed.push({ id: effect, code: error.code, message: error.message })
      },
    )
  }
  return { outcome, done, failed }
}
