// The person's saved filters, as the master keeps them.
import { useQuery, useQueryClient } from '@tanstack/vue-query'
import { computed } from 'vue'
import { api, take } from '@/api/client'
import type { CameraListFilter, SavedFilter } from '@/api/types'

const KEY = ['camera-filters']
const FILTERS = '/api/v1/diagnosis/camera-filters'
const STALE_MS = 60_000

export function useSaved() {
  const client = useQueryClient()
  const query = useQuery({
    queryKey: KEY,
    queryFn: ({ signal }) => take<SavedFilter[]>(api.GET(FILTERS, { signal })),
    staleTime: STALE_MS,
  })
  const saved = computed(() => [...(query.data.value ?? [])].sort((one, other) => one.name.localeCompare(other.name)))
  /** Changes the list here at once; the next answer of the master confirms it. */
  function put(changed: (list: SavedFilter[]) => SavedFilter[]): void {
    client.setQueryData<SavedFilter[]>(KEY, (known) => changed(known ?? []))
    void client.invalidateQueries({ queryKey: KEY })
  }

  async function add(name: string, filter: CameraListFilter): Promise<SavedFilter> {
    const made = await take<SavedFilter>(api.POST(FILTERS, { body: { name, filter } }))
    put((list) => [...list, made])
    return made
  }
  async function change(id: string, name: string, filter: CameraListFilter): Promise<SavedFilter> {
    const params = { path: { id } }
    const now = await take<SavedFilter>(api.PUT(`${FILTERS}/{id}`, { params, body: { name, filter } }))
    put((list) => list.map((one) => (one.id === id ? now : one)))
    return now
  }
  async function remove(id: string): Promise<void> {
    await take(api.DELETE(`${FILTERS}/{id}`, { params: { path: { id } } }))
    put((list) => list.filter((one) => one.id !== id))
  }
  return { ...query, saved, add, change, remove }
}
