import { LIMITS } from './message.ts'

const LF = 0x0a
const CR = 0x0d
const GT = 0x3e
const MAIL_MAX_BYTES = LIMITS.mail_bytes
const DAYS_AND_MONTHS =
  /^From \S.*(Mon|Tue|Wed|Thu|Fri|Sat|Sun),? .*(Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec).*\d\d:\d\d.* \d{4}/

/** Grows by doubling; keeps one byte more than a mail may have, so that the parser refuses what was cut off here. */
class MailBytes {
  #bytes = Buffer.allocUnsafe(64 * 1024)
  #length = 0

  add(part: Buffer): void {
    const room = MAIL_MAX_BYTES + 1 - this.#length
    const kept = part.length > room ? part.subarray(0, Math.max(room, 0)) : part
    while (this.#length + kept.length > this.#bytes.length) {
      this.#bytes = Buffer.concat([this.#bytes], this.#bytes.length * 2)
    }
    kept.copy(this.#bytes, this.#length)
    this.#length += kept.length
  }

  /** The bytes so far without the one empty line that mbox puts between mails; empties the buffer. */
  take(): Uint8Array {
    let end = this.#length
    const empty = this.#bytes.subarray(0, end)
    if (end <= MAIL_MAX_BYTES) {
      if (empty.toString('latin1', end - 4) === '\r\n\r\n') end -= 2
      else if (empty.toString('latin1', end - 2) === '\n\n') end -= 1
    }
    this.#length = 0
    return Uint8Array.prototype.slice.call(this.#bytes, 0, end)
  }
}

/**
 * Splits an mbox (RFC 4155; mboxo and mboxrd quoting) fed to it chunk by chunk. A mail starts at a `From ` line with a
 * date that follows an empty line or the start of the file; `>From ` loses one `>`. Holds one mail at a time.
 */
export class MboxSplitter {
  readonly #mail = new MailBytes()
  #rest = Buffer.alloc(0)
  #started = false
  #afterEmpty = true
  #inLongLine = false

  /** Takes the next bytes of the file; answers the mails that ended in them. */
  push(chunk: Buffer): Uint8Array[] {
    const done: Uint8Array[] = []
    const data = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk])
    let start = 0
    for (let lf = data.indexOf(LF); lf !== -1; lf = data.indexOf(LF, start)) {
      this.#line(data.subarray(start, lf + 1), done)
      start = lf + 1
    }
    this.#rest = Buffer.from(data.subarray(start))
    // A line without end must not be gathered: from 64 KiB on its parts are passed through as they come.
    if (this.#rest.length > 64 * 1024) {
      this.#line(this.#rest, done)
      this.#rest = Buffer.alloc(0)
      this.#inLongLine = true
    }
    return done
  }

  /** The last mail, if there was any. */
  end(): Uint8Array[] {
    const done: Uint8Array[] = []
    if (this.#rest.length > 0) this.#line(this.#rest, done)
    if (this.#started) done.push(this.#mail.take())
    return done
  }

  #line(line: Buffer, done: Uint8Array[]): void {
    if (this.#inLongLine) {
      this.#mail.add(line)
      this.#inLongLine = false
      return
    }
    if (this.#separates(line)) {
      if (this.#started) done.push(this.#mail.take())
      this.#started = true
      this.#afterEmpty = false
      return
    }
    this.#started = true
    this.#afterEmpty = line[0] === LF || (line[0] === CR && line[1] === LF)
    this.#mail.add(isQuotedFrom(line) ? line.subarray(1) : line)
  }

  #separates(line: Buffer): boolean {
    if (!this.#afterEmpty || line[0] !== 0x46 || line.toString('latin1', 0, 5) !== 'From ') return false
    return !this.#started || (line.length < 1_000 && DAYS_AND_MONTHS.test(line.toString('latin1')))
  }
}

function isQuotedFrom(line: Buffer): boolean {
  if (line[0] !== GT) return false
  let at = 1
  while (line[at] === GT) at++
  return line.toString('latin1', at, at + 5) === 'From '
}
