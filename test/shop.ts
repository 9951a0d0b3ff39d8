import { z } from 'zod'
import { action, ActionError, type ActionContext, type Connector, type Reconciled } from '../src/execution/action.ts'

/** What one call to the shop does: answers, or throws. */
export type Behaviour = (ctx: ActionContext) => Promise<{ ref: string }> | { ref: string }

/** A service outside, for tests: each call does what is scripted next, else succeeds. It remembers what it was asked. */
export class Shop {
  /** `verb key token` of each call that came. */
  readonly calls: string[] = []
  /** The input of each order that came. */
  readonly inputs: unknown[] = []
  script: Behaviour[] = []
  undoScript: Behaviour[] = []
  found: Reconciled<{ ref: string }> = { found: 'unknown' }
  version = 1

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
      actions: [this.order(), this.pay(), this.print(), this.look()],
      signals: [],
      open: async () => 'till',
      close: async () => {},
      describe: () => 'a shop',
    }
  }

  #action(name: string, options: { readonly reconciles: boolean; readonly idempotent: boolean }) {
    return action(name, {
      version: this.version,
      risk: 'compensable',
      input: z.object({ item: z.string().min(1), amount: z.int().positive().default(1) }),
      output: z.object({ ref: z.string() }),
      title: (i) => `${name} ${i.amount} ${i.item}`,
      timeout: 200,
      idempotent: options.idempotent,
      run: async (input, ctx) => {
        this.calls.push(`${name} ${ctx.key} ${ctx.token}`)
        this.inputs.push(input)
        return (this.script.shift() ?? (() => ({ ref: `ref-${input.item}` })))(ctx)
      },
      undo: async (input, output, ctx) => {
        this.calls.push(`undo ${input.item} ${output.ref} ${ctx.token}`)
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
    })
  }
}

export function fails(kind: 'transient' | 'domain' | 'uncertain', code = `shop.${kind}`): Behaviour {
  return () => {
    throw new ActionError(kind, code, `The shop failed: ${kind}.`)
  }
}
