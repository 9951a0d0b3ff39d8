import { useNavigate, useRouterState } from '@tanstack/react-router'
import { useCallback } from 'react'

/** What is filtered and selected stands in the address, as plain text: it can be kept, sent, and gone back to. */
export type Search = Readonly<Record<string, string>>

export function parseSearch(text: string): Record<string, string> {
  return Object.fromEntries(new URLSearchParams(text))
}

export function stringifySearch(search: Record<string, unknown>): string {
  const query = new URLSearchParams()
  for (const [name, value] of Object.entries(search))
    if (typeof value === 'string' && value !== '') query.set(name, value)
  const text = query.toString()
  return text === '' ? '' : `?${text}`
}

/** What the address says, and how it is changed: `undefined` takes a name out. What is only moved over is not gone back to. */
export function useAddress() {
  const search = useRouterState({ select: (s) => s.location.search as Search })
  const navigate = useNavigate()
  const change = useCallback(
    (next: Readonly<Record<string, string | undefined>>, { keep = false }: { readonly keep?: boolean } = {}) =>
      void navigate({ to: '.', replace: !keep, search: ((now: Search) => ({ ...now, ...next })) as never }),
    [navigate],
  )
  return { search, change }
}
