import type * as Cedar from '@cedar-policy/cedar-wasm/nodejs'

export type CedarModule = typeof Cedar

/** Cedar itself, four megabytes of WebAssembly: only a company with policy files loads it. */
export function loadCedar(): Promise<CedarModule> {
  return import('@cedar-policy/cedar-wasm/nodejs')
}
