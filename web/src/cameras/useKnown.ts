// Cameras that stay on the screen although they are no longer in the list: each of them is read on its own.
import { useQueries, useQueryClient } from '@tanstack/vue-query'
import { computed, shallowRef, watch, type ComputedRef, type Ref } from 'vue'
import { isMissing } from '@/api/problem'
import type { Camera } from '@/api/types'
import { readCamera } from './change'

/** If more cameras than this have left the list, the others keep their last known state. */
const MOST_ALONE = 60

/** The cameras on the screen, by id: from the list, or read on their own. */
export function useKnown(held: Ref<string[]>, listed: Ref<Camera[]>): ComputedRef<Map<string, Camera>> {
  const client = useQueryClient()
  let last = new Map<string, Camera>()
  /** Cameras that do not exist any more. */
  const deleted = shallowRef(new Set<string>())
  const here = computed(() => new Map(listed.value.map((one) => [one.id, one])))
  watch(
    here,
    (now, before) => {
      const kept = held.value.flatMap((id) => before?.get(id) ?? last.get(id) ?? [])
      last = new Map([...kept.map((one) => [one.id, one] as const), ...now])
      const back = [...deleted.value].filter((id) => now.has(id))
      if (back.length) deleted.value = new Set([...deleted.value].filter((id) => !now.has(id)))
    },
    { immediate: true, flush: 'sync' },
  )
  const gone = computed(() => held.value.filter((id) => !here.value.has(id)))
  /** A camera that was deleted makes room for the next one. */
  const asked = computed(() => gone.value.filter((id) => !deleted.value.has(id)).slice(0, MOST_ALONE))
  const answers = useQueries({
    queries: computed(() =>
      asked.value.map((id) => ({
        queryKey: ['camera', id],
        queryFn: () => readCamera(id),
        retry: false,
        staleTime: 5_000,
      })),
    ),
  })
  /** The answers by id. They are not taken by position, because their order is that of the former ids for a moment. */
  const read = computed(() => {
    void answers.value
    return new Map(asked.value.map((id) => [id, client.getQueryState<Camera>(['camera', id])]))
  })
  watch(read, (now) => {
    const more = [...now].flatMap(([id, state]) => (isMissing(state?.error) ? [id] : []))
    if (more.length) deleted.value = new Set([...deleted.value, ...more])
  })
  return computed(() => {
    const known = new Map(here.value)
    for (const id of gone.value) {
      const state = read.value.get(id)
      // Deleted cameras are left out.
      if (deleted.value.has(id) || isMissing(state?.error)) continue
      const camera = state?.data ?? last.get(id)
      if (camera) known.set(id, camera)
    }
    return known
  })
}
