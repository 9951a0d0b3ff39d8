import assert from 'node:assert/strict'
import fc from 'fast-check'
import { ANSWERS, CONNECTORS, HOUR, LANES, type Answer, type Effect, type Model, type Offer } from './model.ts'
import type { Reality } from './reality.ts'

type Command = fc.AsyncCommand<Model, Reality>

/** What is done to the model and to the company; both must say the same of it. */
function command(
  name: string,
  can: (m: Readonly<Model>) => boolean,
  run: (m: Model, r: Reality) => Promise<void>,
): Command {
  return {
    check: can,
    async run(m, r) {
      await run(m, r)
      await r.idle()
      await r.compare()
    },
    toString: () => name,
  }
}

/** A command about one of the effects that it can be about. */
function about(
  name: string,
  pick: number,
  fits: (e: Effect, m: Readonly<Model>) => boolean,
  run: (e: Effect, m: Model, r: Reality) => Promise<void>,
): Command {
  const list = (m: Readonly<Model>) => m.effects.filter((e) => fits(e, m))
  return command(
    `${name} ${pick}`,
    (m) => list(m).length > 0,
    (m, r) => run(list(m)[pick % list(m).length]!, m, r),
  )
}

const inState =
  (...states: string[]) =>
  (e: Effect) =>
    states.includes(e.state)
const isOpen = (state: string) => (e: Effect) => e.state === state && !e.ended

const pick = fc.nat(30)
const hours = fc.constantFrom(5, 5, 31)
const MAX_EFFECTS = 12

const offer: fc.Arbitrary<Offer> = fc.record({
  kind: fc.constantFrom('read', 'tells', 'tells', 'honours', 'honours', 'neither', 'neither'),
  verdict: fc.constantFrom('ask', 'ask', 'ask', 'ask', 'run', 'run', 'refuse'),
  lane: fc.constantFrom(null, null, 0, 0, 1),
  hold: fc.constantFrom(0, 0, 2),
  expires: fc.constantFrom(null, null, null, 9, 9, 1),
})
const answers = fc.array(fc.constantFrom<Answer>(...ANSWERS), { minLength: 1, maxLength: 3 })
const failures = fc.constantFrom<Answer[]>(
  Array.from({ length: 5 }, () => 'transient' as const),
  ['lost, done', 'transient', 'domain'],
)

const propose = fc.tuple(offer, fc.option(fc.oneof(answers, failures), { freq: 2 })).map(([given, next]) =>
  command(
    `propose ${JSON.stringify(given)} ${next?.join('; ') ?? ''}`,
    (m) => m.effects.filter((e) => e.undoes === null).length < MAX_EFFECTS,
    async (m, r) => {
      const label = `e${m.effects.length}`
      if (next) {
        m.answers.set(label, [...next])
        r.outside.answers.set(label, [...next])
      }
      await r.propose(m.propose(given))
    },
  ),
)

const decide = fc.tuple(fc.constantFrom('approve', 'approve', 'edit', 'reject', 'snooze'), pick).map(([how, n]) =>
  about(how, n, isOpen('gated'), async (e, m, r) => {
    const id = await r.gateOf(e.n)
    if (how === 'snooze') {
      assert.equal(await r.ask('snooze', { id, until: m.now + HOUR }), null)
    } else if (how === 'reject') {
      assert.equal(await r.ask('decide', { id, outcome: 'reject', reason: 'no' }), m.reject(e))
    } else if (how === 'edit') {
      const { label, verdict, lane } = e
      const value = { label, verdict, lane, note: `as edited at ${m.now} from ${e.note}`.slice(0, 60) }
      const code = m.approve(e, value.note)
      assert.equal(await r.ask('decide', { id, outcome: 'edit', value }), code)
    } else assert.equal(await r.ask('decide', { id, outcome: 'approve' }), m.approve(e))
  }),
)

const say = fc.tuple(fc.constantFrom('happened', 'retry', 'close'), pick).map(([word, n]) =>
  about(
    word,
    n,
    (e) => !e.ended && (e.state === 'uncertain' || (e.state === 'failed' && word !== 'happened')),
    async (e, m, r) => {
      const id = await r.gateOf(e.n)
      assert.equal(await r.ask('decide', { id, outcome: word, reason: 'so it is' }), m.says(e, word))
    },
  ),
)

const cancel = pick.map((n) =>
  about(
    'cancel',
    n,
    () => true,
    async (e, m, r) => {
      const code = m.cancel(e)
      assert.equal(await r.ask('cancel', { id: (await r.effect(e.n)).id }), code)
    },
  ),
)

const undo = pick.map((n) =>
  about(
    'undo',
    n,
    (e) => e.undoes === null && (n % 5 === 0 || !['gated', 'held'].includes(e.state)),
    async (e, m, r) => {
      const code = m.undo(e)
      assert.equal(await r.undo(e.n), code)
    },
  ),
)

const undoAnswers = fc.tuple(answers, pick).map(([next, n]) =>
  about(
    `undoing leads to ${next.join('; ')}:`,
    n,
    (e) => e.undoes === null,
    async (e, m, r) => {
      m.undoAnswers.set(e.label, [...next])
      r.outside.undoAnswers.set(e.label, [...next])
    },
  ),
)

const moves = fc
  .tuple(fc.constantFrom('1', '2', null), pick)
  .map(([seen, n]) =>
    about(
      `what there is to see is ${seen ?? 'dark'}:`,
      n,
      inState('gated', 'held', 'retrying'),
      async (e, m) => void m.seen.set(e.label, seen),
    ),
  )

const blind = fc.tuple(fc.boolean(), pick).map(([on, n]) =>
  about(
    on ? 'nobody can tell of' : 'it can be told of',
    n,
    (e) => e.kind === 'tells',
    async (e, m, r) => {
      for (const set of [m.blind, r.outside.blind])
        if (on) set.add(e.label)
        else set.delete(e.label)
    },
  ),
)

const scopes = fc.constantFrom('all', LANES[0]!, CONNECTORS.at(-12)!)
const pause = scopes.map((scope) =>
  command(
    `pause ${scope}`,
    () => true,
    async (m, r) => assert.equal(await r.ask('pause', { scope }), m.pause(scope)),
  ),
)
const resume = scopes.map((scope) =>
  command(
    `resume ${scope}`,
    (m) => m.paused.has(scope),
    async (m, r) => assert.equal(await r.ask('resume', { scope }), m.resume(scope)),
  ),
)
const advance = hours.map((h) =>
  command(
    `${h} hours pass`,
    () => true,
    async (m, r) => {
      m.advance(h * HOUR)
      await r.advance(h * HOUR)
    },
  ),
)

const policy = fc.constantFrom('as asked', 'as asked', 'ask', 'refuse').map((to) =>
  command(
    `the policies: ${to}`,
    (m) => m.policy !== to,
    async (m, r) => {
      m.policy = to
      await r.policies()
    },
  ),
)

const restart = fc.tuple(fc.boolean(), fc.constantFrom(0, 5, 73), fc.boolean()).map(([kill, h, changed]) =>
  command(
    `${kill ? 'killed' : 'stopped'}, ${h} hours pass, started${changed ? ' with new code' : ''}`,
    () => true,
    async (m, r) => {
      await (kill ? r.die() : r.close())
      if (changed) r.outside.version = ++m.version
      // Who dies holds what it held until its leases run out.
      await restartAfter(kill && h === 0 ? 5 : h, m, r)
    },
  ),
)

async function restartAfter(h: number, m: Model, r: Reality): Promise<void> {
  r.clock.jump(r.clock.now() + h * HOUR)
  await r.open()
  m.restart(h * HOUR)
}

const MEANWHILE = [
  'pause',
  'cancel',
  'undo',
  'die',
  'stop',
  'take over',
  'approve the next',
  'approve the next',
] as const

/** A call that hangs, and what happens meanwhile. */
const hang = fc.tuple(pick, fc.boolean(), fc.constantFrom(...MEANWHILE)).map(([n, done, meanwhile]) =>
  about(
    `approve, and while it is ${done ? 'done' : 'not done'} and nobody answers: ${meanwhile}:`,
    n,
    (e, m) => m.wouldLeave(e),
    async (e, m, r) => {
      const begun = Promise.withResolvers<void>()
      const released = Promise.withResolvers<void>()
      const lost = meanwhile === 'die' || meanwhile === 'take over'
      r.outside.hanging.set(e.label, { done: done || !lost, begun: begun.resolve, released: released.promise })
      const id = await r.gateOf(e.n)
      assert.equal(await r.ask('decide', { id, outcome: 'approve' }), null)
      await begun.promise
      m.dispatch(e)
      if (lost && done) m.do(e)
      if (meanwhile === 'pause') assert.equal(await r.ask('pause', { scope: 'all' }), m.pause('all'))
      if (meanwhile === 'cancel') assert.equal(await r.ask('cancel', { id: (await r.effect(e.n)).id }), 'effect.left')
      if (meanwhile === 'undo') assert.equal(await r.undo(e.n), 'undo.nothing')
      if (meanwhile === 'approve the next') {
        // One at a time, also where it was proposed before the one that is under way.
        for (const next of m.effects.filter((x) => x.lane === e.lane && x.state === 'gated')) {
          assert.equal(await r.ask('decide', { id: await r.gateOf(next.n), outcome: 'approve' }), m.approve(next))
          await r.moment()
        }
      }
      if (meanwhile === 'die') {
        await r.die()
        return restartAfter(5, m, r)
      }
      if (meanwhile === 'stop') {
        // It has a moment to come back.
        const closing = r.close()
        released.resolve()
        await closing
        m.answer(e, 'ok')
        return restartAfter(0, m, r)
      }
      if (meanwhile === 'take over') {
        await r.takeOver(e.n)
        m.answerLost(e)
        released.resolve()
        await r.idle()
        return m.stale(e)
      }
      released.resolve()
      await r.idle()
      m.answer(e, 'ok')
      m.settle()
    },
  ),
)

const OFTEN: readonly (readonly [number, fc.Arbitrary<Command>])[] = [
  [8, propose],
  [8, decide],
  [5, hang],
  [5, say],
  [4, advance],
  [3, undo],
  [2, undoAnswers],
  [2, moves],
  [2, resume],
  [2, restart],
  [1, cancel],
  [1, blind],
  [1, pause],
  [1, policy],
]

/** What cannot be done at its time is left out of a history. */
export function histories(maxLength: number): fc.Arbitrary<Command[]> {
  const kinds = OFTEN.map(([weight, arbitrary]) => ({ weight, arbitrary }))
  return fc.array(fc.oneof(...kinds), { minLength: maxLength / 2, maxLength, size: 'max' })
}
