/** The day of an instant, UTC. */
export function humanDate(at: number): string {
  return new Date(at).toISOString().slice(0, 10)
}
