/** A process that rebuilds the tables of the company in the folder given, to be killed while it does. */
import { company } from '../src/index.ts'
import { openCompany } from '../src/server/open.ts'

const [folder, url] = process.argv.slice(2)
process.stdout.write('opening\n')
const open = await openCompany({ folder: folder!, company: company({ name: 'Test' }), url: url! })
await open.close()
