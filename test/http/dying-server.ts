/** A served company, in a process of its own that kills itself between doing what a request asks and answering it. */
import { z } from 'zod'
import { workflow } from '../../src/index.ts'
import { FakeClock, testCompany } from '../../src/testing.ts'
import { serve } from '../../src/server/http/serve.ts'

const [folder, url, dies, at] = process.argv.slice(2) as [string, string, string, string]
const note = workflow('note', { input: z.object({ text: z.string() }) }, async (_ctx, { text }) => text)

const company = await testCompany({
  workflows: [note],
  folder,
  clock: new FakeClock(Number(at)),
  ...(url === '-' ? {} : { url }),
  wrapEngine: (engine) =>
    new Proxy(engine, {
      get(target, name) {
        const own: unknown = Reflect.get(target, name, target)
        if (typeof own !== 'function') return own
        if (name !== 'write') return own.bind(target) as unknown
        return async (writes: readonly { readonly statement: { readonly text: string } }[]) => {
          if (writes.some((w) => w.statement.text.startsWith(`${dies} request`))) process.kill(process.pid, 'SIGKILL')
          return (await (own as (w: typeof writes) => Promise<unknown>).call(target, writes)) as never
        }
      },
    }),
})
const { url: address } = await serve(company.open, { port: 0 })
process.stdout.write(`${address}\n`)
