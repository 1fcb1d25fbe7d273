// Something that is done as often as it is asked for, but not more often than a pause allows.

export interface Paced {
  /** Does it now, or once the pause is over. Several requests during a pause count as one. */
  ask: () => void
  stop: () => void
}

export function paced(act: () => void, pauseMs: () => number): Paced {
  let timer: ReturnType<typeof setTimeout> | undefined
  let doneAt = -Infinity

  function ask(): void {
    if (timer !== undefined) return
    const wait = doneAt + pauseMs() - Date.now()
    if (wait <= 0) {
      doneAt = Date.now()
      act()
      return
    }
    timer = setTimeout(() => {
      timer = undefined
      ask()
    }, wait)
  }
  return { ask, stop: () => clearTimeout(timer) }
}
