/** A company with something of everything in it, and what tests do with its archives. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createReadStream } from 'node:fs'
import { entity, workflow, z } from '../../src/index.ts'
import { restore, type RestoreOptions } from '../../src/server/snapshots/restore.ts'
import { testCompany, type TestCompany, type TestCompanyOptions } from '../../src/testing.ts'
import { testDatabase } from '../postgres.ts'
import type { Shop } from '../shop.ts'

const Customer = entity('customer', { plan: z.string() })

export const keep = workflow('keep', { input: z.object({ n: z.int() }) }, async (ctx, { n }) => {
  const customer = await ctx.facts.about(Customer, `c${n}@example.org`)
  await ctx.facts.assert(customer, { plan: n % 2 === 0 ? 'small' : 'größer' })
  await ctx.step('picture', async () => new Uint8Array(1_000 + n).fill(n))
  return ctx.ask({ title: `Go on with ${n}?`, options: ['yes', 'no'] })
})

export function stage(shop: Shop, more: TestCompanyOptions = {}): Promise<TestCompany> {
  return testCompany({ workflows: [keep, shop.buy()], connectors: [shop.connector()], ...more })
}

export async function live(c: TestCompany): Promise<void> {
  await writeFile(join(c.folder, 'company.ts'), 'export default 1\n')
  await writeFile(join(c.folder, 'naïve and very long name '.repeat(5)), 'a file\n')
  await writeFile(join(c.folder, '.env'), 'SECRET=canary\n')
  for (let n = 0; n < 4; n++) await c.run(keep, { n })
}

export interface Place extends AsyncDisposable {
  readonly folder: string
  readonly url: string | undefined
  readonly name: string
}

/** Where a company can be restored to: SQLite and, where there is one, PostgreSQL. */
export async function places(): Promise<Place[]> {
  const made: Place[] = []
  for (const name of process.env.DATABASE_URL ? ['sqlite', 'postgres'] : ['sqlite']) {
    const root = await mkdtemp(join(tmpdir(), 'factotum-restored-'))
    const database = name === 'postgres' ? await testDatabase() : undefined
    made.push({
      folder: join(root, 'company'),
      url: database?.url,
      name,
      [Symbol.asyncDispose]: async () => {
        await database?.drop()
        await rm(root, { recursive: true, force: true })
      },
    })
  }
  return made
}

export function restoreTo(c: TestCompany, file: string, place: Place, more: Partial<RestoreOptions> = {}) {
  return restore({
    archive: createReadStream(file),
    folder: place.folder,
    ...(place.url === undefined ? {} : { url: place.url }),
    keys: { from: 'folder', folder: join(c.folder, 'data/keys') },
    now: c.clock.now(),
    ...more,
  })
}

/** Makes a snapshot and answers where it lies. */
export async function snapshotOf(c: TestCompany): Promise<string> {
  const { to, name } = await c.ask('snapshotCreate', {})
  return join(to, name)
}

/** The restored company, driven. */
export function goOn(c: TestCompany, shop: Shop, { folder, url }: Place): Promise<TestCompany> {
  return stage(shop, { folder, url: url ?? join(folder, 'data/company.db'), clock: c.clock })
}
