/**
 * Readers of a stream in a process of their own, as browsers are: `fork`ed by stream.ts, told what to read, and answers when
 * every reader has it.
 */
import { request } from 'node:http'

export interface Reading {
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly readers: number
  /** Every reader reads until this has come; none: it holds its connection. */
  readonly until: string | null
}

export type Told =
  | { readonly what: 'open' }
  /** `arrivals`: for each event of the bench, in ns of the monotonic clock that all processes share, when each reader had it. */
  | {
      readonly what: 'done'
      readonly seconds: number
      readonly bytes: number
      readonly arrivals: readonly (readonly [number, string])[]
    }

const MARK = /"body":\{"n":(\d+),/g
/** So many readers note when events come: all would measure the noting. */
const NOTING = 20

process.on('message', (reading: Reading) => {
  void read(reading).catch((error: unknown) => {
    process.stderr.write(`${String(error)}\n`)
    process.exit(1)
  })
})

async function read({ url, headers, readers, until }: Reading): Promise<void> {
  let bytes = 0
  const begun = performance.now()
  const arrivals: [number, string][] = []
  const opened: Promise<void>[] = []
  const done: Promise<void>[] = []
  for (let i = 0; i < readers; i++) {
    const end = Promise.withResolvers<void>()
    done.push(end.promise)
    opened.push(
      new Promise((resolve, reject) => {
        request(url, { agent: false, headers }, (response) => {
          resolve()
          const marker = Buffer.from(until ?? '')
          response.on('data', (chunk: Buffer) => {
            bytes += chunk.length
            if (until === null) return
            if (i < NOTING && until.startsWith('"n"')) {
              const now = String(process.hrtime.bigint())
              for (const found of chunk.toString().matchAll(MARK)) arrivals.push([Number(found[1]), now])
            }
            if (chunk.includes(marker)) {
              end.resolve()
              response.destroy()
            }
          })
          response.on('error', () => {})
        })
          .on('error', reject)
          .end()
      }),
    )
    // A listen queue is no thousand long.
    if (i % 100 === 99) await Promise.all(opened)
  }
  await Promise.all(opened)
  process.send!({ what: 'open' } satisfies Told)
  if (until === null) return
  await Promise.all(done)
  const seconds = (performance.now() - begun) / 1_000
  process.send!({ what: 'done', seconds, bytes, arrivals } satisfies Told)
}
