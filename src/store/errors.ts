import { FactotumError, type ErrorMetadata } from '../lib/errors.ts'

export type StoreErrorCode =
  | 'store.fenced'
  | 'store.key_reused'
  | 'store.locked'
  | 'store.newer'
  | 'store.migration_changed'
  | 'store.closed'
  | 'store.broken'
  | 'store.empty_commit'
  | 'store.too_large'
  | 'store.not_storable'
  | 'store.unreachable'
  | 'store.wrong_database'
  | 'asof.read_only'
  | 'asof.unknown_kind'
  | 'store.not_empty'

export class StoreError extends FactotumError {
  constructor(code: StoreErrorCode, message: string, options: { cause?: unknown; metadata?: ErrorMetadata } = {}) {
    super(code, message, options)
    this.name = 'StoreError'
  }
}

/** A guard did not hold: the world is not as the caller believed. `code` is the guard's own. */
export class ConflictError extends FactotumError {
  constructor(code: string, message: string) {
    super(code, message)
    this.name = 'ConflictError'
  }
}

export function fenced(id: string): StoreError {
  return new StoreError(
    'store.fenced',
    `Another driver has taken over ${id}; this one stops and its late result is refused.`,
    {
      metadata: { id },
    },
  )
}
