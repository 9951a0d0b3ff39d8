import { action, type Connector } from 'factotum/connector'
import { z } from 'factotum'

/** A billing service that only keeps books: charge by charge, what was refunded. */
export class Books {
  readonly refunded = new Map<string, number>()

  move(charge: string, by: 1 | -1): number {
    const count = (this.refunded.get(charge) ?? 0) + by
    this.refunded.set(charge, count)
    return count
  }
}

const refund = action('billing.refund', {
  risk: 'compensable',
  input: z.object({ charge: z.string() }),
  output: z.object({ charge: z.string(), refunds: z.int() }),
  title: (input) => `Refund charge ${input.charge}`,
  run: async (input, ctx) => ({ charge: input.charge, refunds: (ctx.connection as Books).move(input.charge, 1) }),
  undo: async (input, _output, ctx) => void (ctx.connection as Books).move(input.charge, -1),
})

export const billing = {
  refund,
  on: (books: Books): Connector<Books> => ({
    name: 'billing',
    actions: [refund],
    signals: [],
    open: async () => books,
    close: async () => {},
    describe: () => 'in memory',
  }),
}
