import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import {
  ActionError,
  type ActionContext,
  type AnyAction,
  type Connector,
  type Reconciled,
} from '../execution/action.ts'
import type { Json } from '../lib/json.ts'
import { changed, Stage } from './connector-stage.ts'

/** What the outside world holds, read past the connector. */
export interface Outside {
  /** Everything that a write changes and an undo puts back. Compared as a whole. */
  readonly state: Json
  /** How often the outside world has done such a write, whether or not it was taken back: 0 in a fresh one. */
  readonly done: number
}

/**
 * What can be wrong outside, switched on until it is switched off:
 * - `credentials`: the credentials are refused
 * - `echo`: the write is refused for good, by an answer that repeats the credentials where the protocol lets it
 * - `rate_limit`: the write is refused with "later" (429, 4xx of SMTP) and, where the protocol can, when
 * - `slow`: the write is done, and not answered until this is switched off
 * - `garbage`: the write is done, and answered by what the protocol does not know
 * - `down`: nobody listens
 */
export type Fault = 'credentials' | 'echo' | 'rate_limit' | 'slow' | 'garbage' | 'down'

/**
 * How the suite plays one connector. Everything but `credentialsCode` and `lacks` is a function, called anew for each
 * test, so that no test sees another one's world.
 *
 *     connectorConformance('crm', {
 *       world: () => startFakeCrm(),
 *       connector: (world, secret) => crm({ url: world.url, token: secret }),
 *       action: 'crm.createNote',
 *       input: () => ({ text: 'Hello' }),
 *       outside: (world) => ({ state: world.notes, done: world.created }),
 *       fault: (world, fault) => world.set(fault),
 *       credentialsCode: 'crm.credentials',
 *       lacks: { undo: 'a note cannot be deleted' },
 *     })
 */
export interface ConnectorHarness<W extends AsyncDisposable> {
  /** A real outside world: a server on loopback, a repository, a folder. `folder` is the company's, empty but for `data`. */
  readonly world: (folder: string) => Promise<W> | W
  /** The connector, set up for that world with `secret` as its password or token. The world takes any secret. */
  readonly connector: (world: W, secret: string) => Connector
  /** The write that is played: the name of an action of the connector, and an input for it. */
  readonly action: string
  readonly input: (world: W) => Json
  readonly outside: (world: W) => Promise<Outside> | Outside
  /** Switches a fault on, or what is on off (null). Off resolves once what was held back has had its effect. */
  readonly fault: (world: W, fault: Fault | null) => Promise<void> | void
  /** The code of the error that refused credentials lead to: `crm.credentials`. */
  readonly credentialsCode: string
  /** What this connector has no such thing of, and why: printed as a skipped test. */
  readonly lacks?: Partial<Record<Fault | 'undo', string>>
}

/** A call that must end because its signal was aborted is given this long to do so. */
const PATIENCE_MS = 10_000
/** Shorter than anybody answers who is told not to; long enough for a search outside on a busy machine. */
const TIMEOUT_MS = 3_000
const LOST = 'The answer was lost.'

/** What a test is given. */
interface Scene<W> {
  readonly stage: Stage
  readonly world: W
  readonly connector: Connector
  readonly action: AnyAction
  readonly input: Json
  readonly outside: () => Promise<Outside>
  readonly fault: (fault: Fault | null) => Promise<void>
}

/** What every connector must do, asserted from the outside world's own state. Registers tests with node:test. */
export function connectorConformance<W extends AsyncDisposable>(name: string, harness: ConnectorHarness<W>): void {
  const lacks = harness.lacks ?? {}

  const check = (
    what: string,
    part: Fault | 'undo' | null,
    play: (scene: Scene<W>) => Promise<string | void>,
  ): void => {
    const reason = part === null ? undefined : lacks[part]
    if (reason !== undefined) return void test(what, { skip: reason })
    void test(what, async (t) => {
      await using stage = await Stage.set()
      await using world = await harness.world(stage.folder)
      // Its own word is what is tested: it is believed at once.
      const connector = changed(harness.connector(world, stage.secret), harness.action, () => ({ absentAfterMs: 0 }))
      const action = connector.actions.find((a) => a.action === harness.action)
      assert(action, `${connector.name} has no action ${harness.action}`)
      const skipped = await play({
        stage,
        world,
        connector,
        action,
        input: action.input.parse(harness.input(world)) as Json,
        outside: async () => harness.outside(world),
        fault: async (fault) => harness.fault(world, fault),
      })
      if (skipped !== undefined) t.skip(skipped)
      assert.deepEqual(await stage.closed(), [], 'the secret stands in something that is shown or kept')
    })
  }

  void describe(`${name}: the connector`, () => {
    check('a write happens once and is on the record', null, async ({ stage, connector, input, outside }) => {
      const before = await outside()
      const company = await stage.company(connector, harness.action)
      await company.approve('write', input)
      await company.later()
      const effect = await company.effect()
      assert.deepEqual([effect.state, effect.error], ['succeeded', null])
      const after = await outside()
      assert.equal(after.done, before.done + 1)
      assert.notDeepEqual(after.state, before.state)
      await company.record()
    })

    check('the same key twice is once', null, async ({ stage, connector, action, input, outside }) => {
      const context = await stage.open(connector)
      const before = await outside()
      const first = await call(action, input, context('key-1'))
      const once = await outside()
      assert.equal(once.done, before.done + 1)
      if (action.idempotent) assert.deepEqual(await call(action, input, context('key-1')), first)
      else if (!action.reconcile) return 'the service neither honours the key nor can it be asked: see the lost answers'
      if (action.reconcile) {
        const found = (await action.reconcile(input as never, context('key-1'))) as Reconciled<unknown>
        if (found.found === 'yes') assert.deepEqual(action.output.parse(found.output), first)
        assert.notEqual(found.found, 'no', 'what was done is said to be absent')
      }
      assert.deepEqual(await outside(), once)
    })

    check('nothing is found of what never left', null, async ({ stage, connector, action, input, outside }) => {
      if (!action.reconcile) return 'the service cannot be asked'
      const context = await stage.open(connector)
      const before = await outside()
      const found = (await action.reconcile(input as never, context('key-1'))) as Reconciled<unknown>
      assert.notEqual(found.found, 'yes')
      assert.deepEqual(await outside(), before)
    })

    check('looking changes nothing, and shows the same twice', null, async ({ stage, connector, action, ...scene }) => {
      const context = await stage.open(connector)
      const before = await scene.outside()
      const look = async () => [
        await action.observe?.(scene.input as never, context('key-1')),
        await connector.probe?.(context('key-1').connection),
        connector.target,
      ]
      const first = await look()
      stage.saw(first)
      assert.deepEqual(await look(), first)
      assert.deepEqual(await scene.outside(), before)
      if (action.observe) {
        await call(action, scene.input, context('key-1'))
        assert.notDeepEqual((await look())[0], first[0], 'what an approval rests on changed, and is not seen to')
      } else if (!connector.probe) return 'it observes and probes nothing'
    })

    check('an answer that is lost is looked for, or the operator’s', null, async (scene) => {
      const { stage, connector } = scene
      const lossy = changed(connector, harness.action, (a) => ({ run: losing(a.run, 1) }))
      const company = await stage.company(lossy, harness.action)
      await company.approve('write', scene.input)
      await onceOrOperator(company, scene)
    })

    check('a process that dies after the call is followed by one that does not repeat it', null, async (scene) => {
      const { stage, connector, input, outside } = scene
      const before = await outside()
      const made = Promise.withResolvers<void>()
      const dying = changed(connector, harness.action, (a) => ({
        run: async (given: never, ctx: ActionContext) => {
          await a.run(given, ctx).finally(made.resolve)
          return new Promise(() => {})
        },
      }))
      const first = await stage.company(dying, harness.action)
      await first.approve('write', input)
      await made.promise
      assert.equal((await first.effect()).state, 'dispatched')
      await first.die()
      assert.equal((await outside()).done, before.done + 1)
      await onceOrOperator(await stage.company(connector, harness.action, first), scene)
    })

    check('a process that dies before the call leaves nothing that counts as done', null, async (scene) => {
      const { stage, connector, input, outside } = scene
      const before = await outside()
      const reached = Promise.withResolvers<void>()
      const dying = changed(connector, harness.action, () => ({
        run: () => {
          reached.resolve()
          return new Promise(() => {})
        },
      }))
      const first = await stage.company(dying, harness.action)
      await first.approve('write', input)
      await reached.promise
      await first.die()
      const next = await stage.company(connector, harness.action, first)
      await next.later()
      if ((await next.effect()).state !== 'succeeded') {
        assert.equal((await outside()).done, before.done)
        await tryAgain(next)
      }
      assert.equal((await next.effect()).state, 'succeeded')
      assert.equal((await outside()).done, before.done + 1)
    })

    check('an undo puts back what was there', 'undo', async ({ stage, connector, action, input, outside }) => {
      assert(action.undo, `${action.action} has no undo: say so in \`lacks\``)
      const before = await outside()
      const company = await stage.company(connector, harness.action)
      await company.approve('take-back', input)
      await company.idle()
      assert.equal((await company.effect()).state, 'succeeded')
      assert.notDeepEqual((await outside()).state, before.state)
      await company.later()
      assert.deepEqual(
        (await company.effects()).map((e) => e.state),
        ['undone', 'succeeded'],
      )
      assert.deepEqual((await outside()).state, before.state)
      await company.record()
    })

    check('an undo under the same key twice is once', 'undo', async ({ stage, connector, action, input, outside }) => {
      const context = await stage.open(connector)
      const before = await outside()
      const output = await call(action, input, context('key-1'))
      const undo = () => action.undo!(input as never, output as never, context('key-1:undo'))
      const search = () => action.reconcileUndo?.(input as never, output as never, context('key-1:undo'))
      assert.notEqual((await search())?.found, 'yes', 'an undo is found that was not made')
      await undo()
      const undone = await outside()
      assert.deepEqual(undone.state, before.state)
      assert.notEqual((await search())?.found, 'no', 'an undo that was made is said to be absent')
      const again = await stage.failure(undo)
      if (again !== null) assert.equal(kindOf(again), 'domain')
      assert.deepEqual(await outside(), undone)
    })

    check('an undo whose answer is lost is not repeated', 'undo', async ({ stage, connector, action, ...scene }) => {
      const { input, outside } = scene
      const before = await outside()
      const lossy = changed(connector, harness.action, (a) => ({ undo: losing(a.undo!, 1) as AnyAction['undo'] & {} }))
      const company = await stage.company(lossy, harness.action)
      await company.approve('take-back', input)
      await company.later()
      assert.deepEqual((await outside()).state, before.state)
      const [effect, undo] = await company.effects()
      if (undo!.state !== 'succeeded') {
        assert(!action.reconcileUndo, 'the undo can be asked for, and is not found')
        assert.deepEqual([effect!.state, undo!.state], ['undoing', 'uncertain'])
        assert.equal((await company.queue())[0]!.kind, 'uncertain')
      }
      await company.record()
    })

    check('refused credentials are the operator’s to correct', 'credentials', async (scene) => {
      await scene.fault('credentials')
      const error = await refused(scene, 'domain')
      assert.equal(error.code, harness.credentialsCode)
    })

    check('a refusal that repeats the credentials is kept without them', 'echo', async (scene) => {
      await scene.fault('echo')
      await refused(scene, 'domain')
    })

    check('"too many" is tried again, not before the service says', 'rate_limit', async (scene) => {
      const { stage, connector, outside, fault, input } = scene
      await fault('rate_limit')
      const before = await outside()
      const error = await refused(scene, 'transient')
      if (error.retryAfterMs !== null) assert(error.retryAfterMs > 0)
      const company = await stage.company(connector, harness.action)
      await company.approve('write', input)
      await company.idle()
      const effect = await company.effect()
      assert.equal(effect.state, 'retrying')
      assert(effect.due_at! - company.clock.now() >= (error.retryAfterMs ?? 0), 'it is tried before the service said')
      await fault(null)
      company.clock.advance(effect.due_at! - company.clock.now())
      await company.later()
      assert.equal((await company.effect()).state, 'succeeded')
      assert.equal((await outside()).done, before.done + 1)
    })

    check('a service that nobody reaches is tried again', 'down', async (scene) => {
      await scene.fault('down')
      await refused(scene, 'transient')
    })

    check('a call ends with its time-out, and what it may have done is not repeated', 'slow', async (scene) => {
      const { stage, connector, action, input, outside, fault } = scene
      await fault('slow')
      const before = await outside()
      const context = await stage.open(connector)
      const slow = call(action, input, context('key-0', AbortSignal.timeout(TIMEOUT_MS / 2)))
      const error = await stage.failure(() => Promise.race([slow, delay(PATIENCE_MS, 'never', { ref: false })]))
      assert(error !== null, 'it does not end when its signal is aborted')
      if (kindOf(error) !== 'uncertain') {
        assert.equal(kindOf(error), 'transient')
        await fault(null)
        assert.deepEqual(await outside(), before)
      }
    })

    check('an answer that comes too late is looked for, or the operator’s', 'slow', async (scene) => {
      const { stage, connector, input, fault } = scene
      await fault('slow')
      const hasty = changed(connector, harness.action, () => ({ timeoutMs: TIMEOUT_MS }))
      const company = await stage.company(hasty, harness.action)
      await company.approve('write', input)
      await company.idle()
      await fault(null)
      await onceOrOperator(company, scene)
    })

    check('an answer that nobody understands is one that nobody has', 'garbage', async (scene) => {
      const { stage, connector, input, fault } = scene
      await fault('garbage')
      const company = await stage.company(connector, harness.action)
      await company.approve('write', input)
      await company.idle()
      assert((await company.effect()).state !== 'failed', 'what may have happened is said to have failed')
      await fault(null)
      await onceOrOperator(company, scene)
    })
  })

  /** Both calls, past and through the company, are refused without a trace outside. */
  async function refused(scene: Scene<W>, kind: 'domain' | 'transient'): Promise<ActionError> {
    const { stage, connector, action, input, outside } = scene
    const before = await outside()
    const context = await stage.open(connector)
    const error = await stage.failure(() => call(action, input, context('key-0')))
    assert(error instanceof ActionError, `expected an ActionError, not ${String(error)}`)
    assert.deepEqual([error.kind, /^[a-z]+\.[a-z_]+$/.test(error.code)], [kind, true])
    assert.deepEqual(await outside(), before)
    if (kind === 'domain') {
      const company = await stage.company(connector, harness.action)
      await company.approve('write', input)
      await company.later()
      assert.deepEqual(
        (await company.queue()).map((g) => [g.kind, g.reason]),
        [['dead_letter', error.code]],
      )
      assert.deepEqual(await outside(), before)
      await company.record()
    }
    return error
  }
}

/** Calls an action past the dispatcher; an answer that its schema does not take is one that nobody understands. */
async function call(action: AnyAction, input: Json, ctx: ActionContext): Promise<unknown> {
  return action.output.parse(await action.run(input as never, ctx))
}

/** How the dispatcher reads what a call throws. */
function kindOf(error: unknown): ActionError['kind'] {
  return error instanceof ActionError ? error.kind : 'uncertain'
}

/** Makes the call, and loses the first answers. */
function losing<A extends readonly unknown[]>(make: (...args: A) => Promise<unknown>, answers: number) {
  let left = answers
  return async (...args: A): Promise<unknown> => {
    const answer = await make(...args)
    if (left-- > 0) throw new Error(LOST)
    return answer
  }
}

/**
 * However the only write of this company went, it happened once outside; where the company does not know that it did,
 * the operator is asked.
 */
async function onceOrOperator(company: Awaited<ReturnType<Stage['company']>>, scene: Scene<unknown>): Promise<void> {
  await company.later()
  const effect = await company.effect()
  if (effect.state !== 'succeeded') {
    assert.equal(effect.state, 'uncertain', effect.error ?? '')
    const [gate] = await company.queue()
    assert.equal(gate!.kind, 'uncertain')
    await company.decide(gate!.id, 'happened')
    await company.later()
    assert.equal((await company.effect()).state, 'succeeded')
  }
  assert.equal((await scene.outside()).done, 1)
  await company.record()
}

/** The operator says that it did not happen. */
async function tryAgain(company: Awaited<ReturnType<Stage['company']>>): Promise<void> {
  const [gate] = await company.queue()
  assert.deepEqual([gate!.kind, (await company.effect()).state], ['uncertain', 'uncertain'])
  await company.decide(gate!.id, 'retry')
  await company.later()
}
