/** Starts a company again, in a process of its own, until the first run has been driven; prints when what was reached. */
import { openWaiting } from './waiting-company.ts'

const open = await openWaiting(process.argv[2]!)
const opened = performance.now()
const driven = new Promise<number>((resolve) => {
  open.store.onCommit((rows) => {
    if (rows.some((row) => row.kind === 'run.completed@1')) resolve(performance.now())
  })
})
await open.start()
const ready = performance.now()
process.stdout.write(`${JSON.stringify({ opened, ready, driven: await driven })}\n`)
await open.close()
