// The stream of events, shared by all tabs of a browser: one tab has the connection and passes the events to the
// others. Browsers allow few connections to one host, and a stream needs one for as long as the tab is open.
import type { LiveEvent } from '@/api/types'

export interface StreamListener {
  event: (event: LiveEvent) => void
  state: (state: 'open' | 'lost') => void
}

type Word = { event: LiveEvent } | { state: 'open' | 'lost' } | { ask: true }

const KINDS = ['run', 'finding', 'node', 'missed'] as const
const LONGEST_PAUSE_MS = 5_000

/** Follows the stream until the returned function is called. */
export function follow(url: string, listener: StreamListener): () => void {
  const ended = new AbortController()
  // Two masters may be on one host, below different path prefixes.
  const name = `easysight-events ${url}`
  const channel = new BroadcastChannel(name)
  let leads = false
  let state: 'open' | 'lost' = 'lost'

  const hear = (word: Word): void => {
    if ('event' in word) listener.event(word.event)
    else if ('state' in word) listener.state((state = word.state))
    else if (leads) channel.postMessage({ state } satisfies Word)
  }
  const tell = (word: Word): void => {
    hear(word)
    channel.postMessage(word)
  }
  channel.onmessage = (message: MessageEvent<Word>) => hear(message.data)

  const lead = (): Promise<void> =>
    new Promise((resolve) => {
      leads = true
      const close = connect(url, tell)
      ended.signal.addEventListener('abort', () => {
        close()
        resolve()
      })
    })

  // Locks are available only with https and on localhost; otherwise every tab has its own connection.
  if (navigator.locks) {
    channel.postMessage({ ask: true } satisfies Word)
    navigator.locks.request(name, { signal: ended.signal }, lead).catch(() => undefined)
  } else {
    channel.onmessage = null
    void lead()
  }
  return () => {
    ended.abort()
    channel.close()
  }
}

/** Keeps a connection open: after a loss, it connects again, at growing intervals. */
function connect(url: string, tell: (word: Word) => void): () => void {
  let source: EventSource | undefined
  let timer: ReturnType<typeof setTimeout> | undefined
  let pause = 1_000

  const open = (): void => {
    source = new EventSource(url)
    source.onopen = () => {
      pause = 1_000
      tell({ state: 'open' })
    }
    source.onerror = () => {
      source?.close()
      tell({ state: 'lost' })
      timer = setTimeout(open, pause)
      pause = Math.min(pause * 2, LONGEST_PAUSE_MS)
    }
    for (const kind of KINDS) {
      source.addEventListener(kind, (message: MessageEvent<string>) => {
        tell({ event: JSON.parse(message.data) as LiveEvent })
      })
    }
  }
  open()
  return () => {
    clearTimeout(timer)
    source?.close()
  }
}
