import { readFileSync } from 'node:fs'
import pg from 'pg'
import { binaryArray, Link, type Prepared, type Step } from '../src/store/postgres-link.ts'
import type { Value } from '../src/store/sql.ts'
import { rawRows, type RawKind, type RawRow } from './raw-rows.ts'
import type { RawLoop } from './raw-sqlite.ts'

const SCHEMA = new URL('../src/store/migrations/postgres/0001_kernel.sql', import.meta.url)
const TYPES = [
  'int8',
  'text',
  'text',
  'text',
  'text',
  'int8',
  'int8',
  'text',
  'text',
  'bytea',
  'text',
  'bytea',
] as const
const BEGIN: Step = { prepared: { name: 'begin', text: 'begin' }, values: [] }
const COMMIT: Step = { prepared: { name: 'commit', text: 'commit' }, values: [] }
const EVENTS: Prepared = {
  name: 'events',
  text: `insert into event (seq, key, kind, stream, actor, cause, at, body, private, salt, private_hash, leaf)
    select * from unnest(${TYPES.map((type, i) => `$${i + 1}::${type}[]`).join(', ')})`,
}
const STARTS: readonly Prepared[] = [
  {
    name: 'start_run',
    text: `insert into run (id, workflow, version, state, generation, trust, input, started_at, started_seq)
      select id, 'ten-steps', 1, 'active', 0, 'operator', 'null', at, seq from unnest($1::text[], $2::int8[], $3::int8[]) as t (id, at, seq)`,
  },
  {
    name: 'start_work',
    text: `insert into work (id, kind, at, inbox) select id, 'run', at, 0 from unnest($1::text[], $2::int8[], $3::int8[]) as t (id, at, seq)`,
  },
  {
    name: 'start_lease',
    text: `insert into lease (id, holder, epoch, until) select id, 'proc_bench', 1, at from unnest($1::text[], $2::int8[], $3::int8[]) as t (id, at, seq)`,
  },
]
const ENDS: readonly Prepared[] = [
  {
    name: 'end_run',
    text: `update run set state = 'done', result = '10', ended_at = t.at from unnest($1::text[], $2::int8[], $3::int8[]) as t (id, at, seq) where run.id = t.id`,
  },
  {
    name: 'end_work',
    text: `delete from work using unnest($1::text[], $2::int8[], $3::int8[]) as t (id, at, seq) where work.id = t.id`,
  },
  {
    name: 'end_lease',
    text: `update lease set epoch = epoch + 1, until = 0 from unnest($1::text[], $2::int8[], $3::int8[]) as t (id, at, seq) where lease.id = t.id`,
  },
]

/**
 * The limit on PostgreSQL: one connection, and for every group one packet with BEGIN, set-based inserts from binary arrays,
 * and COMMIT. Equal: schema, columns, indexes, rows and the wire layer of the product. Not there: everything else.
 */
export async function rawPostgres(url: string, group: number, kind: RawKind): Promise<RawLoop> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  await client.query(readFileSync(SCHEMA, 'utf8'))
  const link = new Link(client)
  const make = rawRows(group, kind)
  let seq = 0

  async function writeGroup(): Promise<number> {
    const rows = make(group, seq)
    const arrays = TYPES.map((type, i) =>
      binaryArray(
        type,
        rows.map((row) => row.event[i]! as Value),
      ),
    )
    const steps: Step[] = [{ prepared: EVENTS, values: arrays }]
    for (const [when, statements] of [
      ['starts', STARTS],
      ['ends', ENDS],
    ] as const) {
      const those = rows.filter((row) => row.run === when)
      if (those.length > 0) for (const prepared of statements) steps.push({ prepared, values: idAtSeq(those) })
    }
    await link.send([BEGIN, ...steps, COMMIT])
    seq += group
    return rows.reduce((n, row) => (row.run === 'goes on' ? n + 1 : n), 0)
  }

  return {
    async run(ms) {
      let steps = 0
      const start = performance.now()
      let now = start
      while (now - start < ms) {
        steps += await writeGroup()
        now = performance.now()
      }
      return (steps * 1_000) / (now - start)
    },
    close: () => link.close(),
  }
}

function idAtSeq(rows: readonly RawRow[]): Buffer[] {
  return [
    binaryArray(
      'text',
      rows.map((row) => row.event[3]),
    ),
    binaryArray(
      'int8',
      rows.map((row) => row.event[6]),
    ),
    binaryArray(
      'int8',
      rows.map((row) => row.event[0]),
    ),
  ]
}
