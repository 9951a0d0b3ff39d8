/** A process that makes or restores a snapshot, to be killed while it does. */
import { createReadStream } from 'node:fs'
import { company } from '../../src/index.ts'
import { openCompany } from '../../src/server/open.ts'
import { restore } from '../../src/server/snapshots/restore.ts'

const [verb, folder, url, archive, keys] = process.argv.slice(2) as [string, string, string, string, string]
process.stdout.write('begun\n')
if (verb === 'create') {
  const open = await openCompany({ folder, company: company({ name: 'Test' }), url })
  await open.snapshots.create()
  await open.close()
} else
  await restore({
    archive: createReadStream(archive),
    folder,
    ...(url === '' ? {} : { url }),
    keys: { from: 'folder', folder: keys },
    now: Date.now(),
  })
