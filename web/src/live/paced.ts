// Runs an action when asked, but with a minimum pause between two runs.

export interface Paced {
  /** Runs the action now, or at the end of the pause. Several calls during a pause count as one. */
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
