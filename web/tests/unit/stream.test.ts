import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { follow } from '@/live/stream'
import type { LiveEvent } from '@/api/types'

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
  say(kind: string, data: unknown): void {
    this.dispatchEvent(new MessageEvent(kind, { data: JSON.stringify(data) }))
  }
}

beforeEach(() => {
  FakeSource.all = []
  vi.useFakeTimers()
  vi.stubGlobal('EventSource', FakeSource)
  vi.stubGlobal('navigator', { ...navigator, locks: undefined })
})
afterEach(() => {
  vi.useRealTimers()
  vi.unstubAllGlobals()
})

describe('the stream of events', () => {
  it('tells events, and whether it is open', () => {
    const events: LiveEvent[] = []
    const states: string[] = []
    const end = follow('http://master/events', { event: (one) => events.push(one), state: (one) => states.push(one) })
    FakeSource.all[0]?.onopen?.()
    FakeSource.all[0]?.say('node', { kind: 'node', node_id: 'n', change: 'registered' })
    expect(states).toEqual(['open'])
    expect(events).toEqual([{ kind: 'node', node_id: 'n', change: 'registered' }])
    end()
    expect(FakeSource.all[0]?.closed).toBe(true)
  })

  it('connects again after a loss, at ever longer intervals', () => {
    const states: string[] = []
    const end = follow('http://master/events', { event: () => undefined, state: (one) => states.push(one) })
    FakeSource.all[0]?.onerror?.()
    expect(states).toEqual(['lost'])
    vi.advanceTimersByTime(1_000)
    expect(FakeSource.all).toHaveLength(2)
    FakeSource.all[1]?.onerror?.()
    vi.advanceTimersByTime(1_000)
    expect(FakeSource.all).toHaveLength(2)
    vi.advanceTimersByTime(1_000)
    expect(FakeSource.all).toHaveLength(3)
    FakeSource.all[2]?.onopen?.()
    expect(states.at(-1)).toBe('open')
    end()
    vi.advanceTimersByTime(60_000)
    expect(FakeSource.all).toHaveLength(3)
  })
})
