// The jobs of a large run, and the names of their cameras: which requests are sent.
import { QueryClient, VueQueryPlugin } from '@tanstack/vue-query'
import { mount, type VueWrapper } from '@vue/test-utils'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { defineComponent, h, ref } from 'vue'
import CameraName from '@/cameras/CameraName.vue'
import { useJobList } from '@/runs/useJobList'
import { session } from '@/session/session'
import { useTaskCameras } from '@/tasks/useTaskCameras'
import { camera } from './camera'

let answer: (url: URL) => unknown
let asked: URL[]
let client: QueryClient
let shown: VueWrapper | undefined

class FakeObserver {
  static all: FakeObserver[] = []
  constructor(readonly tell: (entries: { isIntersecting: boolean }[]) => void) {
    FakeObserver.all.push(this)
  }
  observe(): void {}
  disconnect(): void {}
}

beforeEach(() => {
  vi.useFakeTimers()
  session.state.value = 'in'
  session.open.value = true
  asked = []
  FakeObserver.all = []
  client = new QueryClient({ defaultOptions: { queries: { retry: false } } })
  vi.stubGlobal('IntersectionObserver', FakeObserver)
  vi.stubGlobal('fetch', async (request: Request) => {
    const url = new URL(request.url)
    asked.push(url)
    return new Response(JSON.stringify(await answer(url)), { headers: { 'content-type': 'application/json' } })
  })
})
afterEach(() => {
  shown?.unmount()
  client.clear()
  vi.useRealTimers()
  vi.unstubAllGlobals()
})

const passes = (ms = 10): Promise<unknown> => vi.advanceTimersByTimeAsync(ms)
function within<T>(setup: () => T): T {
  const made: T[] = []
  const page = defineComponent({ setup: () => void made.push(setup()), template: '<p />' })
  shown = mount(page, { global: { plugins: [[VueQueryPlugin, { queryClient: client }]] } })
  return made[0] as T
}

describe('the jobs of a run', () => {
  /** Every fourth of 2,000 jobs has failed, the very last one too. */
  const all = Array.from({ length: 2_000 }, (_, at) => ({ id: String(at), state: at % 4 === 3 ? 'dead' : 'finished' }))
  const isPage = (url: URL): boolean => url.pathname.endsWith('/runs/r/jobs')

  beforeEach(() => {
    answer = (url) => {
      const state = url.searchParams.get('state')
      const fitting = all.filter((one) => !state || one.state === state)
      const from = Number(url.searchParams.get('after') ?? 0)
      const end = from + Number(url.searchParams.get('limit'))
      return { items: fitting.slice(from, end), next: end < fitting.length ? String(end) : null }
    }
  })

  it('are listed page by page, the failed ones first, and each once', async () => {
    const { jobs, ...list } = within(() => useJobList(ref({ run: 'r', failed: true }), ref(false)))
    await passes()
    expect(jobs.value).toHaveLength(200)
    expect(jobs.value.every((one) => one.state === 'dead')).toBe(true)
    for (let pages = 0; list.hasNextPage.value && pages < 100; pages += 1) await list.fetchNextPage()
    expect(jobs.value).toHaveLength(2_000)
    expect(new Set(jobs.value.map((one) => one.id)).size).toBe(2_000)
    expect(jobs.value.slice(0, 500).every((one) => one.state === 'dead')).toBe(true)
  })

  it('of one state are listed to the last, and without failures no page is read in vain', async () => {
    const { jobs, ...list } = within(() => useJobList(ref({ run: 'r', state: 'dead', failed: true }), ref(false)))
    await passes()
    while (list.hasNextPage.value) await list.fetchNextPage()
    expect([jobs.value.length, jobs.value.at(-1)?.id, asked.filter(isPage).length]).toEqual([500, '1999', 3])
    shown?.unmount()
    asked = []
    within(() => useJobList(ref({ run: 'r', failed: false }), ref(false)))
    await passes()
    expect(asked.map((url) => url.search)).toEqual(['?limit=200'])
  })

  it('are read less often the more pages there are', async () => {
    const list = within(() => useJobList(ref({ run: 'r', failed: false }), ref(true)))
    await passes()
    await list.fetchNextPage()
    await list.fetchNextPage()
    asked = []
    await passes(8_000)
    expect(asked).toHaveLength(0)
    await passes(2_000)
    expect(asked).toHaveLength(3)
  })
})

describe('the names of cameras', () => {
  it('are read when they come into view, a few at a time, and no list is read', async () => {
    const release: (() => void)[] = []
    answer = async (url) => {
      await new Promise<void>((resolve) => release.push(resolve))
      return camera(url.pathname.split('/').at(-1) ?? '', { name: 'Gate' })
    }
    const page = () => Array.from({ length: 200 }, (_, at) => h(CameraName, { id: `c${at}` }))
    shown = mount(page, { global: { plugins: [[VueQueryPlugin, { queryClient: client }]] } })
    await passes()
    expect(asked).toHaveLength(0)
    for (const one of FakeObserver.all.slice(0, 5)) one.tell([{ isIntersecting: true }])
    await passes()
    expect(asked).toHaveLength(3)
    while (release.length) {
      release.shift()?.()
      await passes()
    }
    expect(asked.map((url) => url.pathname.split('/').at(-1))).toEqual(['c0', 'c1', 'c2', 'c3', 'c4'])
    expect(shown.text()).toMatch(/^(Gate){5}c5/)
  })

  it('to choose from are searched by the master, and the chosen ones are counted', async () => {
    const fleet = [camera('a', { name: 'Gate A', groups: ['gates'] }), camera('b', { enabled: false }), camera('c')]
    answer = (url) => {
      const alone = fleet.find((one) => url.pathname.endsWith(`/cameras/${one.id}`))
      if (alone) return alone
      if (url.searchParams.get('group')) return { items: [fleet[0]], total: 7, next: 'x' }
      const words = url.searchParams.get('q')
      return { items: fleet.filter((one) => !words || one.name.includes(words)).slice(0, 1), next: 'x' }
    }
    const chosen = ref({ cameras: ['a', 'b', 'c'], groups: ['gates'] })
    const { options, reach, search } = within(() => useTaskCameras(chosen))
    await passes(500)
    expect(options.value.map((one) => one.label)).toEqual(['Gate A (a)', 'b', 'c'])
    // Seven of the group, one of which is also chosen itself, and one that is not paused.
    expect(reach.value).toEqual({ n: 8, isExact: true })
    search('c')
    await passes(500)
    expect(asked.at(-1)?.searchParams.get('q')).toBe('c')
    chosen.value = { cameras: Array.from({ length: 5_000 }, (_, at) => `x${at}`), groups: ['gates', 'yard'] }
    answer = (url) => (url.searchParams.get('group') ? { items: [], total: 7 } : camera(url.pathname.slice(-2)))
    asked = []
    await passes(500)
    expect(asked.length).toBeLessThan(30)
    expect(reach.value).toEqual({ n: 5_014, isExact: false })
  })
})
