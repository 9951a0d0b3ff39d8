/**
 * A screenshot with a palette of 256 colours, a third of its size: what a screen is made of is a few colours and the edges
 * of letters. PNG (Third Edition), 9.2 for the filters and 11.2 for the chunks.
 */
import { crc32, deflateSync, inflateSync } from 'node:zlib'

interface Pixels {
  readonly width: number
  readonly height: number
  /** Each pixel as 0xrrggbb, row by row. */
  readonly colours: Uint32Array
}

/** Takes 8 bit RGB or RGBA without interlacing, which is what a browser makes. Throws on anything else. */
function pixelsOf(png: Buffer): Pixels {
  const [width, height] = [png.readUInt32BE(16), png.readUInt32BE(20)]
  const bytes = { 2: 3, 6: 4 }[png[25]!]
  if (png.toString('latin1', 1, 4) !== 'PNG' || png[24] !== 8 || bytes === undefined || png[28] !== 0)
    throw new Error('This is no PNG as a browser makes it.')
  const parts: Buffer[] = []
  for (let at = 8; at < png.length; at += 12 + png.readUInt32BE(at))
    if (png.toString('latin1', at + 4, at + 8) === 'IDAT')
      parts.push(png.subarray(at + 8, at + 8 + png.readUInt32BE(at)))
  const raw = inflateSync(Buffer.concat(parts))
  const stride = width * bytes
  const colours = new Uint32Array(width * height)
  let above = new Uint8Array(stride)
  for (let y = 0; y < height; y++) {
    const from = y * (stride + 1)
    const row = Uint8Array.from(raw.subarray(from + 1, from + 1 + stride))
    for (let x = 0; x < stride; x++) {
      const left = x < bytes ? 0 : row[x - bytes]!
      row[x]! += guess(raw[from]!, left, above[x]!, x < bytes ? 0 : above[x - bytes]!)
    }
    for (let x = 0; x < width; x++)
      colours[y * width + x] = (row[x * bytes]! << 16) | (row[x * bytes + 1]! << 8) | row[x * bytes + 2]!
    above = row
  }
  return { width, height, colours }
}

function guess(filter: number, left: number, up: number, corner: number): number {
  if (filter === 1) return left
  if (filter === 2) return up
  if (filter === 3) return (left + up) >> 1
  if (filter !== 4) return 0
  const p = left + up - corner
  const [a, b, c] = [Math.abs(p - left), Math.abs(p - up), Math.abs(p - corner)]
  return a <= b && a <= c ? left : b <= c ? up : corner
}

/** So far apart two colours are both worth a place: 4 of 256 in each channel. */
const APART = 48

/** The same image with 256 of its colours, every other as the nearest of them. */
export function smallPng(png: Buffer): Buffer {
  const { width, height, colours } = pixelsOf(png)
  const counts = new Map<number, number>()
  for (const colour of colours) counts.set(colour, (counts.get(colour) ?? 0) + 1)
  // The commonest first, and none that is almost there already: a small sign in another hue keeps its own.
  const palette: number[] = []
  for (const [colour] of [...counts].sort(([a, n], [b, m]) => m - n || a - b))
    if (palette.length < 256 && palette.every((other) => apart(colour, other) > APART)) palette.push(colour)
  const index = new Map<number, number>()
  for (const colour of counts.keys()) index.set(colour, nearest(palette, colour))
  const rows = Buffer.alloc((width + 1) * height)
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) rows[y * (width + 1) + 1 + x] = index.get(colours[y * width + x]!)!
  const header = Buffer.alloc(13)
  header.writeUInt32BE(width, 0)
  header.writeUInt32BE(height, 4)
  header.set([8, 3, 0, 0, 0], 8)
  return Buffer.concat([
    png.subarray(0, 8),
    chunk('IHDR', header),
    chunk('PLTE', Buffer.from(palette.flatMap((c) => [c >> 16, (c >> 8) & 255, c & 255]))),
    chunk('IDAT', deflateSync(rows, { level: 9 })),
    chunk('IEND', Buffer.alloc(0)),
  ])
}

function nearest(palette: readonly number[], colour: number): number {
  let [best, least] = [0, Infinity]
  for (const [at, other] of palette.entries()) {
    const far = apart(colour, other)
    if (far < least) [best, least] = [at, far]
  }
  return best
}

/** The square of their distance, over red, green and blue. */
function apart(a: number, b: number): number {
  return ((a >> 16) - (b >> 16)) ** 2 + (((a >> 8) & 255) - ((b >> 8) & 255)) ** 2 + ((a & 255) - (b & 255)) ** 2
}

function chunk(type: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data])
  const [length, sum] = [Buffer.alloc(4), Buffer.alloc(4)]
  length.writeUInt32BE(data.length)
  sum.writeUInt32BE(crc32(body))
  return Buffer.concat([length, body, sum])
}
