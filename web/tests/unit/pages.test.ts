// Lists of cameras, page by page: which requests are sent, and how often.
import { QueryClient, VueQueryPlugin } from '@tanstack/vue-query'
import { mount } from '@vue/test-utils'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { computed, defineComponent, ref } from 'vue'
import type { Camera } from '@/api/types'
import { refreshCamera } from '@/cameras/cameras'
import { dropListed, LISTED, loadedPages, useCameraList } from '@/cameras/useCameraList'
import { explain } from '@/cameras/useExplanation'
import { useKnown } from '@/cameras/useKnown'
import { paced } from '@/live/paced'
import { session } from '@/session/session'
import { camera, finding } from './camera'

let answer: (url: URL) => unknown
let asked: URL[]

beforeEach(() => {
  vi.useFakeTimers()
  asked = []
  session.state.value = 'in'
  session.open.value = true
  vi.stubGlobal('fetch', async (request: Request) => {
    const url = new URL(request.url)
    asked.push(url)
    const found = await answer(url)
    return found === undefined
      ? new Response('{"status":404,"type":"/problems/no-such-camera","title":"","detail":""}', {
          status: 404,
          headers: { 'content-type': 'application/problem+json' },
        })
      : new Response(JSON.stringify(found), { headers: { 'content-type': 'application/json' } })
  })
})
afterEach(() => {
  vi.useRealTimers()
  vi.unstubAllGlobals()
})

function within<T>(client: QueryClient, setup: () => T) {
  const made: T[] = []
  const page = defineComponent({
    setup() {
      made.push(setup())
    },
    template: '<p />',
  })
  const shown = mount(page, { global: { plugins: [[VueQueryPlugin, { queryClient: client }]] } })
  return { found: made[0]!, end: () => shown.unmount() }
}

const numbered = (count: number): string[] => Array.from({ length: count }, (_, at) => `c${at}`)

describe('a list in pages', () => {
  const nothing = { words: '', health: '', group: '', cause: '', sort: 'id' }
  const all: Camera[] = Array.from({ length: 600 }, (_, at) => camera(`c${at}`))
  let client: QueryClient

  beforeEach(() => {
    client = new QueryClient({ defaultOptions: { queries: { retry: false } } })
    answer = (url) => {
      const alone = all.find((one) => url.pathname.endsWith(`/${one.id}`))
      if (alone) return { ...alone, status: 'error' }
      const from = Number(url.searchParams.get('after') ?? 0)
      const end = from + Number(url.searchParams.get('limit'))
      const total = url.searchParams.get('count') === 'true' ? all.length : undefined
      return { items: all.slice(from, end), next: end < all.length ? String(end) : null, total }
    }
  })
  afterEach(() => client.clear())

  it('reads a page when it is wanted, and counts once', async () => {
    const filter = ref(nothing)
    const { found: list, end } = within(client, () => useCameraList(filter))
    await vi.advanceTimersByTimeAsync(10)
    expect(asked).toHaveLength(1)
    expect([list.cameras.value.length, list.total.value, list.hasNextPage.value]).toEqual([250, 600, true])
    await list.fetchNextPage()
    expect(asked.map((url) => url.searchParams.get('count'))).toEqual(['true', 'false'])
    expect([list.cameras.value.length, loadedPages(client)]).toEqual([500, 2])
    await list.loadRest()
    expect([list.cameras.value.length, list.hasNextPage.value]).toEqual([600, false])
    filter.value = { ...nothing, words: 'gate' }
    await vi.advanceTimersByTimeAsync(10)
    expect(asked.at(-1)?.searchParams.get('q')).toBe('gate')
    end()
  })

  it('takes the state of one camera in its place, without another reading of the list', async () => {
    const { end } = within(client, () => useCameraList(ref(nothing)))
    await vi.advanceTimersByTimeAsync(10)
    const list = client.getQueryCache().findAll({ queryKey: LISTED })[0]
    const readAt = list?.state.dataUpdatedAt
    await vi.advanceTimersByTimeAsync(1_000)
    await refreshCamera(client, 'c7')
    const pages = (list?.state.data as { pages: { items: Camera[] }[] }).pages
    expect(pages[0]?.items[7]?.status).toBe('error')
    expect(pages[0]?.items[8]?.status).toBe('normal')
    expect([asked.length, list?.state.dataUpdatedAt]).toEqual([2, readAt])
    end()
  })

  it('keeps the state of a camera that was read alone while a further page was read', async () => {
    const { found: list, end } = within(client, () => useCameraList(ref(nothing)))
    await vi.advanceTimersByTimeAsync(10)
    const pages = answer
    let release = (): void => undefined
    answer = async (url) => {
      const found = pages(url)
      if (url.searchParams.has('after')) await new Promise<void>((resolve) => (release = resolve))
      return found
    }
    const more = list.fetchNextPage()
    await vi.advanceTimersByTimeAsync(10)
    await refreshCamera(client, 'c7')
    release()
    await more
    expect([list.cameras.value.length, list.cameras.value[7]?.status]).toEqual([500, 'error'])
    end()
  })

  it('is not read on for another filter than the one that was to be read whole', async () => {
    const filter = ref(nothing)
    const { found: list, end } = within(client, () => useCameraList(filter))
    await vi.advanceTimersByTimeAsync(10)
    const whole = list.loadRest()
    filter.value = { ...nothing, words: 'gate' }
    expect(await whole).toBe(false)
    await vi.advanceTimersByTimeAsync(10)
    const later = asked.filter((url) => url.searchParams.get('q') === 'gate')
    expect(later.map((url) => url.searchParams.has('after'))).toEqual([false])
    expect(await list.loadRest()).toBe(true)
    expect(list.cameras.value).toHaveLength(600)
    end()
  })

  it('has no camera that was deleted', async () => {
    const { found: list, end } = within(client, () => useCameraList(ref(nothing)))
    await vi.advanceTimersByTimeAsync(10)
    dropListed(client, ['c1', 'c2', 'not listed'])
    expect([list.cameras.value.length, list.total.value]).toEqual([248, 598])
    expect(list.cameras.value.slice(0, 2).map((one) => one.id)).toEqual(['c0', 'c3'])
    end()
  })

  it('shows no row of many cameras that were deleted elsewhere', async () => {
    const held = ref(numbered(150))
    const listed = ref<Camera[]>(held.value.map((id) => camera(id)))
    answer = () => undefined
    const { found, end } = within(client, () => useKnown(held, listed))
    listed.value = []
    expect(found.value.size).toBe(150)
    for (let round = 0; round < 5; round += 1) await vi.advanceTimersByTimeAsync(10)
    expect(found.value.size).toBe(0)
    end()
  })

  it('still shows a held camera that cannot be read now', async () => {
    const listed = ref([camera('c1')])
    answer = () => {
      throw new TypeError('Failed to fetch')
    }
    const { found, end } = within(client, () => useKnown(ref(['c1']), listed))
    listed.value = []
    await vi.advanceTimersByTimeAsync(10)
    expect([...found.value.keys()]).toEqual(['c1'])
    end()
  })

  it('shows a held camera that left the list as it is now, and one that was deleted not at all', async () => {
    const listed = ref([camera('c1', { status: 'error' }), camera('c2', { status: 'error' }), camera('gone')])
    const held = ref(['c1', 'c2', 'gone'])
    answer = (url) => (url.pathname.endsWith('/c2') ? camera('c2', { status: 'normal' }) : undefined)
    const { found, end } = within(client, () => {
      const known = useKnown(held, listed)
      return computed(() => held.value.map((id) => known.value.get(id)?.status))
    })
    expect(found.value).toEqual(['error', 'error', 'normal'])
    listed.value = [camera('c1', { status: 'error' })]
    // Until the answers arrive, the last known states stay.
    expect(found.value).toEqual(['error', 'error', 'normal'])
    await vi.advanceTimersByTimeAsync(10)
    expect(found.value).toEqual(['error', 'normal', undefined])
    expect(asked).toHaveLength(2)
    end()
  })
})

describe('what is wrong with a camera', () => {
  it('is told by the latest finding of its cause, with one request', async () => {
    answer = () => ({ items: [finding('freeze', 'error')], next: null })
    const told = await explain(camera('c', { status: 'error', cause: 'freeze', since: '2026-01-01T00:00:00Z' }))
    expect([told?.finding.diagnosis, told?.isSure]).toEqual(['freeze', true])
    expect(asked.map((url) => Object.fromEntries(url.searchParams))).toEqual([
      { camera_id: 'c', diagnosis: 'freeze', status: 'error', limit: '1' },
    ])
  })

  it('is looked for in the findings where the master has not recorded the cause', async () => {
    answer = () => ({ items: [finding('noise', 'error')], next: null })
    const told = await explain(camera('c', { status: 'error' }))
    expect([told?.finding.diagnosis, told?.since]).toEqual(['noise', '2026-01-02T00:00:00Z'])
  })
})

describe('what is paced', () => {
  it('is done at once, then at most once in each pause, and never after its end', () => {
    const act = vi.fn()
    const { ask, stop } = paced(act, () => 5_000)
    ask()
    expect(act).toHaveBeenCalledTimes(1)
    for (let n = 0; n < 99; n += 1) {
      ask()
      vi.advanceTimersByTime(100)
    }
    expect(act).toHaveBeenCalledTimes(2)
    vi.advanceTimersByTime(60_000)
    expect(act).toHaveBeenCalledTimes(3)
    ask()
    ask()
    stop()
    vi.advanceTimersByTime(60_000)
    expect(act).toHaveBeenCalledTimes(4)
  })
})
