/**
 * One completion is delivered to a run per turn: a turn ends when the workflow has gone as far as it can, which is
 * when the microtask queue is empty, which is by the next `setImmediate`. All runs share one, so that a turn of a
 * thousand runs costs one trip around the event loop.
 */
export class Turns {
  #waiting: (() => void)[] = []

  atEnd(end: () => void): void {
    if (this.#waiting.push(end) > 1) return
    setImmediate(() => {
      const ends = this.#waiting
      this.#waiting = []
      for (const one of ends) one()
    })
  }
}
