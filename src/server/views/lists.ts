import type { SignalRow, SignalState } from '../../context/signals.ts'
import type { MessageRow } from '../../context/conversations.ts'
import type { EffectRow, EffectState } from '../../execution/events.ts'
import { allErasures, type ErasureReport, type ErasureRow } from '../../governance/erasure/events.ts'
import type { RunRow, RunState } from '../../orchestration/events.ts'
import { callerNow, isGuest } from '../../lib/caller.ts'
import type { Store } from '../../store/index.ts'
import type { OpenCompany } from '../open.ts'
import { effectTitle } from './effect.ts'
import { bySeq, page, type Paging } from './page.ts'
import { describeSignal } from './queue.ts'
import { messageIn } from './signal.ts'

/**
 * The newest runs; all of them, or those in one state. `about`, `party`: of the message that began it; null for a run that none
 * began, where it was erased, and for guests, who do not see what people wrote.
 */
export function runList(store: Store, state: string | undefined, paging: Paging) {
  const hidden = isGuest(callerNow())
  return page(paging, {
    order: bySeq,
    read: (after, limit) =>
      store
        .select<{ run: RunRow; message: MessageRow }>()
        .selectFrom('run')
        .leftJoin('message', 'message.id', 'run.signal')
        .select([
          'run.id',
          'workflow',
          'version',
          'state',
          'started_at as startedAt',
          'ended_at as endedAt',
          'error',
          'parent',
          'started_seq',
          'subject as about',
          'party',
        ])
        .$if(state !== undefined, (runs) => runs.where('state', '=', state as RunState))
        .$if(after !== null, (runs) => runs.where('started_seq', '<', after![0]))
        .orderBy('started_seq', 'desc')
        .limit(limit)
        .execute(),
    place: (run) => [run.started_seq],
    show(row) {
      const { started_seq: _, ...run } = row
      return hidden ? { ...run, about: null, party: null } : run
    },
  })
}

/** The newest signals; all of them, or those in one state. */
export function signalList(c: Pick<OpenCompany, 'store' | 'signals'>, state: string | undefined, paging: Paging) {
  return page(paging, {
    order: bySeq,
    read: (after, limit) =>
      c.store
        .select<{ signal: SignalRow; message: MessageRow }>()
        .selectFrom('signal')
        .leftJoin('message', 'message.id', 'signal.id')
        .selectAll('signal')
        .select(['subject', 'party'])
        .$if(state !== undefined, (signals) => signals.where('state', '=', state as SignalState))
        .$if(after !== null, (signals) => signals.where('received_seq', '<', after![0]))
        .orderBy('received_seq', 'desc')
        .limit(limit)
        .execute(),
    place: (r) => [r.received_seq],
    show(r) {
      // What was set aside is in no conversation.
      const { subject, party } = r.subject === null ? (messageIn(c, r) ?? r) : r
      return {
        id: r.id,
        kind: r.kind,
        state: r.state,
        trust: r.trust,
        receivedAt: r.received_at,
        reason: r.reason,
        /** Of the message that it brought; null where it is none, or was erased. */
        subject,
        party,
        text: describeSignal(r),
      }
    },
  })
}

/** The newest effects; all of them, or those in one state. What they were given is read with `why`. */
export function effectList(c: OpenCompany, state: string | undefined, paging: Paging) {
  return page(paging, {
    order: bySeq,
    read: (after, limit) =>
      c.store
        .select<{ effect: EffectRow }>()
        .selectFrom('effect')
        .select([
          'id',
          'action',
          'state',
          'risk',
          'run',
          'workflow',
          'undoes',
          'due_at as dueAt',
          'proposed_at as proposedAt',
          'settled_at as settledAt',
          'approved_by as approvedBy',
          'error',
          'input',
          'proposed_seq',
        ])
        .$if(state !== undefined, (effects) => effects.where('state', '=', state as EffectState))
        .$if(after !== null, (effects) => effects.where('proposed_seq', '<', after![0]))
        .orderBy('proposed_seq', 'desc')
        .limit(limit)
        .execute(),
    place: (effect) => [effect.proposed_seq],
    show(row) {
      const { proposed_seq: _, input: __, ...effect } = row
      return { ...effect, title: effectTitle(c, row) }
    },
  })
}

/** What was forgotten, in the order in which it was. */
export function erasureList(store: Store, paging: Paging) {
  return page(paging, {
    order: bySeq,
    read: (after, limit) => store.read<ErasureRow>(allErasures(after?.[0] ?? -1, limit)),
    place: (row) => [row.erased_seq],
    show: (row) => {
      const { entities, counts, kept, sent } = JSON.parse(row.report) as ErasureReport
      return { id: row.id, at: row.erased_at, state: row.state, by: row.actor, entities, counts, kept, sent }
    },
  })
}
