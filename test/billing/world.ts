import { join } from 'node:path'
import { billing } from '../../examples/studio/connectors/billing/index.ts'
import type { Books } from '../../examples/studio/connectors/billing/books.ts'
import type { Fault } from '../../examples/studio/connectors/billing/faults.ts'
import { startBilling, type BillingService } from '../../examples/studio/connectors/billing/service.ts'
import type { Connector } from '../../src/connector.ts'
import type { AnyAction } from '../../src/execution/action.ts'
import type { Life } from '../crash/life.ts'

const TOKEN = 'secret'

/** The billing service, and the wire to it. It survives every process. */
export class World {
  readonly service: BillingService
  readonly duplicates: 'on' | 'off'
  readonly #underWay = new Set<Promise<unknown>>()

  private constructor(service: BillingService, duplicates: 'on' | 'off') {
    this.service = service
    this.duplicates = duplicates
  }

  static async start(options: {
    readonly folder: string
    readonly seed: Books
    readonly duplicates: 'on' | 'off'
    readonly now?: () => number
  }): Promise<World> {
    const { folder, duplicates, ...others } = options
    const service = await startBilling({ books: join(folder, 'outside', 'books.json'), token: TOKEN, ...others })
    return new World(service, duplicates)
  }

  get token(): string {
    return TOKEN
  }

  goesWrong(faults: readonly Fault[]): void {
    this.service.setFaults(faults, { duplicates: this.duplicates })
  }

  /** What the service itself says, asked over HTTP. */
  async books(): Promise<Books> {
    const response = await fetch(new URL('/books', this.service.url), { headers: { Authorization: `Bearer ${TOKEN}` } })
    return (await response.json()) as Books
  }

  /** The connector of one process, which can die before a call, after it, and while it is under way. */
  connector(life: Life, options: { readonly answerMs: number; readonly limited: boolean }): Connector<never> {
    const { url } = this.service
    const { limits, ...connector } = billing.connect({ url, token: TOKEN, answerMs: options.answerMs })
    return {
      ...(connector as unknown as Connector<never>),
      ...(options.limited && limits ? { limits } : {}),
      actions: connector.actions.map((a) => this.#through(life, a)),
    }
  }

  /** What the dead had sent arrives before anybody comes after them. */
  async quiet(): Promise<void> {
    await Promise.allSettled(this.#underWay)
  }

  async close(): Promise<void> {
    await this.service.close()
  }

  #through(life: Life, action: AnyAction): AnyAction {
    const { run, undo, reconcile, reconcileUndo } = action
    const passes = <A extends readonly unknown[], T>(name: string, call: (...args: A) => Promise<T>) => ({
      [name]: (...args: A) => this.#call(life, `${name} ${action.action}`, () => call(...args)),
    })
    return {
      ...action,
      ...passes('run', run),
      ...(undo && passes('undo', undo)),
      ...(reconcile && passes('reconcile', reconcile)),
      ...(reconcileUndo && passes('reconcileUndo', reconcileUndo)),
    } as AnyAction
  }

  async #call<T>(life: Life, name: string, call: () => Promise<T>): Promise<T> {
    await life.outside(name, () => {})
    const made = call()
    this.#underWay.add(made)
    try {
      return await made
    } finally {
      this.#underWay.delete(made)
      // Not heard by the dead, be it an answer or an error.
      await life.outside(`answer of ${name}`, () => {})
    }
  }
}
