/** Problem details for HTTP (RFC 9457), with our stable code. */
export interface Problem {
  readonly type: 'about:blank'
  readonly title: string
  readonly status: number
  readonly code: string
  readonly detail: string
}

export const PROBLEM_JSON = 'application/problem+json'

/** Codes with a status of their own; what is named but not there is 404, any other refusal 400. */
export const HTTP_CODES: Readonly<Record<string, number>> = {
  'stream.full': 503,
  'access.scope': 403,
  'operation.unknown': 404,
  'http.method': 405,
  'http.bad_json': 400,
  'http.bad_query': 400,
  'http.bad_key': 400,
  'http.not_found': 404,
  'http.key_reused': 409,
  'http.in_progress': 409,
  'http.unknown_outcome': 409,
  'http.answer_gone': 409,
  'http.too_large': 413,
  'http.internal': 500,
}

export function statusOf(code: string): number {
  return HTTP_CODES[code] ?? (code.endsWith('.not_found') ? 404 : 400)
}

export function problem(code: string, detail: string): Problem {
  return { type: 'about:blank', title: code, status: statusOf(code), code, detail }
}
