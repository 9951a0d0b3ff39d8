/** Light or dark: the system's, until the operator says otherwise on this machine. */
const KEPT = 'factotum.theme'
type Theme = 'light' | 'dark'

const system = matchMedia('(prefers-color-scheme: dark)')

function chosen(): Theme | null {
  const kept = localStorage.getItem(KEPT)
  return kept === 'light' || kept === 'dark' ? kept : null
}

function apply(): void {
  document.documentElement.dataset.theme = chosen() ?? (system.matches ? 'dark' : 'light')
}

export function followTheme(): void {
  apply()
  system.addEventListener('change', apply)
}

export function toggleTheme(): void {
  localStorage.setItem(KEPT, document.documentElement.dataset.theme === 'dark' ? 'light' : 'dark')
  apply()
}
