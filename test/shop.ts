import { mkdir, mkdtemp, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { z } from 'zod'
import {
  action,
  ActionError,
  type Action,
  type ActionContext,
  type ActionOptions,
  type Connector,
  type Reconciled,
} from '../src/execution/action.ts'
import { workflow } from '../src/index.ts'
import { milliseconds, type Duration } from '../src/lib/durations.ts'
import { testCompany, type TestCompany, type TestCompanyOptions } from '../src/testing.ts'

export interface Sale {
  readonly item: string
  readonly amount: number
}

interface Receipt {
  readonly ref: string
}

/** What one call to the shop does: answers, or throws. */
export type Behaviour = (ctx: ActionContext) => Promise<Receipt> | Receipt

const input = z.object({ item: z.string().min(1), amount: z.int().positive().default(1) })

/** What a run buys, one after the other. */
const Buying = z.array(
  z.object({
    verb: z.enum(['order', 'pay', 'print', 'look']).optional(),
    item: z.string(),
    amount: z.int().optional(),
    hold: z.string().optional(),
    expires: z.string().optional(),
  }),
)

/** A service outside, for tests: each call does what is scripted next, else succeeds. It remembers what it was asked. */
export class Shop {
  /** `verb key token` of each call that came. */
  readonly calls: string[] = []
  /** The input of each order that came. */
  readonly inputs: unknown[] = []
  /** The lane's token of each call that came. */
  readonly laneTokens: (number | null)[] = []
  script: Behaviour[] = []
  undoScript: Behaviour[] = []
  found: Reconciled<Receipt> = { found: 'unknown' }
  version = 1
  target: string | undefined
  limits: Connector['limits']
  /** How long a call may take: real time, whatever clock the company has. */
  timeout: Duration = 200
  /** What every action of the shop has besides. */
  also: Partial<ActionOptions<Sale, Receipt>> = {}

  order() {
    return this.#action('shop.order', { reconciles: true, idempotent: false })
  }

  /** Nothing to look it up by, but the service honours the key. */
  pay() {
    return this.#action('shop.pay', { reconciles: false, idempotent: true })
  }

  /** Cannot be taken back. */
  print() {
    const { undo: _, ...print } = this.#action('shop.print', { reconciles: false, idempotent: false })
    return { ...print, risk: 'irreversible' as const }
  }

  look() {
    return { ...this.#action('shop.look', { reconciles: false, idempotent: true }), risk: 'read' as const }
  }

  connector(): Connector {
    return {
      name: 'shop',
      ...(this.target === undefined ? {} : { target: this.target }),
      ...(this.limits === undefined ? {} : { limits: this.limits }),
      actions: [this.order(), this.pay(), this.print(), this.look()],
      signals: [],
      open: async () => 'till',
      close: async () => {},
      describe: () => 'a shop',
    }
  }

  /** Buys what it is given, one after the other, and answers with the results. */
  buy() {
    return workflow('buy', { input: Buying }, async (ctx, things) => {
      const results = []
      for (const [key, { verb = 'order', item, amount = 1, hold, expires }] of things.entries())
        results.push(
          await ctx.act(
            this[verb](),
            { item, amount },
            {
              key,
              ...(hold === undefined ? {} : { hold: hold as Duration }),
              ...(expires === undefined ? {} : { expires: expires as Duration }),
            },
          ),
        )
      return results
    })
  }

  /** Of the calls that came: those of one kind, or all. */
  called(verb = ''): string[] {
    return this.calls.filter((call) => call.startsWith(verb))
  }

  #action(
    name: string,
    options: { readonly reconciles: boolean; readonly idempotent: boolean },
  ): Action<Sale, Receipt> {
    return action<Sale, Receipt>(name, {
      version: this.version,
      risk: 'compensable',
      input,
      output: z.object({ ref: z.string() }),
      title: (i) => `${name} ${i.amount} ${i.item}`,
      timeout: this.timeout,
      idempotent: options.idempotent,
      absentAfter: 0,
      run: async (sale, ctx) => {
        this.calls.push(`${name} ${ctx.key} ${ctx.token}`)
        this.inputs.push(sale)
        this.laneTokens.push(ctx.laneToken)
        return (this.script.shift() ?? (() => ({ ref: `ref-${sale.item}` })))(ctx)
      },
      undo: async (sale, output, ctx) => {
        // Where only the operator knows that it was done, there is no answer to take it back by.
        this.calls.push(`undo ${sale.item} ${(output as Receipt | null)?.ref ?? '-'} ${ctx.token}`)
        await this.undoScript.shift()?.(ctx)
      },
      ...(options.reconciles
        ? {
            reconcile: async () => {
              this.calls.push('reconcile')
              return this.found
            },
          }
        : {}),
      ...this.also,
    })
  }
}

export function fails(
  kind: 'transient' | 'domain' | 'uncertain',
  code = `shop.${kind}`,
  retryAfterMs?: number,
): Behaviour {
  return () => {
    throw new ActionError(kind, code, `The shop failed: ${kind}.`, retryAfterMs === undefined ? {} : { retryAfterMs })
  }
}

/** A call that answers when it is told to. */
export function slow() {
  const { promise, resolve, reject } = Promise.withResolvers<Receipt>()
  const begun = Promise.withResolvers<void>()
  return {
    behaviour: (() => {
      begun.resolve()
      return promise
    }) satisfies Behaviour,
    /** Resolves when the call has come. */
    begun: begun.promise,
    answer: (ref = 'late') => resolve({ ref }),
    fail: reject,
  }
}

/** A company's folder with policies; more are written into it the same way. */
export async function policyFolder(text: string, folder?: string): Promise<string> {
  const path = folder ?? (await mkdtemp(join(tmpdir(), 'factotum-')))
  await mkdir(join(path, 'policies'), { recursive: true })
  await writeFile(join(path, 'policies', 'shop.cedar'), text)
  return path
}

/** A company with a shop and nothing else. */
export function openShop(shop: Shop, url?: string, more: TestCompanyOptions = {}): Promise<TestCompany> {
  return testCompany({ workflows: [shop.buy()], connectors: [shop.connector()], ...(url ? { url } : {}), ...more })
}

/** The same company in a new process, some time later. */
export async function reopenShop(c: TestCompany, shop: Shop, url?: string, after: Duration = 0): Promise<TestCompany> {
  await c.close()
  c.clock.advance(milliseconds(after))
  return openShop(shop, url, { folder: c.folder, clock: c.clock })
}

/** What was bought, and what became of each: the newest of a name. */
export async function states(c: TestCompany): Promise<Record<string, string>> {
  const bought = (await c.effects()).filter((e) => e.undoes === null)
  return Object.fromEntries(bought.map((e) => [(JSON.parse(e.input!) as Sale).item, e.state]))
}

/** What the run of one purchase was told. */
export async function told(
  c: TestCompany,
  run: string,
): Promise<{ state: string; input: unknown; reason: string | null }> {
  const [result] = (await c.result(run)) as unknown as { state: string; input: unknown; reason: string | null }[]
  return { state: result!.state, input: result!.input, reason: result!.reason }
}
