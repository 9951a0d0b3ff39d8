const WIDTH = 30
const EVERY_MS = 100
const LINE_EVERY_MS = 10_000

/** How far something is, on standard error: a bar on a terminal, a plain line now and then elsewhere. */
export class Progress {
  readonly #unit: string
  readonly #bar = process.stderr.isTTY
  #last = Date.now()
  #shown = false

  constructor(unit: string) {
    this.#unit = unit
  }

  at(done: number, of: number): void {
    const now = Date.now()
    if (now - this.#last < (this.#bar ? EVERY_MS : LINE_EVERY_MS)) return
    this.#last = now
    this.#shown = true
    const part = of === 0 ? 1 : Math.min(1, done / of)
    const said = `${Math.floor(part * 100)} %, ${done.toLocaleString('en')} of ${of.toLocaleString('en')} ${this.#unit}`
    const full = Math.round(part * WIDTH)
    process.stderr.write(
      this.#bar ? `\r[${'#'.repeat(full)}${'.'.repeat(WIDTH - full)}] ${said}\u001b[K` : `factotum: ${said}\n`,
    )
  }

  end(): void {
    if (this.#shown && this.#bar) process.stderr.write('\r\u001b[K')
  }
}
