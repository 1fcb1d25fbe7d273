// The cause of a fault, and the trial of an address: which requests are sent, and when.
import { VueQueryPlugin } from '@tanstack/vue-query'
import { flushPromises, mount } from '@vue/test-utils'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { Submission } from '@/api/types'
import { findCause } from '@/cameras/useCause'
import { tryAddress } from '@/cameras/trial'
import TryResult from '@/cameras/TryResult.vue'
import { i18n } from '@/locales'
import { session } from '@/session/session'
import { camera, finding } from './camera'

type Answer = (url: URL, request: Request) => unknown

let answer: Answer
let asked: string[]

beforeEach(() => {
  vi.useFakeTimers()
  asked = []
  session.state.value = 'in'
  session.open.value = true
  vi.stubGlobal('fetch', async (request: Request) => {
    const url = new URL(request.url)
    asked.push(`${request.method} ${url.pathname}${url.search}`)
    return new Response(JSON.stringify(await answer(url, request)), {
      headers: { 'content-type': 'application/json' },
    })
  })
})
afterEach(() => {
  vi.useRealTimers()
  vi.unstubAllGlobals()
})

describe('the cause of a fault', () => {
  it('is found where a frequent task has pushed it out of the latest findings', async () => {
    const at = (minute: number): string => new Date(Date.UTC(2026, 0, 2, 0, minute)).toISOString()
    const frequent = Array.from({ length: 120 }, (_, minute) =>
      finding('freeze', 'normal', { captured_at: at(200 - minute) }),
    )
    const over = [
      finding('clock', 'normal', { captured_at: at(60) }),
      finding('clock', 'error', { captured_at: at(50) }),
    ]
    const hourly = [
      finding('noise', 'error', { captured_at: at(40) }),
      finding('noise', 'normal', { captured_at: at(20) }),
    ]
    answer = (url) => {
      const asks = (name: string): string | null => url.searchParams.get(name)
      const items = [...frequent, ...over, ...hourly].filter(
        (one) =>
          (!asks('diagnosis') || one.diagnosis === asks('diagnosis')) &&
          (!asks('status') || one.status === asks('status')),
      )
      return { items: items.slice(0, Number(asks('limit'))), next: null }
    }
    const cause = await findCause(camera('c', { status: 'error', checked_at: at(200) }))
    expect(cause?.finding.diagnosis).toBe('noise')
    expect(cause?.sinceIsKnown).toBe(true)
    asked = []
    expect(await findCause(camera('c'))).toBeNull()
    expect(asked).toEqual([])
  })
})

const submission = (state: Submission['state'], findings: Submission['findings'] = []): Submission => ({
  id: '00000000-0000-0000-0000-000000000003',
  state,
  source: 'rtsp://10.0.0.1/stream',
  created_at: '2026-01-02T00:00:00Z',
  decode_ms: 900,
  findings,
})

describe('a trial of an address', () => {
  it('is followed to its end', async () => {
    const states: Submission['state'][] = ['queued', 'running', 'finished']
    answer = () => submission(states.shift() ?? 'failed')
    const told: string[] = []
    await tryAddress('rtsp://10.0.0.1/stream', (now) => told.push(now.state), new AbortController().signal)
    expect(told).toEqual(['queued', 'running', 'finished'])
    expect(asked.map((one) => one.split(' ')[0])).toEqual(['POST', 'GET', 'GET'])
  })

  it('tells nothing once the address has changed', async () => {
    const ended = new AbortController()
    const told: string[] = []
    answer = () => {
      ended.abort()
      return submission('finished')
    }
    await tryAddress('rtsp://10.0.0.1/stream', (now) => told.push(now.state), ended.signal).catch(() => undefined)
    expect(told).toEqual([])
  })

  it('is normal only where a diagnosis says so', async () => {
    answer = () => []
    i18n.global.locale.value = 'en'
    const say = (findings: Submission['findings']): string =>
      mount(TryResult, {
        props: { submission: submission('finished', findings) },
        global: { plugins: [i18n, VueQueryPlugin] },
      }).text()
    const inconclusive = { failure: { kind: 'inconclusive', detail: '' } }
    expect(say([finding('a', null, inconclusive)])).toContain('Unknown')
    expect(say([finding('a', 'normal'), finding('b', null, inconclusive)])).toMatch(
      /1 diagnosis found no fault\.\s+1 diagnosis was inconclusive/,
    )
    expect(say([finding('a', 'normal'), finding('b', 'error')])).toContain('Error')
    await flushPromises()
  })
})
