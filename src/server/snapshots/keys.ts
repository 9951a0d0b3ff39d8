import { createCipheriv, createDecipheriv, randomBytes, scrypt, type ScryptOptions } from 'node:crypto'
import { promisify } from 'node:util'
import { z } from 'zod'
import { FactotumError } from '../../lib/errors.ts'

/** The two files of `data/keys` that cannot be made again. */
export interface KeyFiles {
  readonly 'company.key': string
  readonly 'ledger.key': string
}

// OWASP's password storage cheat sheet names 2^17 / 8 / 1 for scrypt: 128 MiB and about a third of a second a guess.
const COST: ScryptOptions = { N: 2 ** 17, r: 8, p: 1, maxmem: 256 * 1024 * 1024 }
const MIN_PASSPHRASE = 12
const derive = promisify(scrypt) as (p: string, salt: Buffer, n: number, o: ScryptOptions) => Promise<Buffer>

const Sealed = z.object({
  kdf: z.literal('scrypt'),
  N: z.literal(COST.N as number),
  r: z.literal(COST.r as number),
  p: z.literal(COST.p as number),
  cipher: z.literal('aes-256-gcm'),
  salt: z.base64(),
  iv: z.base64(),
  tag: z.base64(),
  data: z.base64(),
})

/** The keys under a passphrase, bound to the ledger's public key. Throws `snapshot.weak_passphrase`. */
export async function sealKeys(keys: KeyFiles, passphrase: string, vkey: string): Promise<string> {
  if (passphrase.length < MIN_PASSPHRASE)
    throw new FactotumError(
      'snapshot.weak_passphrase',
      `The passphrase for the keys has fewer than ${MIN_PASSPHRASE} characters. Whoever has the archive can try guesses for as long as they like: take a longer one.`,
    )
  const salt = randomBytes(16)
  const iv = randomBytes(12)
  const cipher = createCipheriv('aes-256-gcm', await derive(passphrase, salt, 32, COST), iv).setAAD(Buffer.from(vkey))
  const data = Buffer.concat([cipher.update(JSON.stringify(keys)), cipher.final()])
  const [salt64, iv64, tag, data64] = [salt, iv, cipher.getAuthTag(), data].map((b) => b.toString('base64'))
  const { N, r, p } = COST
  return `${JSON.stringify({ kdf: 'scrypt', N, r, p, cipher: 'aes-256-gcm', salt: salt64, iv: iv64, tag, data: data64 })}\n`
}

/** Throws `snapshot.wrong_passphrase`. */
export async function openKeys(sealed: string, passphrase: string, vkey: string): Promise<KeyFiles> {
  try {
    const { salt, iv, tag, data } = Sealed.parse(JSON.parse(sealed))
    const from = (text: string) => Buffer.from(text, 'base64')
    const key = await derive(passphrase, from(salt), 32, COST)
    const decipher = createDecipheriv('aes-256-gcm', key, from(iv), { authTagLength: 16 })
      .setAAD(Buffer.from(vkey))
      .setAuthTag(from(tag))
    return JSON.parse(Buffer.concat([decipher.update(from(data)), decipher.final()]).toString()) as KeyFiles
  } catch (cause) {
    throw new FactotumError(
      'snapshot.wrong_passphrase',
      'The keys in this archive do not open with this passphrase. Give the right one, or the folder of the keys with --keys.',
      { cause },
    )
  }
}
