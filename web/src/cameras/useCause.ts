// What is wrong with a camera, and since when: the worst finding that no other one explains.
import { useQuery } from '@tanstack/vue-query'
import { computed, toValue, type MaybeRefOrGetter } from 'vue'
import { loadResults } from '@/api/queries'
import type { Result } from '@/api/types'
import { rootCause } from './health'

/** Enough for the latest finding of every diagnosis, and for the checks before it. */
const RECENT = 120
const HISTORY = 200

export interface Cause {
  finding: Result
  /** The first of the uninterrupted findings that say the same. */
  first: Result
  /** False where the fault began before the oldest finding that was read. */
  sinceIsKnown: boolean
}

/** The latest finding of each diagnosis. Findings come latest first. */
export function latestOfEach(findings: Result[]): Result[] {
  const latest = new Map<string, Result>()
  for (const one of findings) {
    const known = latest.get(one.diagnosis)
    if (!known || one.captured_at > known.captured_at) latest.set(one.diagnosis, one)
  }
  return [...latest.values()]
}

/** Follows a fault back to its beginning. A check that could not tell does not end it. */
export function beginning(finding: Result, history: Result[], complete: boolean): Cause {
  const before = history
    .filter((one) => one.captured_at <= finding.captured_at)
    .sort((a, b) => b.captured_at.localeCompare(a.captured_at))
  let first = finding
  for (const one of before) {
    if (one.status === 'normal') return { finding, first, sinceIsKnown: true }
    if (one.status) first = one
  }
  return { finding, first, sinceIsKnown: complete }
}

export async function findCause(camera: string, signal?: AbortSignal): Promise<Cause | null> {
  const recent = await loadResults({ camera_id: camera }, RECENT, signal)
  const finding = rootCause(latestOfEach(recent.items))
  if (!finding) return null
  const history = await loadResults({ camera_id: camera, diagnosis: finding.diagnosis }, HISTORY, signal)
  return beginning(finding, history.items, history.complete)
}

export function useCause(camera: MaybeRefOrGetter<string>, wanted: MaybeRefOrGetter<boolean> = true) {
  return useQuery({
    queryKey: ['cause', computed(() => toValue(camera))],
    queryFn: ({ signal }) => findCause(toValue(camera), signal),
    enabled: computed(() => toValue(wanted)),
    staleTime: 60_000,
  })
}
