// Cameras that stay on the screen although they are no longer in the list: each of them is read on its own.
import { useQueries } from '@tanstack/vue-query'
import { computed, watch, type ComputedRef, type Ref } from 'vue'
import type { Camera } from '@/api/types'
import { readCamera } from './change'

/** If more cameras than this have left the list, the others keep their last known state. */
const MOST_ALONE = 60

/** The cameras on the screen, by id: from the list, or read on their own. */
export function useKnown(held: Ref<string[]>, listed: Ref<Camera[]>): ComputedRef<Map<string, Camera>> {
  let last = new Map<string, Camera>()
  const here = computed(() => new Map(listed.value.map((one) => [one.id, one])))
  watch(
    here,
    (now, before) => {
      const kept = held.value.flatMap((id) => before?.get(id) ?? last.get(id) ?? [])
      last = new Map([...kept.map((one) => [one.id, one] as const), ...now])
    },
    { immediate: true, flush: 'sync' },
  )
  const gone = computed(() => held.value.filter((id) => !here.value.has(id)))
  const alone = useQueries({
    queries: computed(() =>
      gone.value.slice(0, MOST_ALONE).map((id) => ({
        queryKey: ['camera', id],
        queryFn: () => readCamera(id),
        retry: false,
        staleTime: 5_000,
      })),
    ),
  })
  return computed(() => {
    const known = new Map(here.value)
    gone.value.forEach((id, at) => {
      const read = alone.value[at]
      // A camera that was deleted is removed.
      const camera = read?.data ?? (read?.isError ? undefined : last.get(id))
      if (camera) known.set(id, camera)
    })
    return known
  })
}
