/** Forgets somebody, to be killed in the middle: `node killed.ts FOLDER ADDRESS`. */
import { office } from './office.ts'

const [folder, who] = process.argv.slice(2) as [string, string]
const c = await office(undefined, { folder })
await c.idle()
const { binding } = await c.ask('forgetPlan', { who })
process.stdout.write('now\n')
await c.ask('forget', { who, binding })
await c.close()
