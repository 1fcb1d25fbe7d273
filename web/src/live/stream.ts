// The stream of events, shared by all tabs of a browser: one tab has the connection and passes the events to the
// others. Browsers allow few connections to one host, and a stream needs one for as long as the tab is open. A new
// connection continues after the last event that the tab has heard, even if another tab had the connection before.
import type { LiveEvent } from '@/api/types'
import { stand, type Call, type Mark, type Seat } from './election'

export interface StreamListener {
  /** An event. After one of the kind `missed`, what was read before may be out of date. */
  event: (event: LiveEvent) => void
  state: (state: 'open' | 'lost') => void
}

/**
 * What the leading tab tells the others. `id` is that of the last event, with which a new connection continues; `by` says
 * who leads, where there are no locks.
 */
type Word = ({ event: LiveEvent } | { state: 'open' | 'lost' }) & { id?: string; by?: Mark }

const KINDS = ['run', 'finding', 'node', 'missed', 'position'] as const
const LONGEST_PAUSE_MS = 5_000
/**
 * A master that can continue a stream sends an event with an id at once. After this time without one, it counts as a
 * master of an older version, which cannot.
 */
const CONFIRM_MS = 3_000

/** Follows the stream until the returned function is called. */
export function follow(url: string, listener: StreamListener): () => void {
  const ended = new AbortController()
  // Two masters may be on one host, below different path prefixes.
  const name = `easysight-events ${url}`
  const channel = new BroadcastChannel(name)
  let leads = false
  let seat: Seat | undefined
  let state: 'open' | 'lost' | undefined
  /** The id of the last event that this tab has heard. */
  let last = ''

  const hear = (word: Word): void => {
    if (word.id) last = word.id
    if ('state' in word) listener.state((state = word.state))
    else if (word.event.kind !== 'position') listener.event(word.event)
  }
  const tell = (word: Word): void => {
    hear(word)
    channel.postMessage({ ...word, by: seat?.mark() } satisfies Word)
  }
  channel.onmessage = ({ data }: MessageEvent<Word | Call>) => {
    if ('event' in data || 'state' in data) {
      if (!seat || !data.by || seat.counts(data.by)) hear(data)
      return
    }
    if ('ask' in data && leads)
      channel.postMessage({ state: state ?? 'lost', id: last, by: seat?.mark() } satisfies Word)
    seat?.hears(data)
  }

  const miss = (): void => {
    last = ''
    tell({ event: { kind: 'missed', events: 0 } })
  }
  const lead = (): (() => void) => {
    leads = true
    // Where this tab has heard nothing yet, there is nothing to continue.
    const close = connect(url, { tell, miss, last: () => last, isFirst: () => state === undefined })
    return () => {
      leads = false
      close()
    }
  }

  if (navigator.locks) {
    channel.postMessage({ ask: 0 } satisfies Call)
    const hold = (): Promise<void> =>
      new Promise((resolve) => {
        const stop = lead()
        ended.signal.addEventListener('abort', () => {
          stop()
          resolve()
        })
      })
    navigator.locks.request(name, { signal: ended.signal }, hold).catch(() => undefined)
  } else {
    seat = stand((call) => channel.postMessage(call), lead)
    seat.enter()
  }
  return () => {
    ended.abort()
    seat?.end()
    channel.close()
  }
}

interface Lead {
  tell: (word: Word) => void
  /** Events may have been missed. */
  miss: () => void
  last: () => string
  /** True until something was heard of the stream. */
  isFirst: () => boolean
}

/** Keeps a connection open: after a loss, it connects again, at growing intervals. */
function connect(url: string, { tell, miss, last, isFirst }: Lead): () => void {
  let source: EventSource | undefined
  let timer: ReturnType<typeof setTimeout> | undefined
  let unconfirmed: ReturnType<typeof setTimeout> | undefined
  let pause = 1_000

  const open = (): void => {
    const from = last()
    const address = new URL(url)
    // Without an id, the parameter asks for the place at which the stream begins.
    address.searchParams.set('last_event_id', from)
    source = new EventSource(address.href)
    source.onopen = () => {
      pause = 1_000
      const misses = !from && !isFirst()
      tell({ state: 'open' })
      if (misses) miss()
      else if (from) unconfirmed = setTimeout(miss, CONFIRM_MS)
    }
    source.onerror = () => {
      source?.close()
      clearTimeout(unconfirmed)
      tell({ state: 'lost' })
      timer = setTimeout(open, pause)
      pause = Math.min(pause * 2, LONGEST_PAUSE_MS)
    }
    for (const kind of KINDS) {
      source.addEventListener(kind, (message: MessageEvent<string>) => {
        if (message.lastEventId) clearTimeout(unconfirmed)
        tell({ event: JSON.parse(message.data) as LiveEvent, id: message.lastEventId })
      })
    }
  }
  open()
  return () => {
    clearTimeout(timer)
    clearTimeout(unconfirmed)
    source?.close()
  }
}
