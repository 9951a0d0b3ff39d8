/**
 * `node verify/governance/ledger/standalone.js <folder> <key>`: verifies a signed folder with nothing but Node. It is copied,
 * with what it imports, into every such folder; a reader of it needs nothing else of Factotum.
 */
import { existsSync, readFileSync } from 'node:fs'
import { verifyFolder } from './folder.ts'

const [folder, key] = process.argv.slice(2)
if (folder === undefined || key === undefined) {
  process.stderr.write('Usage: node standalone <folder> <key or file with the key>\n')
  process.exitCode = 2
} else {
  const report = await verifyFolder(folder, existsSync(key) ? readFileSync(key, 'utf8').trim() : key)
  for (const problem of report.problems) process.stdout.write(`NOT VERIFIED ${problem}\n`)
  if (report.ok)
    process.stdout.write(`verified: ${report.files} files, ${report.events} events, ${report.proofs} proofs\n`)
  process.exitCode = report.ok ? 0 : 1
}
