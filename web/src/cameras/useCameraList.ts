// A list of cameras, page by page: the master searches, sorts and counts.
import { keepPreviousData, useInfiniteQuery, type InfiniteData, type QueryClient } from '@tanstack/vue-query'
import { computed, type Ref } from 'vue'
import { api, take } from '@/api/client'
import type { Camera, CameraPage } from '@/api/types'
import { queryOf, type ListFilter } from './list'

/** The key of all lists. It begins with `cameras`, so that a change of cameras also refreshes the lists. */
export const LISTED = ['cameras', 'listed']
const PAGE = 250
const INTERVAL_MS = 60_000

type Pages = InfiniteData<CameraPage, string | undefined>

export function useCameraList(filter: Ref<ListFilter>) {
  const query = useInfiniteQuery({
    queryKey: [...LISTED, filter],
    // The filter is read from the key, because the page may already have the filter of the next list.
    queryFn: ({ queryKey, pageParam, signal }) =>
      take<CameraPage>(
        api.GET('/api/v1/diagnosis/cameras', {
          // The total is requested with the first page only.
          params: {
            query: { ...queryOf(queryKey[2] as ListFilter), limit: PAGE, after: pageParam, count: !pageParam },
          },
          signal,
        }),
      ),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (page: CameraPage) => page.next ?? undefined,
    // Reading a list of many pages takes long, so it is read less often.
    refetchInterval: ({ state }) => INTERVAL_MS * Math.max(1, (state.data as Pages | undefined)?.pages.length ?? 1),
    placeholderData: keepPreviousData,
  })
  const pages = computed(() => query.data.value?.pages ?? [])
  const cameras = computed(() => distinct(pages.value.flatMap((page) => page.items)))
  /** The number of cameras that match, on all pages. */
  const total = computed(() => pages.value[0]?.total ?? undefined)
  /** True if the list belongs to the current filter. While a new list loads, the previous one is shown. */
  const isReady = computed(() => query.data.value !== undefined && !query.isPlaceholderData.value)

  /** Reads all pages that are not read yet. */
  async function loadRest(): Promise<void> {
    while (query.hasNextPage.value && !query.error.value) await query.fetchNextPage()
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

/** Puts the current state of a camera into the lists that contain it. Its position does not change. */
export function replaceListed(client: QueryClient, camera: Camera): void {
  for (const list of lists(client)) {
    const data = list.state.data as Pages | undefined
    if (!data?.pages.some((page) => page.items.some((one) => one.id === camera.id))) continue
    const pages = data.pages.map((page) => ({
      ...page,
      items: page.items.map((one) => (one.id === camera.id ? camera : one)),
    }))
    // The list as a whole is not newer after this, and its error still holds: its age and its last error stay.
    list.setState({ data: { ...data, pages } })
  }
}
