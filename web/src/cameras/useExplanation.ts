// The finding that says in words what is wrong with a camera. The camera itself names its cause and when it began.
import { useQuery } from '@tanstack/vue-query'
import { computed, toValue, type MaybeRefOrGetter } from 'vue'
import { loadResults } from '@/api/queries'
import type { Camera, Result } from '@/api/types'
import { findCause } from './useCause'

export interface Explanation {
  finding: Result
  /** When the fault began, where the camera does not say it. */
  since?: string
  /** False where the fault began before that. */
  isSure: boolean
}

export async function explain(camera: Camera, signal?: AbortSignal): Promise<Explanation | null> {
  const { id, cause, status } = camera
  if (cause && status) {
    const latest = await loadResults({ camera_id: id, diagnosis: cause, status }, 1, signal)
    const finding = latest.items[0]
    return finding ? { finding, isSure: true } : null
  }
  // The master has not recorded the cause yet: it does so with the next check.
  const found = await findCause(camera, signal)
  return found && { finding: found.finding, since: found.first.captured_at, isSure: found.sinceIsKnown }
}

export function useExplanation(camera: MaybeRefOrGetter<Camera>, wanted: MaybeRefOrGetter<boolean>) {
  const id = computed(() => toValue(camera).id)
  // Another state has another explanation.
  const state = computed(() => `${toValue(camera).status ?? ''} ${toValue(camera).cause ?? ''}`)
  return useQuery({
    queryKey: ['cause', id, 'words', state],
    queryFn: ({ signal }) => explain(toValue(camera), signal),
    enabled: computed(() => toValue(wanted)),
    staleTime: 60_000,
  })
}
