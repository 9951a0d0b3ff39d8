import pg from 'pg'

const DEAD_ROWS = `select relname as name from pg_stat_user_tables where schemaname = current_schema() and relname = any ($1)
  and n_dead_tup > 0`
/** Somebody holds the table, two waited for each other, or the server is busy with itself: it passes. */
const PASSES = /^(40|55|57)/

/** Rewrites the tables that have lost rows since they last were; false where that cannot be done now. */
export async function vacuumDead(client: pg.Client, tables: readonly string[]): Promise<boolean> {
  try {
    // Nobody waits behind it for longer than it takes to rewrite a table: it gives up instead.
    await client.query(`set lock_timeout = '1s'`)
    const dead = await client.query<{ name: string }>(DEAD_ROWS, [tables])
    for (const { name } of dead.rows) await client.query(`vacuum full "${name}"`)
    return true
  } catch (error) {
    if (error instanceof pg.DatabaseError && PASSES.test(error.code ?? '')) return false
    throw error
  }
}

/** Rewrites the tables, and with them the statistics of their columns, which hold samples of values. */
export async function vacuumAll(client: pg.Client, tables: readonly string[]): Promise<void> {
  // Everybody else waits behind it while it waits for a long reader: it comes back later instead.
  await client.query(`set lock_timeout = '10s'`)
  for (const table of tables) await client.query(`vacuum (full, analyze) ${table}`)
}
