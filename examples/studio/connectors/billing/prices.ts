/** What the service charges for one call, in millionths of a euro: 2,000 is 0.002 EUR. `GET /` answers the same list. */
export const PRICES = {
  'GET /charges': 2_000,
  'GET /invoices': 2_000,
  'POST /refunds': 250_000,
  'POST /filed': 20_000,
  'POST /customers/:id/notes': 5_000,
} as const

/** What one use of an action costs that makes this call. */
export function priceOf(call: keyof typeof PRICES): { readonly micros: number; readonly currency: string } {
  return { micros: PRICES[call], currency: 'EUR' }
}
