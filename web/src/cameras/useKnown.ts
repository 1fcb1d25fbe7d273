// Cameras that stay on the screen although the list that they were in has them no more: each is then read by itself.
import { useQueries } from '@tanstack/vue-query'
import { computed, watch, type ComputedRef, type Ref } from 'vue'
import type { Camera } from '@/api/types'
import { readCamera } from './change'

/** With more cameras than this that left the list, the others show what was known of them last. */
const MOST_ALONE = 60

/** The cameras that are held, by id: as the list has them, or as they are by themselves. */
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
      // A camera that was deleted is gone.
      const camera = read?.data ?? (read?.isError ? undefined : last.get(id))
      if (camera) known.set(id, camera)
    })
    return known
  })
}
