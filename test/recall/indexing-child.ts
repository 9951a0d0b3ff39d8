/** One of two who index the same company: opens it, says so, and begins when it is told to. */
import { text } from 'node:stream/consumers'
import { catchUp } from '../../src/context/recall/indexing.ts'
import { openStore } from '../../src/store/index.ts'

const store = await openStore({ url: process.argv[2]!, secret: new Uint8Array(32) })
process.stdout.write('ready\n')
await text(process.stdin)
await catchUp(store)
await store.close()
