/**
 * The little of tar (POSIX.1-2001: ustar, with a pax header where a name needs one) that an archive of plain files is
 * made of. Each header has exactly one spelling here, and a reader refuses every other, so that no byte of an archive can
 * be changed without being seen; general libraries are, rightly, lenient.
 */
import { FactotumError } from './errors.ts'

const BLOCK = 512
const MAX_NAME_BYTES = 1_000
const MAX_SIZE = 0o77777777777

/** The header of a plain file, `mtime` in seconds: one block, or three where the name is long or not ASCII. */
export function tarHeader(name: string, size: number, mtime: number): Buffer {
  if (Buffer.byteLength(name) > MAX_NAME_BYTES || size > MAX_SIZE)
    throw new FactotumError('archive.too_large', `"${name}" is too long for an archive, in its name or its content.`)
  if (/^[ -~]{1,100}$/.test(name)) return block(name, size, mtime, '0')
  const record = paxRecord(name)
  const short = `pax/${String(size)}`
  return Buffer.concat([block(short, record.length, mtime, 'x'), padded(record), block(short, size, mtime, '0')])
}

/** What follows a content of this size up to the next block. */
export function tarPadding(size: number): Buffer {
  return Buffer.alloc((BLOCK - (size % BLOCK)) % BLOCK)
}

/** What ends an archive. */
export const TAR_END = Buffer.alloc(2 * BLOCK)

export interface TarEntry {
  readonly name: string
  readonly size: number
  /** Its header, as it stands in the archive. */
  readonly header: Buffer
  /** The content: read it to its end before the next entry is asked for. */
  readonly content: () => AsyncGenerator<Buffer>
}

/**
 * The files of an archive in order, in constant memory. `onBytes` sees contents, and what fills them up, as
 * they are read. Throws `archive.damaged`
 * for everything that `tarHeader` does not write.
 */
export async function* readTar(
  source: AsyncIterable<Uint8Array>,
  onBytes: (bytes: Buffer) => void = () => {},
): AsyncGenerator<TarEntry> {
  const bytes = new Pull(source)
  for (;;) {
    const first = await bytes.exactly(BLOCK)
    if (first.equals(TAR_END.subarray(0, BLOCK))) break
    const header = await readHeader(first, bytes)
    let left = header.size
    const content = async function* (): AsyncGenerator<Buffer> {
      while (left > 0) {
        const chunk = await bytes.upTo(left)
        left -= chunk.length
        onBytes(chunk)
        yield chunk
      }
    }
    yield { name: header.name, size: header.size, header: header.bytes, content }
    for await (const _ of content());
    const padding = await bytes.exactly(tarPadding(header.size).length)
    if (padding.some((b) => b !== 0)) throw damaged('what fills it up is not empty')
    onBytes(padding)
  }
  if ((await bytes.exactly(BLOCK)).some((b) => b !== 0)) throw damaged('its end is not empty')
  if (!(await bytes.ended())) throw damaged('something follows its end')
}

async function readHeader(first: Buffer, bytes: Pull): Promise<{ name: string; size: number; bytes: Buffer }> {
  const mtime = octal(first, 136, 12)
  const size = octal(first, 124, 12)
  if (first[156] !== 0x78) {
    const name = text(first, 0, 100)
    if (!/^[ -~]{1,100}$/.test(name) || !tarHeader(name, size, mtime).equals(first))
      throw damaged('a header is not as it is written')
    return { name, size, bytes: first }
  }
  if (size > 2 * MAX_NAME_BYTES) throw damaged('a name is too long')
  const record = await bytes.exactly(size + tarPadding(size).length)
  const second = await bytes.exactly(BLOCK)
  const name = /^\d+ path=([^]*)\n$/.exec(record.toString('utf8', 0, size))?.[1] ?? ''
  const content = octal(second, 124, 12)
  const whole = Buffer.concat([first, record, second])
  if (
    Buffer.byteLength(name) > MAX_NAME_BYTES ||
    /^[ -~]{0,100}$/.test(name) ||
    !tarHeader(name, content, mtime).equals(whole)
  )
    throw damaged('a header is not as it is written')
  return { name, size: content, bytes: whole }
}

function block(name: string, size: number, mtime: number, type: '0' | 'x'): Buffer {
  const out = Buffer.alloc(BLOCK)
  out.write(name, 0, 'latin1')
  out.write('0000600\0' + '0000000\0' + '0000000\0', 100, 'latin1')
  out.write(`${size.toString(8).padStart(11, '0')}\0${mtime.toString(8).padStart(11, '0')}\0`, 124, 'latin1')
  out.write(`        ${type}`, 148, 'latin1')
  out.write('ustar\x0000', 257, 'latin1')
  const sum = out.reduce((a, b) => a + b, 0)
  out.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1')
  return out
}

/** `<length> path=<name>\n`, where the length counts its own digits. */
function paxRecord(name: string): Buffer {
  const rest = Buffer.byteLength(` path=${name}\n`)
  let length = rest + 1
  while (rest + String(length).length !== length) length++
  return Buffer.from(`${length} path=${name}\n`)
}

function padded(bytes: Buffer): Buffer {
  return Buffer.concat([bytes, tarPadding(bytes.length)])
}

function text(bytes: Buffer, from: number, length: number): string {
  return bytes.toString('latin1', from, from + length).replace(/\0+$/, '')
}

function octal(bytes: Buffer, from: number, length: number): number {
  const digits = text(bytes, from, length)
  if (!/^[0-7]{11}$/.test(digits)) throw damaged('a header is not as it is written')
  return Number.parseInt(digits, 8)
}

export function damaged(what: string): FactotumError {
  return new FactotumError('archive.damaged', `This is no whole archive: ${what}. Get an unchanged copy of it.`)
}

/** Bytes as they are asked for, whatever pieces they come in. */
class Pull {
  readonly #source: AsyncIterator<Uint8Array>
  #rest: Buffer = Buffer.alloc(0)

  constructor(source: AsyncIterable<Uint8Array>) {
    this.#source = source[Symbol.asyncIterator]()
  }

  async #more(): Promise<boolean> {
    for (;;) {
      const { value, done } = await this.#source.next()
      if (done) return false
      if (value.length === 0) continue
      this.#rest = Buffer.from(value.buffer, value.byteOffset, value.length)
      return true
    }
  }

  async upTo(max: number): Promise<Buffer> {
    if (this.#rest.length === 0 && !(await this.#more())) throw damaged('it ends too early')
    const taken = this.#rest.subarray(0, max)
    this.#rest = this.#rest.subarray(taken.length)
    return taken
  }

  async exactly(length: number): Promise<Buffer> {
    const parts: Buffer[] = []
    for (let left = length; left > 0;) {
      const part = await this.upTo(left)
      parts.push(part)
      left -= part.length
    }
    return parts.length === 1 ? parts[0]! : Buffer.concat(parts)
  }

  async ended(): Promise<boolean> {
    return this.#rest.length === 0 && !(await this.#more())
  }
}
