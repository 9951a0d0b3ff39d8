import { sameAs, type Same } from '../lib/calls.ts'
import { parseSearch } from '../url.ts'

/** What the page that is shown is of. A queue that was only opened shows its first item, and the address says none. */
export function sameNow(): Same {
  const search = parseSearch(location.search)
  const item = document.querySelector<HTMLElement>('[data-item]')?.dataset.item
  return sameAs(location.pathname, item === undefined ? search : { ...search, item })
}
