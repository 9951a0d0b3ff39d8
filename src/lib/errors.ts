/** Plain data that helps whoever handles an error; never a secret, never personal data. */
export type ErrorMetadata = Readonly<Record<string, string | number | boolean | null>>

/**
 * The base of every error that Factotum raises on purpose.
 *
 * `code` is stable (`layer.what_happened`) and may be matched on; `message` is one or two sentences that end with
 * what to do next. Anything else that is thrown is a defect and propagates as it is.
 */
export class FactotumError extends Error {
  readonly code: string
  readonly metadata: ErrorMetadata

  constructor(code: string, message: string, options: { cause?: unknown; metadata?: ErrorMetadata } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = 'FactotumError'
    this.code = code
    this.metadata = options.metadata ?? {}
  }
}

/** The stable code of any thrown value: a Factotum code, Node's `code`, or `unknown`. */
export function errorCode(error: unknown): string {
  if (error instanceof Error && 'code' in error && typeof error.code === 'string') return error.code
  return 'unknown'
}

/** The sentence of any thrown value. */
export function errorMessage(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
