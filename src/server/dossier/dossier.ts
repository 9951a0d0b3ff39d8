import { mkdir, mkdtemp, open, readdir, readFile, rename, rm, rmdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import {
  Frontier,
  MANIFEST,
  signCheckpoint,
  signFolder,
  verifyFolder,
  writeExport,
  type FolderReport,
  type LedgerRow,
} from '../../governance/ledger/index.ts'
import { verifyLedger } from '../../governance/verify.ts'
import { FactotumError } from '../../lib/errors.ts'
import type { Store } from '../../store/index.ts'
import type { OpenCompany } from '../open.ts'
import { pagesOf } from './pages.ts'
import { shownIn } from './proven.ts'
import { recordIn, type CompanyRecord } from './record.ts'
import { setupOf, type Setup } from './setup.ts'

export interface Dossier {
  readonly folder: string
  readonly events: number
  readonly at: number
  readonly vkey: string
}

/**
 * Writes a folder about the company for somebody outside it: pages, the redacted ledger they are counted from, and proofs.
 * The ledger is written first, and all else is read from that file. Throws `dossier.folder` where the folder is there, and
 * `dossier.not_verified`.
 */
export async function writeDossier(c: OpenCompany, folder: string): Promise<Dossier> {
  const taken = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null
    throw new FactotumError('dossier.folder', `${folder} cannot be a folder. Name another.`, { cause: error })
  })
  if (taken && taken.length > 0)
    throw new FactotumError('dossier.folder', `${folder} is there and not empty. Name a folder that is not there yet.`)
  // A checkpoint that is signed only now would make any history verify, whoever wrote it over.
  const report = await verifyLedger(c.store, c.keys.vkey, [], true)
  if (!report.ok)
    throw new FactotumError(
      'dossier.not_verified',
      `The ledger of this company does not verify, so nothing is signed: ${report.problems[0]!.message} Run: factotum ledger verify`,
    )
  // Whoever looks into the folder finds all of it.
  await mkdir(dirname(folder), { recursive: true })
  const made = await mkdtemp(`${folder}.part-`)
  try {
    const events = await c.store.engine.head()
    const setup = await setupOf(c, events)
    await fill(made, c, events, setup)
    // An empty one gives way; on POSIX it would by itself.
    if (taken) await rmdir(folder)
    await rename(made, folder)
    return { folder, events, at: setup.at, vkey: setup.vkey }
  } catch (error) {
    await rm(made, { recursive: true, force: true })
    throw error
  }
}

async function fill(folder: string, c: OpenCompany, events: number, setup: Setup): Promise<void> {
  const frontier = new Frontier()
  for await (const row of rowsOf(c.store, events)) frontier.append(row.leaf)
  const checkpoint = signCheckpoint({ size: events, root: frontier.root() }, c.keys.signer)
  const ledger = join(folder, 'ledger.jsonl')
  await writeChunks(
    ledger,
    writeExport({ rows: rowsOf(c.store, events), checkpoint, vkey: setup.vkey, redacted: true }),
  )
  const record = await recordIn(ledger)
  const shown = await shownIn(ledger, record)
  const files = new Map([
    ...pagesOf(setup, record, shown.events),
    ['record.json', json(record)],
    ['setup.json', json(setup)],
    ['proofs.json', await shown.proofs(checkpoint)],
    ['ledger.pub', `${setup.vkey}\n`],
    ...(await verifier()),
  ])
  await mkdir(join(folder, 'events'))
  for (const [path, text] of files) {
    await mkdir(dirname(join(folder, path)), { recursive: true })
    await writeFile(join(folder, path), text)
  }
  await writeFile(join(folder, MANIFEST), await signFolder(folder, c.keys.signer))
}

function json(value: unknown): string {
  return `${JSON.stringify(value, null, 1)}\n`
}

async function* rowsOf(store: Store, head: number): AsyncGenerator<LedgerRow> {
  for await (const rows of store.engine.events(0, head))
    for (const row of rows) yield { ...row, privateHash: row.private_hash, private: null, salt: null }
}

async function writeChunks(file: string, chunks: AsyncIterable<string>): Promise<void> {
  const out = await open(file, 'wx')
  try {
    for await (const chunk of chunks) await out.writeFile(chunk)
  } finally {
    await out.close()
  }
}

/** What stands around the verifier in the folder: its arguments, and what it says. */
const standalone = (verifier: string, erased: string): string => `import { existsSync, readFileSync } from 'node:fs'
import { erasureLines } from './${erased}'
import { verifyFolder } from './${verifier}'

const [folder, key] = process.argv.slice(2)
if (folder === undefined || key === undefined) {
  console.error('Usage: node verify/verify.mjs <folder> <key, or a file with it>')
  process.exit(2)
}
const report = await verifyFolder(folder, existsSync(key) ? readFileSync(key, 'utf8').trim() : key)
for (const problem of report.problems) console.log('NOT VERIFIED', problem)
if (report.ok) console.log(\`verified: \${report.files} files, \${report.events} events, \${report.proofs} proofs\`)
for (const line of erasureLines(report.erasures)) console.log(line)
process.exitCode = report.ok ? 0 : 1
`

/** Our own verifier with all that it imports, as this program runs it: what is shipped needs nothing but Node. */
async function verifier(): Promise<Map<string, string>> {
  const root = new URL('../../', import.meta.url)
  const own = import.meta.url.slice(import.meta.url.lastIndexOf('.'))
  const entry = `governance/ledger/folder${own}`
  const files = new Map([
    ['verify/package.json', '{ "type": "module" }\n'],
    ['verify/verify.mjs', standalone(entry, `governance/ledger/erased${own}`)],
  ])
  for (const paths = [entry]; paths.length > 0;) {
    const path = paths.pop()!
    if (files.has(`verify/${path}`)) continue
    const text = await readFile(new URL(path, root), 'utf8')
    files.set(`verify/${path}`, text)
    for (const [, to] of text.matchAll(/\bfrom '(\.[^']+)'/g))
      paths.push(
        fileURLToPath(new URL(to!, new URL(path, root)))
          .slice(fileURLToPath(root).length)
          .replaceAll('\\', '/'),
      )
  }
  return files
}

/**
 * Verifies a dossier offline: every file, the ledger and every proof by the key, then that its numbers and pages are what
 * its ledger gives. Throws `ledger.key_invalid`, `dossier.folder`.
 */
export async function checkDossier(folder: string, vkey: string): Promise<FolderReport> {
  const found = await verifyFolder(folder, vkey)
  if (!found.ok) return found
  const read = (path: string) => readFile(join(folder, path), 'utf8')
  const ledger = join(folder, 'ledger.jsonl')
  const record: CompanyRecord = await recordIn(ledger)
  const shown = await shownIn(ledger, record)
  const setup = JSON.parse(await read('setup.json')) as Setup
  const expected = new Map([...pagesOf(setup, record, shown.events), ['record.json', json(record)]])
  const problems: string[] = []
  for (const [path, text] of expected)
    if ((await read(path).catch(() => '')) !== text)
      problems.push(`${path}: it is not what the ledger gives. It was made by another version of Factotum, or made up.`)
  return { ...found, ok: problems.length === 0, problems }
}
