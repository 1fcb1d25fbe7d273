// Chooses the one tab of a browser that leads, where there are no locks: browsers have them only with https and on
// localhost. The tabs talk over a channel. A tab that hears nothing of the leader for a while asks for it, and leads if
// there is no answer; so a leader that was closed, has crashed or was frozen is replaced. Only answers to messages keep
// a leader in office, and no timers, because browsers slow down the timers of hidden tabs.

/** A leader: its tab, and the number of its term. Of two leaders, the one of the later term stays, else the lower tab. */
export interface Mark {
  term: number
  tab: number
}

/** What tabs say to each other about who leads. */
export type Call = { ask: number } | { leads: Mark } | { leaves: Mark }

/** A tab that hears nothing of the leader for this time asks for it. */
export const SILENCE_MS = 5_000
/** A leader that does not answer within this time is replaced. */
export const ANSWER_MS = 1_000
/** The same for a tab that has just been opened. If it replaces a leader that was only busy, nothing is lost. */
export const FIRST_ANSWER_MS = 200

export interface Seat {
  /** Asks who leads. From then on, what the others say is to be passed on. */
  enter: () => void
  /** The mark of this tab while it leads. */
  mark: () => Mark | undefined
  hears: (call: Call) => void
  /** A word of a leader has arrived. Returns false if another leader has replaced that one. */
  counts: (by: Mark) => boolean
  end: () => void
}

function precedes(one: Mark, other: Mark): boolean {
  return one.term === other.term ? one.tab < other.tab : one.term > other.term
}

/**
 * Takes part in the choice. `lead` is called when this tab begins to lead, and what it returns when the tab no longer
 * leads.
 */
export function stand(say: (call: Call) => void, lead: () => () => void): Seat {
  const tab = Math.random()
  const ended = new AbortController()
  /** The leader of whom this tab knows. */
  let leader: Mark = { term: 0, tab: 0 }
  let stop: (() => void) | undefined
  let timer: ReturnType<typeof setTimeout> | undefined
  let asks = false

  const later = (act: () => void, ms: number): void => {
    clearTimeout(timer)
    timer = setTimeout(act, ms)
  }
  const ask = (ms = ANSWER_MS): void => {
    asks = true
    later(begin, ms)
    say({ ask: tab })
  }
  const watch = (): void => {
    asks = false
    later(ask, SILENCE_MS)
  }
  const begin = (): void => {
    asks = false
    clearTimeout(timer)
    leader = { term: leader.term + 1, tab }
    stop = lead()
    // Another leader may object at once.
    say({ leads: leader })
  }
  const rest = (): void => {
    stop?.()
    stop = undefined
  }
  /** Gives up leading before the browser closes or stops the page. */
  const leave = (): void => {
    if (!stop) return
    rest()
    say({ leaves: leader })
    watch()
  }
  /** The browser shows or runs the page again, which it had stopped. */
  const rejoin = (): void => {
    if (!stop) ask()
  }
  const counts = (by: Mark): boolean => {
    if (precedes(leader, by)) {
      // The other one was stopped for a while and has not heard that it was replaced.
      if (stop) say({ leads: leader })
      return false
    }
    if (precedes(by, leader)) rest()
    leader = by
    if (!stop) watch()
    return true
  }
  const hears = (call: Call): void => {
    if ('leads' in call) counts(call.leads)
    else if ('ask' in call) {
      // Of two tabs that ask at the same time, the lower one goes first.
      if (asks && call.ask < tab) watch()
    } else if (call.leaves.term === leader.term && call.leaves.tab === leader.tab) ask()
  }

  const { signal } = ended
  window.addEventListener('pagehide', leave, { signal })
  window.addEventListener('pageshow', (event) => event.persisted && rejoin(), { signal })
  document.addEventListener('freeze', leave, { signal })
  document.addEventListener('resume', rejoin, { signal })
  return {
    enter: () => ask(FIRST_ANSWER_MS),
    mark: () => (stop ? leader : undefined),
    hears,
    counts,
    end: () => {
      ended.abort()
      leave()
      clearTimeout(timer)
    },
  }
}
