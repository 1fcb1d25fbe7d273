// All cameras, once for the whole console. The API lists cameras in the order of their ids and filters them by group,
// status and loss; searching, sorting and counting happen here until it does (see web-api-wishes.md).
import { useQuery, type QueryClient } from '@tanstack/vue-query'
import { computed, shallowRef } from 'vue'
import { api, take } from '@/api/client'
import type { Camera, Page } from '@/api/types'

const PAGE = 1_000

/** The cameras of the pages that have arrived while the first load goes on. */
const arriving = shallowRef<Camera[]>([])

async function loadAll(signal: AbortSignal): Promise<Camera[]> {
  const all: Camera[] = []
  let after: string | undefined
  do {
    const query = { limit: PAGE, after }
    const page = await take<Page<Camera>>(api.GET('/api/v1/diagnosis/cameras', { params: { query }, signal }))
    all.push(...page.items)
    arriving.value = [...all]
    after = page.next ?? undefined
  } while (after)
  arriving.value = []
  return all
}

export function useCameras() {
  const query = useQuery({
    queryKey: ['cameras'],
    queryFn: ({ signal }) => loadAll(signal),
    staleTime: 30_000,
    refetchInterval: (query) => ((query.state.data?.length ?? 0) > 2_000 ? 300_000 : 60_000),
    shallow: true,
  })
  const cameras = computed(() => query.data.value ?? arriving.value)
  const isComplete = computed(() => query.data.value !== undefined)
  return { ...query, cameras, isComplete }
}

/** Puts the present state of one camera into the list, so that one finding does not reload ten thousand cameras. */
export async function refreshCamera(client: QueryClient, id: string): Promise<void> {
  const camera = await take<Camera>(api.GET('/api/v1/diagnosis/cameras/{id}', { params: { path: { id } } })).catch(
    () => undefined,
  )
  if (!camera) return
  client.setQueryData(['camera', id], camera)
  client.setQueryData<Camera[]>(['cameras'], (list) =>
    list?.some((one) => one.id === id) ? list.map((one) => (one.id === id ? camera : one)) : list,
  )
}
