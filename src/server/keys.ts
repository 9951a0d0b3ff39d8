import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { chmod, mkdir, open, readFile, rename } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { newPushKey, parsePushKey, type PushKey } from './push/vapid.ts'
import { generateKey, parseSignerKey, type Signer } from '../governance/ledger/index.ts'

/** The secrets of a company: outside the database, readable by its owner only, never in the ledger, logs or errors. */
export interface Keys {
  /** 32 bytes under which outside keys are stored as HMACs. */
  readonly secret: Uint8Array
  readonly signer: Signer
  /** The public key that verifies the ledger, in note format. */
  readonly vkey: string
  /** Who this company is to push services. No snapshot has it: a restored company makes its own. */
  readonly push: PushKey
}

/** Reads the keys in `folder`, making what is not there. The ledger's key is named after the company folder. */
export async function loadKeys(folder: string, name: string): Promise<Keys> {
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const secret = await readOrMake(join(folder, 'company.key'), () => randomBytes(32).toString('hex'))
  const signer = parseSignerKey(await readOrMake(join(folder, 'ledger.key'), () => generateKey(name).signerKey))
  await readOrMake(join(folder, 'ledger.pub'), () => signer.verifier.text)
  const push = parsePushKey(await readOrMake(join(folder, 'push.key'), newPushKey))
  return { secret: Buffer.from(secret, 'hex'), signer, vkey: signer.verifier.text, push }
}

async function readOrMake(path: string, make: () => string): Promise<string> {
  if (!existsSync(path)) await writePrivate(path, `${make()}\n`)
  return (await readFile(path, 'utf8')).trim()
}

/** There whole or not at all, and only for its owner. */
export async function writePrivate(path: string, text: string): Promise<void> {
  const temporary = `${path}.tmp`
  const file = await open(temporary, 'w', 0o600)
  try {
    await file.writeFile(text)
    await file.sync()
  } finally {
    await file.close()
  }
  await chmod(temporary, 0o600)
  await rename(temporary, path)
  const folder = await open(dirname(path), 'r')
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}
