/** A company in a process of its own whose operator has much to decide: `fork`ed by console.ts with a folder and a number. */
import { join } from 'node:path'
import { action, type Connector } from '../src/execution/action.ts'
import { company, workflow, z } from '../src/index.ts'
import { checkRunInput, start } from '../src/orchestration/starting.ts'
import { serve } from '../src/server/http/serve.ts'
import { openCompany } from '../src/server/open.ts'
import { operate } from '../src/server/operations.ts'

export interface Ready {
  readonly url: string
  /** Signs in once. */
  readonly key: string
}

const Transfer = z.object({ iban: z.string(), cents: z.int().positive(), to: z.string(), text: z.string() })

/** Cannot be taken back: each is decided alone. It leaves long after the bench. */
const transfer = action('bank.transfer', {
  risk: 'irreversible',
  input: Transfer,
  output: z.null(),
  hold: '1h',
  title: ({ cents, to, text }) => `Transfer ${(cents / 100).toFixed(2)} EUR to ${to} for ${text}`,
  preview: ({ cents, ...rest }) => ({ ...rest, amount: `${(cents / 100).toFixed(2)} EUR` }),
  run: async () => null,
})
const bank: Connector = {
  name: 'bank',
  target: 'https://bank.example',
  actions: [transfer],
  signals: [],
  open: async () => null,
  close: async () => {},
  describe: () => 'a bank',
}
const pay = workflow('pay', { input: Transfer }, (ctx, input) => ctx.act(transfer, input))

const [folder, items] = [process.argv[2]!, Number(process.argv[3])]
const open = await openCompany({
  folder,
  company: company({ name: 'Northlight', workflows: [pay], connectors: [bank] }),
  url: join(folder, 'company.db'),
})
await open.start()
await Promise.all(
  Array.from({ length: items }, async (_, n) => {
    const text = `invoice ${String(n).padStart(5, '0')}`
    const given = { iban: `DE${20 + (n % 79)}`, cents: 900 + n * 17, to: `Supplier ${n % 90}`, text }
    const started = start(open.store, { workflow: pay, input: checkRunInput(pay, given), actor: 'operator' })
    await open.store.commit({ key: `start:${started.id}`, events: [started.event] })
  }),
)
await open.coordinator.idle()
const { url } = await serve(open, { port: 0 })
const { key } = (await operate(open, 'accessLink', {})) as { key: string }
process.send!({ url, key } satisfies Ready)
process.on('disconnect', () => process.exit(0))
