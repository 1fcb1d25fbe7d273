// A list of cameras, page by page: the master searches, sorts and counts.
import { keepPreviousData, useInfiniteQuery, type InfiniteData, type QueryClient } from '@tanstack/vue-query'
import { computed, type Ref } from 'vue'
import { api, take } from '@/api/client'
import type { Camera, CameraPage } from '@/api/types'
import { newest } from './alone'
import { queryOf, type ListFilter } from './list'

/** The key of all lists. It begins with `cameras`, so that a change of cameras also refreshes the lists. */
export const LISTED = ['cameras', 'listed']
const PAGE = 250
const INTERVAL_MS = 60_000

type ListedPage = CameraPage & { askedAt: number }
type Pages = InfiniteData<ListedPage, string | undefined>

export function useCameraList(filter: Ref<ListFilter>) {
  const query = useInfiniteQuery({
    queryKey: [...LISTED, filter],
    // The filter is read from the key: `filter` may already be that of another list.
    queryFn: async ({ queryKey, pageParam, signal }): Promise<ListedPage> => {
      const askedAt = Date.now()
      // The total is requested with the first page only.
      const query = { ...queryOf(queryKey[2] as ListFilter), limit: PAGE, after: pageParam, count: !pageParam }
      const page = await take<CameraPage>(api.GET('/api/v1/diagnosis/cameras', { params: { query }, signal }))
      return { ...page, askedAt }
    },
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (page: ListedPage) => page.next ?? undefined,
    // Reading a list of many pages takes long, so it is read less often.
    refetchInterval: ({ state }) => INTERVAL_MS * Math.max(1, (state.data as Pages | undefined)?.pages.length ?? 1),
    placeholderData: keepPreviousData,
  })
  const pages = computed(() => query.data.value?.pages ?? [])
  // If a camera was read on its own after the page was requested, the page's copy of it is older and is not used.
  const cameras = computed(() =>
    distinct(pages.value.flatMap((page) => page.items.map((one) => newest(one, page.askedAt)))),
  )
  /** The number of cameras that match, on all pages. */
  const total = computed(() => pages.value[0]?.total ?? undefined)
  /** True if the list belongs to the current filter. While a new list loads, the previous one is shown. */
  const isReady = computed(() => query.data.value !== undefined && !query.isPlaceholderData.value)

  /** Reads all pages that are not read yet. Returns false if the filter changed meanwhile, or if a page failed. */
  async function loadRest(): Promise<boolean> {
    const wanted = JSON.stringify(filter.value)
    const isSame = (): boolean => JSON.stringify(filter.value) === wanted
    while (isSame() && isReady.value && query.hasNextPage.value) {
      const { isError } = await query.fetchNextPage()
      if (isError) return false
    }
    return isSame() && isReady.value
  }
  return { ...query, cameras, total, isReady, loadRest }
}

/** Removes duplicates: a camera that moves between two pages while they are read is on both. */
function distinct(cameras: Camera[]): Camera[] {
  return [...new Map(cameras.map((one) => [one.id, one])).values()]
}

function lists(client: QueryClient) {
  return client.getQueryCache().findAll({ queryKey: LISTED })
}

/** The number of pages of the longest list on the screen, at least 1. */
export function loadedPages(client: QueryClient): number {
  const shown = lists(client).filter((one) => one.isActive())
  return Math.max(1, ...shown.map((one) => (one.state.data as Pages | undefined)?.pages.length ?? 1))
}

/** A camera, if a list has it. */
export function listed(client: QueryClient, id: string): Camera | undefined {
  for (const list of lists(client))
    for (const page of (list.state.data as Pages | undefined)?.pages ?? []) {
      const camera = page.items.find((one) => one.id === id)
      if (camera) return camera
    }
  return undefined
}

/** Puts the current state of a camera into the lists that contain it. Its position does not change. */
export function replaceListed(client: QueryClient, camera: Camera): void {
  for (const list of lists(client)) {
    const data = list.state.data as Pages | undefined
    if (!data?.pages.some((page) => page.items.some((one) => one.id === camera.id))) continue
    const pages = data.pages.map((page) => ({
      ...page,
      items: page.items.map((one) => (one.id === camera.id ? camera : one)),
    }))
    // The other cameras were not read again. So the list keeps the time of its last reading, and its last error.
    list.setState({ data: { ...data, pages } })
  }
}

/** Takes deleted cameras out of all lists. */
export function dropListed(client: QueryClient, ids: string[]): void {
  const dropped = new Set(ids)
  for (const list of lists(client)) {
    const data = list.state.data as Pages | undefined
    if (!data) continue
    const kept = data.pages.map((page) => page.items.filter((one) => !dropped.has(one.id)))
    const count = data.pages.reduce((sum, page, at) => sum + page.items.length - (kept[at]?.length ?? 0), 0)
    const pages = data.pages.map((page, at) => ({
      ...page,
      items: kept[at] ?? [],
      total: page.total == null ? page.total : page.total - count,
    }))
    list.setState({ data: { ...data, pages } })
  }
}
