import { Frontier, inclusionProof, subtreeReader, writeProofs } from '../../governance/ledger/index.ts'
import type { LeafEvent } from '../../lib/event-leaf.ts'
import { eventsIn, type CompanyRecord } from './record.ts'

/** The events behind the groups of a record, by the number of each; with the leaves of all, and their root. */
export interface Shown {
  readonly events: ReadonlyMap<string, readonly LeafEvent[]>
  readonly root: Uint8Array
  proofs(checkpoint: string): Promise<string>
}

const HASH = 32
/** Of one thing so many events are shown, the newest: a run can have thousands. */
const MAX_OF_ONE = 40

/** Reads the events that a dossier shows, and what their proofs are made of: 32 bytes for each event of the ledger. */
export async function shownIn(file: string, record: CompanyRecord): Promise<Shown> {
  const streams = new Map<string, LeafEvent[]>()
  for (const { streams: own } of Object.values(record.groups)) for (const stream of own) streams.set(stream, [])
  const leaves = Buffer.alloc(record.events * HASH)
  const nodes = new Map<string, Uint8Array>()
  const frontier = new Frontier((level, index, hash) => void nodes.set(`${level}/${index}`, hash))
  for await (const { leaf, ...event } of eventsIn(file)) {
    leaves.set(leaf, event.seq * HASH)
    frontier.append(leaf)
    const own = streams.get(event.stream)
    own?.push(event)
    if (own && own.length > MAX_OF_ONE) own.splice(1, 1)
  }
  const read = subtreeReader({
    leaves: async (from, to) =>
      Array.from({ length: to - from }, (_, i) => leaves.subarray((from + i) * HASH, (from + i + 1) * HASH)),
    nodes: async (level, from, to) => Array.from({ length: to - from }, (_, i) => nodes.get(`${level}/${from + i}`)!),
  })
  return {
    events: streams,
    root: frontier.root(),
    async proofs(checkpoint) {
      const shown = new Map<number, LeafEvent>(record.history.map((event) => [event.seq, event]))
      for (const own of streams.values()) for (const event of own) shown.set(event.seq, event)
      const proofs = []
      for (const event of [...shown.values()].sort((a, b) => a.seq - b.seq))
        proofs.push({ event, proof: await inclusionProof(event.seq, record.events, read) })
      return writeProofs(checkpoint, proofs)
    },
  }
}
