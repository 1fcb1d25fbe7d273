// All cameras, for the pages that need every name. Other lists of cameras are read page by page: `useCameraList.ts`.
import { useQuery, type QueryClient } from '@tanstack/vue-query'
import { computed, shallowRef } from 'vue'
import { api, take } from '@/api/client'
import type { Camera, Page } from '@/api/types'
import { newest, noteAlone } from './alone'
import { replaceListed } from './useCameraList'

const PAGE = 1_000
/** A list with more cameras than this counts as long, and is read less often. */
export const LONG_LIST = 2_000
const INTERVAL_MS = 60_000
const LONG_INTERVAL_MS = 300_000

/** The cameras of the pages that have arrived so far during the first load. */
const arriving = shallowRef<Camera[]>([])

async function loadAll(signal: AbortSignal): Promise<Camera[]> {
  const all: { camera: Camera; askedAt: number }[] = []
  const present = (): Camera[] => all.map(({ camera, askedAt }) => newest(camera, askedAt))
  arriving.value = []
  let after: string | undefined
  do {
    const query = { limit: PAGE, after }
    const askedAt = Date.now()
    const page = await take<Page<Camera>>(api.GET('/api/v1/diagnosis/cameras', { params: { query }, signal }))
    all.push(...page.items.map((camera) => ({ camera, askedAt })))
    arriving.value = present()
    after = page.next ?? undefined
  } while (after)
  return present()
}

export function useCameras() {
  const query = useQuery({
    queryKey: ['cameras'],
    queryFn: ({ signal }) => loadAll(signal),
    staleTime: 30_000,
    refetchInterval: ({ state }) => {
      const every = (state.data?.length ?? 0) > LONG_LIST ? LONG_INTERVAL_MS : INTERVAL_MS
      if (!state.data || state.fetchStatus === 'fetching') return every
      // A change of one camera restarts this timer, so the interval is counted from the last read of the whole list.
      const readAt = Math.max(state.dataUpdatedAt, state.errorUpdatedAt)
      return Math.min(every, Math.max(1_000, every - (Date.now() - readAt)))
    },
    shallow: true,
  })
  const cameras = computed(() => query.data.value ?? arriving.value)
  const isComplete = computed(() => query.data.value !== undefined)
  return { ...query, cameras, isComplete }
}

/** Puts the current state of one camera into the list, so that one finding does not reload ten thousand cameras. */
export async function refreshCamera(client: QueryClient, id: string): Promise<void> {
  const camera = await take<Camera>(api.GET('/api/v1/diagnosis/cameras/{id}', { params: { path: { id } } })).catch(
    () => undefined,
  )
  if (!camera) return
  noteAlone(camera)
  client.setQueryData(['camera', id], camera)
  replaceListed(client, camera)
  const list = client.getQueryCache().find<Camera[]>({ queryKey: ['cameras'] })
  if (!list?.state.data?.some((one) => one.id === id)) return
  // The list as a whole is not newer after this, and its error still holds: its age and its last error stay.
  list.setState({ data: list.state.data.map((one) => (one.id === id ? camera : one)) })
}
