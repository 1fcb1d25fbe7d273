// The list of all cameras, and the trial of an address: which requests are sent, and when.
import { QueryClient, VueQueryPlugin } from '@tanstack/vue-query'
import { flushPromises, mount } from '@vue/test-utils'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { defineComponent } from 'vue'
import type { Camera, Submission } from '@/api/types'
import { refreshCamera, useCameras } from '@/cameras/cameras'
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

const numbered = (count: number): Camera[] => Array.from({ length: count }, (_, at) => camera(`c${at}`))

describe('the list of cameras', () => {
  const LIST = '/api/v1/diagnosis/cameras'
  let all: Camera[]
  let client: QueryClient
  const readings = (): number => asked.filter((one) => one === `GET ${LIST}?limit=1000`).length
  const list = () => client.getQueryState<Camera[]>(['cameras'])

  function begin(): ReturnType<typeof mount> {
    client = new QueryClient({ defaultOptions: { queries: { retry: false } } })
    const page = defineComponent({ setup: () => useCameras(), template: '<p />' })
    return mount(page, { global: { plugins: [[VueQueryPlugin, { queryClient: client }]] } })
  }
  beforeEach(() => {
    answer = (url) => {
      if (url.pathname !== LIST) return all.find((one) => url.pathname.endsWith(`/${one.id}`))
      const from = Number(url.searchParams.get('after') ?? 0)
      const next = from + 1_000
      return { items: all.slice(from, next), next: next < all.length ? String(next) : null }
    }
  })
  afterEach(() => client.clear())

  it('is read again in its time, however often single cameras change', async () => {
    all = numbered(3_000)
    const page = begin()
    await vi.advanceTimersByTimeAsync(100)
    const readAt = list()?.dataUpdatedAt
    expect(list()?.data).toHaveLength(3_000)
    for (let seconds = 0; seconds < 290; seconds += 10) {
      await refreshCamera(client, 'c5')
      await vi.advanceTimersByTimeAsync(10_000)
    }
    expect(readings()).toBe(1)
    expect(list()?.dataUpdatedAt).toBe(readAt)
    await vi.advanceTimersByTimeAsync(11_000)
    expect(readings()).toBe(2)
    page.unmount()
  })

  it('keeps a camera that was read alone after its page', async () => {
    all = numbered(1_500)
    const page = begin()
    await vi.advanceTimersByTimeAsync(100)
    const pages = answer
    let release = (): void => undefined
    answer = async (url, request) => {
      const found = pages(url, request)
      if (url.searchParams.has('after')) await new Promise<void>((resolve) => (release = resolve))
      return found
    }
    void client.invalidateQueries({ queryKey: ['cameras'] })
    await vi.advanceTimersByTimeAsync(100)
    all = all.map((one) => (one.id === 'c5' ? camera('c5', { status: 'error' }) : one))
    await refreshCamera(client, 'c5')
    release()
    await vi.advanceTimersByTimeAsync(100)
    expect(readings()).toBe(2)
    expect(list()?.data?.[5]?.status).toBe('error')
    // The next read of the list is newer than that.
    all = all.map((one) => (one.id === 'c5' ? camera('c5') : one))
    answer = pages
    await client.invalidateQueries({ queryKey: ['cameras'] })
    expect(list()?.data?.[5]?.status).toBe('normal')
    page.unmount()
  })

  it('does not forget that its last reading failed because one camera was read', async () => {
    all = numbered(3)
    const page = begin()
    await vi.advanceTimersByTimeAsync(100)
    const pages = answer
    answer = (url, request) => {
      if (url.pathname === LIST) throw new TypeError('Failed to fetch')
      return pages(url, request)
    }
    await client.invalidateQueries({ queryKey: ['cameras'] })
    await refreshCamera(client, 'c1')
    expect(list()?.error).toBeTruthy()
    page.unmount()
  })
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
