import type { CommandId } from '../commands.ts'

const NAME = 'factotum.recent'
const MOST = 4

/** The commands that were found last in this browser, the newest first. */
export function recent(): readonly string[] {
  try {
    const kept: unknown = JSON.parse(localStorage.getItem(NAME) ?? '[]')
    return Array.isArray(kept) ? kept.filter((id) => typeof id === 'string') : []
  } catch {
    return []
  }
}

export function remember(id: CommandId): void {
  localStorage.setItem(NAME, JSON.stringify([id, ...recent().filter((one) => one !== id)].slice(0, MOST)))
}
