/**
 * A served company, in a process of its own: `fork`ed with a folder, a port, and `dies` where it is to kill itself after it has
 * decided and before it answers.
 */
import { action, type Connector } from '../../src/execution/action.ts'
import { workflow, z } from '../../src/index.ts'
import { serve } from '../../src/server/http/serve.ts'
import { testCompany } from '../../src/testing.ts'

export interface Up {
  readonly port: number
  readonly key: string
}

const Payment = z.object({ to: z.string(), cents: z.int().positive() })
const pay = action('bank.pay', {
  risk: 'irreversible',
  input: Payment,
  output: z.null(),
  hold: '1h',
  title: ({ to, cents }) => `Pay ${(cents / 100).toFixed(2)} EUR to ${to}`,
  run: async () => null,
})
const bank: Connector = {
  name: 'bank',
  target: 'https://bank.example',
  actions: [pay],
  signals: [],
  open: async () => null,
  close: async () => {},
  describe: () => 'a bank',
}
const bill = workflow('bill', { input: Payment }, (ctx, given) => ctx.act(pay, given))

const [folder, port, dies] = process.argv.slice(2) as [string, string, string | undefined]
const company = await testCompany({
  workflows: [bill],
  connectors: [bank],
  folder,
  wrapEngine: (engine) =>
    new Proxy(engine, {
      get(target, name) {
        const own: unknown = Reflect.get(target, name, target)
        if (typeof own !== 'function') return own
        if (name !== 'write') return own.bind(target) as unknown
        return async (writes: readonly { readonly statement: { readonly text: string } }[]) => {
          if (dies && writes.some((w) => w.statement.text.startsWith('update request')))
            process.kill(process.pid, 'SIGKILL')
          return (await (own as (w: typeof writes) => Promise<unknown>).call(target, writes)) as never
        }
      },
    }),
})
if ((await company.list('runs', {})).length === 0)
  for (const [n, to] of ['Ada', 'Ben', 'Cem'].entries()) await company.run(bill, { to, cents: 1_000 + n })
const listening = await serve(company.open, { port: Number(port) })
const { key } = await company.ask('accessLink', {})
process.send!({ port: Number(new URL(listening.url).port), key } satisfies Up)
process.on('disconnect', () => process.exit(0))
