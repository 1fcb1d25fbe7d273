import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { ANSWER_MS, FIRST_ANSWER_MS, SILENCE_MS } from '@/live/election'
import { follow } from '@/live/stream'
import type { LiveEvent } from '@/api/types'

const URL_OF = 'http://master/api/v1/events'

class FakeSource extends EventTarget {
  static all: FakeSource[] = []
  onopen?: () => void
  onerror?: () => void
  closed = false
  constructor(readonly url: string) {
    super()
    FakeSource.all.push(this)
  }
  close(): void {
    this.closed = true
  }
  say(kind: string, data: unknown, lastEventId = ''): void {
    this.dispatchEvent(new MessageEvent(kind, { data: JSON.stringify(data), lastEventId }))
  }
  position(id: string): void {
    this.say('position', { kind: 'position' }, id)
  }
  node(name: string, id = ''): void {
    this.say('node', { kind: 'node', node_id: name, change: 'registered' }, id)
  }
  /** The place from which the stream is to continue. */
  get from(): string | null {
    return new URL(this.url).searchParams.get('last_event_id')
  }
}

/** Passes messages at once. The tabs of a test are in one window. */
class FakeChannel {
  static all: FakeChannel[] = []
  onmessage: ((message: { data: unknown }) => void) | null = null
  /** False in a tab that the browser has stopped. What it is told waits. */
  runs = true
  private waiting: unknown[] = []
  constructor(readonly name: string) {
    FakeChannel.all.push(this)
  }
  postMessage(data: unknown): void {
    for (const one of FakeChannel.all) if (one !== this && one.name === this.name) one.receive(data)
  }
  private receive(data: unknown): void {
    if (this.runs) this.onmessage?.({ data })
    else this.waiting.push(data)
  }
  resume(): void {
    this.runs = true
    for (const data of this.waiting.splice(0)) this.onmessage?.({ data })
  }
  close(): void {
    FakeChannel.all = FakeChannel.all.filter((one) => one !== this)
  }
}

/** One lock, which the callers get one after the other. */
class FakeLocks {
  private last: Promise<unknown> = Promise.resolve()
  request(_name: string, _options: unknown, act: () => Promise<unknown>): Promise<unknown> {
    return (this.last = this.last.then(act))
  }
}

interface Tab {
  events: LiveEvent[]
  states: string[]
  end: () => void
}

function tab(): Tab {
  const events: LiveEvent[] = []
  const states: string[] = []
  const end = follow(URL_OF, { event: (one) => events.push(one), state: (one) => states.push(one) })
  return { events, states, end }
}
/** The only tab, which leads as soon as it knows that it is alone. */
function loneTab(): Tab {
  const one = tab()
  vi.advanceTimersByTime(FIRST_ANSWER_MS)
  return one
}
const source = (): FakeSource => FakeSource.all.at(-1) as FakeSource
const kinds = ({ events }: Tab): string[] => events.map((one) => (one.kind === 'node' ? one.node_id : one.kind))
/** Loses the connection, and waits for the next one. */
function lose(): void {
  source().onerror?.()
  vi.advanceTimersByTime(1_000)
}

beforeEach(() => {
  FakeSource.all = []
  FakeChannel.all = []
  vi.useFakeTimers()
  vi.stubGlobal('EventSource', FakeSource)
  vi.stubGlobal('BroadcastChannel', FakeChannel)
  vi.stubGlobal('navigator', { ...navigator, locks: undefined })
})
afterEach(() => {
  vi.useRealTimers()
  vi.unstubAllGlobals()
})

describe('the stream of events', () => {
  it('tells events, and whether it is open', () => {
    const { events, states, end } = loneTab()
    source().onopen?.()
    source().node('n')
    expect(states).toEqual(['open'])
    expect(events).toEqual([{ kind: 'node', node_id: 'n', change: 'registered' }])
    end()
    expect(source().closed).toBe(true)
  })

  it('connects again after a loss, at ever longer intervals', () => {
    const { states, end } = loneTab()
    source().onerror?.()
    expect(states).toEqual(['lost'])
    vi.advanceTimersByTime(1_000)
    expect(FakeSource.all).toHaveLength(2)
    source().onerror?.()
    vi.advanceTimersByTime(1_000)
    expect(FakeSource.all).toHaveLength(2)
    vi.advanceTimersByTime(1_000)
    expect(FakeSource.all).toHaveLength(3)
    source().onopen?.()
    expect(states.at(-1)).toBe('open')
    end()
    vi.advanceTimersByTime(60_000)
    expect(FakeSource.all).toHaveLength(3)
  })
})

describe('a connection that was lost', () => {
  it('continues after the last event, and nothing counts as missed', () => {
    const one = loneTab()
    expect(source().from).toBe('')
    source().onopen?.()
    source().position('m-1')
    lose()
    expect(source().from).toBe('m-1')
    source().onopen?.()
    source().position('m-1')
    source().node('a', 'm-2')
    lose()
    expect(source().from).toBe('m-2')
    source().onopen?.()
    source().position('m-2')
    vi.advanceTimersByTime(60_000)
    expect(kinds(one)).toEqual(['a'])
    one.end()
  })

  it('tells that events were missed if the master says so, and continues from there', () => {
    const one = loneTab()
    source().onopen?.()
    source().node('a', 'm-1')
    lose()
    source().onopen?.()
    source().say('missed', { kind: 'missed', events: 0 }, 'other-7')
    vi.advanceTimersByTime(60_000)
    expect(kinds(one)).toEqual(['a', 'missed'])
    lose()
    expect(source().from).toBe('other-7')
    one.end()
  })

  it('counts as a gap if the very first attempt failed', () => {
    const one = loneTab()
    lose()
    expect(source().from).toBe('')
    source().onopen?.()
    source().position('m-5')
    expect(kinds(one)).toEqual(['missed'])
    one.end()
  })

  it('counts as a gap if a master of an older version answers, which cannot continue', () => {
    const one = loneTab()
    source().onopen?.()
    source().node('a', 'm-1')
    lose()
    source().onopen?.()
    source().node('b')
    expect(kinds(one)).toEqual(['a', 'b'])
    vi.advanceTimersByTime(3_000)
    expect(kinds(one)).toEqual(['a', 'b', 'missed'])
    // Its events have no ids, so the next connection has nothing to continue either.
    lose()
    expect(source().from).toBe('')
    source().onopen?.()
    expect(kinds(one)).toEqual(['a', 'b', 'missed', 'missed'])
    one.end()
  })

  it('does not count as a gap while the master has not answered yet', () => {
    const one = loneTab()
    source().onopen?.()
    source().position('m-1')
    lose()
    source().onopen?.()
    lose()
    vi.advanceTimersByTime(60_000)
    expect(source().from).toBe('m-1')
    expect(kinds(one)).toEqual([])
    one.end()
  })
})

describe('several tabs', () => {
  beforeEach(() => vi.stubGlobal('navigator', { ...navigator, locks: new FakeLocks() }))
  const settled = (): Promise<unknown> => vi.advanceTimersByTimeAsync(0)

  it('share one connection, and the next tab continues after the last event that it has heard', async () => {
    const first = tab()
    await settled()
    source().onopen?.()
    source().node('a', 'm-1')
    // A tab that is opened later gets to know the place.
    const second = tab()
    const third = tab()
    await settled()
    expect(FakeSource.all).toHaveLength(1)
    expect([second.states.at(-1), third.states.at(-1)]).toEqual(['open', 'open'])
    source().node('b', 'm-2')
    source().position('m-3')
    first.end()
    await settled()
    expect(FakeSource.all).toHaveLength(2)
    expect(source().from).toBe('m-3')
    source().onopen?.()
    source().position('m-3')
    source().node('c', 'm-4')
    second.end()
    await settled()
    expect(source().from).toBe('m-4')
    third.end()
    expect(kinds(first)).toEqual(['a', 'b'])
    expect(kinds(second)).toEqual(['b', 'c'])
    expect(kinds(third)).toEqual(['b', 'c'])
  })

  it('continue from the place that a tab was told at its beginning', async () => {
    const first = tab()
    await settled()
    source().onopen?.()
    source().position('m-9')
    const second = tab()
    first.end()
    await settled()
    expect(source().from).toBe('m-9')
    source().onopen?.()
    source().position('m-9')
    expect(kinds(second)).toEqual([])
    second.end()
  })
})

describe('several tabs without locks', () => {
  const open = (): FakeSource[] => FakeSource.all.filter((one) => !one.closed)
  const channel = (): FakeChannel => FakeChannel.all.at(-1) as FakeChannel
  /** As long as it takes to notice that a leader is gone. */
  const noticed = (): unknown => vi.advanceTimersByTime(SILENCE_MS + 2 * ANSWER_MS)

  it.each([[[0.1, 0.2, 0.3, 0.4, 0.5]], [[0.5, 0.4, 0.3, 0.2, 0.1]], [[0.3, 0.1, 0.4, 0.5, 0.2]]])(
    'share one connection, also if they are opened at once (%s)',
    (numbers) => {
      const random = vi.spyOn(Math, 'random').mockImplementation(() => numbers.shift() ?? 0)
      const tabs = [tab(), tab(), tab(), tab()]
      vi.advanceTimersByTime(10 * SILENCE_MS)
      expect(open()).toHaveLength(1)
      source().onopen?.()
      source().node('a', 'm-1')
      const late = tab()
      vi.advanceTimersByTime(10 * SILENCE_MS)
      expect(open()).toHaveLength(1)
      expect(late.states).toContain('open')
      source().node('b', 'm-2')
      for (const one of tabs) expect(kinds(one)).toEqual(['a', 'b'])
      expect(kinds(late)).toEqual(['b'])
      for (const one of [...tabs, late]) one.end()
      random.mockRestore()
      expect(open()).toHaveLength(0)
      vi.advanceTimersByTime(60_000)
      expect(open()).toHaveLength(0)
    },
  )

  it('follow the next one, which continues the stream, when the leader is closed', () => {
    const first = loneTab()
    const others = [tab(), tab(), tab()]
    source().onopen?.()
    source().node('a', 'm-1')
    first.end()
    vi.advanceTimersByTime(ANSWER_MS)
    expect(open()).toHaveLength(1)
    expect(source().from).toBe('m-1')
    source().onopen?.()
    source().position('m-1')
    source().node('b', 'm-2')
    noticed()
    expect(open()).toHaveLength(1)
    for (const one of others) expect(kinds(one)).toEqual(['a', 'b'])
    for (const one of others) one.end()
  })

  it('replace a leader that dies without a word, and the new one continues the stream', () => {
    const first = loneTab()
    const dead = channel()
    const others = [tab(), tab()]
    const lost = source()
    lost.onopen?.()
    lost.node('a', 'm-1')
    // A crashed tab neither hears nor speaks, and the browser closes its connections.
    dead.close()
    lost.close()
    noticed()
    expect(open()).toHaveLength(1)
    expect(source().from).toBe('m-1')
    source().onopen?.()
    source().position('m-1')
    source().node('b', 'm-2')
    for (const one of others) expect(kinds(one)).toEqual(['a', 'b'])
    for (const one of [first, ...others]) one.end()
  })

  it('replace a leader that the browser has frozen, which then follows', () => {
    const first = loneTab()
    const frozen = channel()
    const old = source()
    old.onopen?.()
    old.node('a', 'm-1')
    const other = tab()
    frozen.runs = false
    noticed()
    expect(open()).toHaveLength(2)
    const next = source()
    next.onopen?.()
    next.node('b', 'm-2')
    // The first one does not know yet that it was replaced. What it says is not heard.
    old.onerror?.()
    expect(other.states.at(-1)).toBe('open')
    frozen.resume()
    expect(open()).toEqual([next])
    next.node('c', 'm-3')
    expect(kinds(first)).toEqual(['a', 'b', 'c'])
    expect(kinds(other)).toEqual(['b', 'c'])
    expect(first.states.at(-1)).toBe('open')
    vi.advanceTimersByTime(10 * SILENCE_MS)
    expect(open()).toEqual([next])
    first.end()
    other.end()
  })

  it('agree on one leader where two could not hear each other', () => {
    const first = tab()
    const deaf = channel()
    deaf.runs = false
    const second = tab()
    channel().runs = false
    vi.advanceTimersByTime(FIRST_ANSWER_MS)
    expect(open()).toHaveLength(2)
    for (const one of FakeChannel.all) one.resume()
    noticed()
    expect(open()).toHaveLength(1)
    open()[0]?.onopen?.()
    expect([first.states.at(-1), second.states.at(-1)]).toEqual(['open', 'open'])
    first.end()
    second.end()
  })

  it('have another leader while the page of one is stopped or left', () => {
    const first = loneTab()
    source().onopen?.()
    source().position('m-1')
    const old = source()
    window.dispatchEvent(new Event('pagehide'))
    expect(old.closed).toBe(true)
    // The page is shown again.
    noticed()
    expect(open()).toHaveLength(1)
    expect(source().from).toBe('m-1')
    first.end()
  })
})
