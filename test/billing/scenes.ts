import { billing } from '../../examples/studio/connectors/billing/index.ts'
import type { Books, Charge } from '../../examples/studio/connectors/billing/books.ts'
import { FAULTS, type Fault } from '../../examples/studio/connectors/billing/faults.ts'
import { workflow, z, type Context } from '../../src/index.ts'
import type { Dice } from './dice.ts'

const Refund = z.object({ charge: z.string(), amount: z.int() })
const Scene = z.object({
  customer: z.string(),
  refunds: z.array(Refund),
  /** Both at once, or one after the other. */
  together: z.boolean(),
  invoice: z.object({ supplier: z.string(), number: z.string(), amount: z.int() }).nullable(),
  compensates: z.enum(['never', 'after a failure', 'always']),
  hold: z.boolean(),
  expires: z.boolean(),
})
export type Scene = z.infer<typeof Scene>

/** Refunds one or two charges of a customer, perhaps files an invoice, and perhaps takes all of it back. */
export const settle = workflow('settle', { input: Scene }, async (ctx, scene) => {
  await ctx.act(billing.charges, { customer: scene.customer })
  const states: string[] = []
  if (scene.together) states.push(...(await Promise.all(scene.refunds.map((_, i) => refund(ctx, scene, i)))))
  else for (let i = 0; i < scene.refunds.length; i++) states.push(await refund(ctx, scene, i))
  if (scene.invoice) {
    const filed = await ctx.act(billing.file, { ...scene.invoice, currency: 'EUR', document: null })
    states.push(filed.state)
  }
  const failed = states.some((state) => state !== 'succeeded')
  if (scene.compensates === 'always' || (scene.compensates === 'after a failure' && failed)) await ctx.compensate()
  return states
})

async function refund(ctx: Context, { customer, refunds, hold, expires }: Scene, i: number): Promise<string> {
  const input = { ...refunds[i]!, currency: 'EUR', customer, reason: 'asked for' }
  const options = { key: i, ...(hold && { hold: '10m' as const }), ...(expires && { expires: '3h' as const }) }
  return (await ctx.act(billing.refund, input, options)).state
}

/** Small amounts leave without asking; reads do anyway. */
export const POLICY = `@id("small-refunds-run")
permit (principal, action == Action::"billing.refund", resource)
when { context.input.amount < 1000 };
`

/** What the books begin with: about two customers for three runs, so that some want back the same charge. */
export function books(dice: Dice, runs: number): Books {
  const customers = Array.from({ length: Math.max(3, Math.ceil((runs * 2) / 3)) }, (_, i) => ({
    email: `c${i}@example.org`,
    name: `Customer ${i}`,
  }))
  const charges = customers.flatMap(({ email }, i) =>
    [1, 2].map((n): Charge => ({
      id: `ch_${i}_${n}`,
      reference: `R-${i}-${n}`,
      customer: email,
      amount: 500 + dice.below(4_500),
      currency: 'EUR',
      at: '2026-10-01T06:00:00Z',
      what: 'A month',
    })),
  )
  return { customers, charges, refunds: [], invoices: [], filed: [], notes: [] }
}

export function scene(dice: Dice, { customers, charges }: Books): Scene {
  const customer = dice.pick(customers).email
  const refunds = charges
    .filter((c) => c.customer === customer)
    .slice(dice.below(2))
    // A tenth of them ask for more than there is.
    .map((c) => ({ charge: c.id, amount: dice.chance(0.1) ? c.amount + 1 : 1 + dice.below(c.amount) }))
  const invoice = { supplier: `Supplier ${dice.below(5)}`, number: `I-${dice.below(1e6)}`, amount: 1 + dice.below(1e5) }
  return {
    customer,
    refunds,
    together: dice.chance(0.4),
    invoice: dice.chance(0.3) ? invoice : null,
    compensates: dice.pick(['never', 'never', 'never', 'after a failure', 'always']),
    hold: dice.chance(0.2),
    expires: dice.chance(0.15),
  }
}

const STRUCK = ['', 'POST', 'POST /refunds', 'GET /refunds', 'POST /filed', 'GET /filed', 'GET /charges']

/** Up to three things that go wrong at once, each now and then or for a few requests. */
export function faults(dice: Dice): Fault[] {
  return Array.from({ length: dice.below(4) }, () => {
    const fault = dice.pick(FAULTS)
    const how = dice.chance(0.3)
      ? { next: 1 + dice.below(4) }
      : { probability: (1 + dice.below(5)) / (fault === 'timeout' ? 20 : 10), seed: dice.below(2 ** 31) }
    return { fault, on: dice.pick(STRUCK), ms: fault === 'rate' ? dice.pick([1_000, 90_000]) : 10, ...how }
  })
}

/** What was asked for is done and nobody is told, now or later: only the books know. */
export const OUTAGE: readonly Fault[] = [
  { fault: 'after', on: 'POST', next: Infinity },
  { fault: 'garbage', on: 'GET /refunds', next: Infinity },
  { fault: 'garbage', on: 'GET /filed', next: Infinity },
]
