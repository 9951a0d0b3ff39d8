import { test } from 'node:test'
import { testDatabase } from './postgres.ts'

/**
 * A test on SQLite and, where DATABASE_URL names a PostgreSQL, on a fresh database there. `url` is undefined for
 * SQLite: the company's own file.
 */
export function onEachStore(name: string, body: (url: string | undefined) => Promise<void>): void {
  void test(`${name} (SQLite)`, () => body(undefined))
  void test(`${name} (PostgreSQL)`, { skip: !process.env.DATABASE_URL }, async () => {
    const database = await testDatabase()
    try {
      await body(database!.url)
    } finally {
      await database!.drop()
    }
  })
}
