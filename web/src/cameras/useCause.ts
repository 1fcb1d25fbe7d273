// What is wrong with a camera, and since when: the worst finding that is not a consequence of another one.
import { useQuery } from '@tanstack/vue-query'
import { computed, toValue, type MaybeRefOrGetter } from 'vue'
import { loadResults } from '@/api/queries'
import type { Camera, Result } from '@/api/types'
import { byWeight } from './health'

/** Enough for the latest finding of every diagnosis and for some earlier checks. */
const RECENT = 120
const HISTORY = 200
/** Enough for the latest findings of all diagnoses with one status. */
const ALIKE = 50
const MOST_CANDIDATES = 5
/** A finding counts for a camera's status if it is at most this much older than the camera's newest check. */
const COUNTS_MS = 8 * 86_400_000

export interface Cause {
  finding: Result
  /** The first finding of the fault, without a normal finding since. */
  first: Result
  /** False if the fault began before the oldest finding that was read. */
  sinceIsKnown: boolean
}

/** The latest finding of each diagnosis. */
export function latestOfEach(findings: Result[]): Result[] {
  const latest = new Map<string, Result>()
  for (const one of findings) {
    const known = latest.get(one.diagnosis)
    if (!known || one.captured_at > known.captured_at) latest.set(one.diagnosis, one)
  }
  return [...latest.values()]
}

/** Searches for the beginning of a fault. An inconclusive check does not end the fault. */
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

/**
 * True if the finding can be the reason for the camera's status. A finding of a missing picture stops counting with the
 * next picture.
 */
function explains(finding: Result, camera: Camera): boolean {
  return finding.status === camera.status && !finding.consequence_of && (!finding.loss || Boolean(camera.lost))
}

/** The finding that gives the camera its status, among its latest findings. Inconclusive findings are ignored. */
export function explaining(findings: Result[], camera: Camera): Result | undefined {
  const latest = latestOfEach(findings.filter((one) => one.status))
  return latest.filter((one) => explains(one, camera)).sort(byWeight)[0]
}

export async function findCause(camera: Camera, signal?: AbortSignal): Promise<Cause | null> {
  const { status } = camera
  if (!status || status === 'normal') return null
  const historyOf = (diagnosis: string) => loadResults({ camera_id: camera.id, diagnosis }, HISTORY, signal)
  const recent = await loadResults({ camera_id: camera.id }, RECENT, signal)
  const finding = explaining(recent.items, camera)
  if (finding) {
    const history = await historyOf(finding.diagnosis)
    return beginning(finding, history.items, history.complete)
  }
  // If a frequent task checks the camera too, the finding of a rare task may be missing among the latest ones.
  const since = new Date(Date.parse(camera.checked_at ?? camera.updated_at) - COUNTS_MS).toISOString()
  const alike = await loadResults({ camera_id: camera.id, status, since }, ALIKE, signal)
  const candidates = latestOfEach(alike.items.filter((one) => explains(one, camera)))
  for (const { diagnosis } of candidates.slice(0, MOST_CANDIDATES)) {
    const history = await historyOf(diagnosis)
    const latest = explaining(history.items, camera)
    if (latest) return beginning(latest, history.items, history.complete)
  }
  return null
}

export function useCause(camera: MaybeRefOrGetter<Camera>, wanted: MaybeRefOrGetter<boolean> = true) {
  const id = computed(() => toValue(camera).id)
  // The key contains the state, because another state has another cause.
  const state = computed(() => `${toValue(camera).status ?? ''}${toValue(camera).lost ? ' lost' : ''}`)
  return useQuery({
    queryKey: ['cause', id, state],
    queryFn: ({ signal }) => findCause(toValue(camera), signal),
    enabled: computed(() => toValue(wanted)),
    staleTime: 60_000,
  })
}
