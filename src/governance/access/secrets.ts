import { createHash, randomBytes } from 'node:crypto'

/** 256 random bits that nobody is told twice. The prefix says what it is to whoever, or whatever, finds it somewhere. */
export function newSecret(prefix: 'fct' | 'fcg' | 'fcs' | 'fcl'): string {
  return `${prefix}_${randomBytes(32).toString('base64url')}`
}

/**
 * What is kept of a secret. It is looked up by this: how long that takes says something about hashes, and nobody can choose
 * a secret by its hash. A slow hash is for what people make up; this has nothing to guess.
 */
export function hashOf(secret: string): string {
  return createHash('sha256').update(secret).digest('base64url')
}
