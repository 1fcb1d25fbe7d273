// The finding that describes in words what is wrong with a camera. The camera itself only has the cause and its
// beginning.
import { useQuery } from '@tanstack/vue-query'
import { computed, toValue, type MaybeRefOrGetter } from 'vue'
import { loadResults } from '@/api/queries'
import type { Camera, Result } from '@/api/types'
import { findCause } from './useCause'

export interface Explanation {
  finding: Result
  /** When the fault began, if the camera does not have this time. */
  since?: string
  /** False if the fault may have begun earlier. */
  isSure: boolean
}

export async function explain(camera: Camera, signal?: AbortSignal): Promise<Explanation | null> {
  const { id, cause, status } = camera
  if (cause && status) {
    const latest = await loadResults({ camera_id: id, diagnosis: cause, status }, 1, signal)
    const finding = latest.items[0]
    return finding ? { finding, isSure: true } : null
  }
  // The master has not recorded the cause yet; it does so at the next check.
  const found = await findCause(camera, signal)
  return found && { finding: found.finding, since: found.first.captured_at, isSure: found.sinceIsKnown }
}

export function useExplanation(camera: MaybeRefOrGetter<Camera>, wanted: MaybeRefOrGetter<boolean>) {
  const id = computed(() => toValue(camera).id)
  // The key contains the state, because another state has another explanation.
  const state = computed(() => `${toValue(camera).status ?? ''} ${toValue(camera).cause ?? ''}`)
  return useQuery({
    queryKey: ['cause', id, 'words', state],
    queryFn: ({ signal }) => explain(toValue(camera), signal),
    enabled: computed(() => toValue(wanted)),
    staleTime: 60_000,
  })
}
