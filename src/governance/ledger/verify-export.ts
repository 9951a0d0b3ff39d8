import type { ExportHeader } from './export.ts'
import { parseCheckpointLine, parseEventLine, parseHeader } from './export-lines.ts'
import { LedgerCheck } from './ledger-check.ts'
import { parseVerifierKey, type Verifier } from './note-key.ts'
import type { Problem, ProblemCode, Report } from './problem.ts'

/**
 * Verifies an export, line by line in constant memory, against the key that the person trusts; what the file says about
 * its own key proves nothing. A private part may be missing where an erasure in the file names it. Takes lines without their "\n", from `splitLines`, not from `node:readline`.
 * Throws `ledger.key_invalid` when `vkey` is not a verifier key; everything wrong with the file is in the report.
 */
export async function verifyExport(lines: AsyncIterable<string> | Iterable<string>, vkey: string): Promise<Report> {
  const verifier = parseVerifierKey(vkey)
  let header: ExportHeader | undefined
  let check: LedgerCheck | undefined
  let isClosed = false
  for await (const line of lines) {
    if (!check || !header) {
      header = parseHeader(line)
      if (!header) return noHeader
      check = new LedgerCheck({ verifiers: [verifier], redacted: header.redacted })
      checkHeader(header, verifier, check)
    } else if (isClosed) {
      check.report(
        whole(
          'ledger.bad_line',
          'There are lines after the checkpoint, which is the last one. Get an unchanged copy of the file.',
        ),
      )
      break
    } else {
      isClosed = readLine(line, header, check)
    }
  }
  if (!check || !header) return noHeader
  if (!isClosed) {
    check.report(
      whole(
        'ledger.truncated',
        `The file has no checkpoint at its end: it stops after ${check.size} of ${header.size} events. Get the whole file.`,
      ),
    )
  }
  return check.result()
}

/** Whether this line was the checkpoint, after which nothing may come. */
function readLine(line: string, header: ExportHeader, check: LedgerCheck): boolean {
  const row = parseEventLine(line, header.redacted)
  if (row) {
    check.feed(row)
    return false
  }
  const note = parseCheckpointLine(line)
  if (note === undefined) {
    check.unreadable('not an event as Factotum writes it')
    return false
  }
  check.checkpointAt(header.size, note)
  return true
}

function checkHeader(header: ExportHeader, verifier: Verifier, check: LedgerCheck): void {
  if (header.vkey !== verifier.text) {
    check.report(
      whole(
        'ledger.header',
        'The file says that it was signed with another key than the one that you trust. If your key is the right one, the file is not of this ledger.',
      ),
    )
  }
  if (header.origin !== verifier.name) {
    check.report(
      whole(
        'ledger.header',
        `The file is of the ledger "${header.origin}", the key of "${verifier.name}". Give the file and the key of the same ledger.`,
      ),
    )
  }
}

function whole(code: ProblemCode, message: string): Problem {
  return { seq: null, code, message }
}

const noHeader: Report = {
  ok: false,
  problems: [
    whole(
      'ledger.header',
      'The first line is not the header of a ledger export (factotum-ledger/1). Check the file name, or get an unchanged copy.',
    ),
  ],
}
