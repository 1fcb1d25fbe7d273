// The history of one camera: timeline and metrics, which the master summarises, and single checks.
import { useQuery } from '@tanstack/vue-query'
import { computed, toValue, type MaybeRefOrGetter } from 'vue'
import { api, take } from '@/api/client'
import { loadResults } from '@/api/queries'
import type { CameraSeries, CameraTimeline } from '@/api/types'

/** The hours of each time span. */
export const RANGES = { day: 24, week: 168, month: 720, days400: 9_600 } as const
export type Range = keyof typeof RANGES

/** The largest number of columns of the timeline. More columns cannot be distinguished. */
const COLUMNS = 120
/** The largest number of buckets of a metric. A bucket has up to three points. */
const BUCKETS = 400

/** The time span that the address names. */
export function rangeOf(word: string): Range {
  return Object.hasOwn(RANGES, word) ? (word as Range) : 'day'
}

function since(range: Range): string {
  return new Date(Date.now() - RANGES[range] * 3_600_000).toISOString()
}

/** The results of the diagnoses in the chosen time span. */
export function useTimeline(camera: MaybeRefOrGetter<string>, range: MaybeRefOrGetter<Range>) {
  return useQuery({
    queryKey: ['trend', computed(() => toValue(camera)), 'timeline', computed(() => toValue(range))],
    queryFn: ({ signal }) =>
      take<CameraTimeline>(
        api.GET('/api/v1/diagnosis/cameras/{id}/timeline', {
          params: { path: { id: toValue(camera) }, query: { since: since(toValue(range)), points: COLUMNS } },
          signal,
        }),
      ),
    staleTime: 30_000,
    refetchInterval: 120_000,
    // While another time span of the same camera loads, the data of the previous one stay; not those of another camera.
    placeholderData: (known, query) => (query?.queryKey[1] === toValue(camera) ? known : undefined),
    shallow: true,
  })
}

/** The metrics of a diagnosis in the chosen time span. */
export function useSeries(
  camera: MaybeRefOrGetter<string>,
  diagnosis: MaybeRefOrGetter<string | undefined>,
  range: MaybeRefOrGetter<Range>,
) {
  return useQuery({
    queryKey: [
      'trend',
      computed(() => toValue(camera)),
      'series',
      computed(() => toValue(diagnosis)),
      computed(() => toValue(range)),
    ],
    queryFn: ({ signal }) =>
      take<CameraSeries>(
        api.GET('/api/v1/diagnosis/cameras/{id}/series', {
          params: {
            path: { id: toValue(camera) },
            query: { diagnosis: toValue(diagnosis) ?? '', since: since(toValue(range)), points: BUCKETS },
          },
          signal,
        }),
      ),
    enabled: computed(() => Boolean(toValue(diagnosis))),
    staleTime: 30_000,
    refetchInterval: 120_000,
    placeholderData: (known, query) =>
      query?.queryKey[1] === toValue(camera) && query.queryKey[3] === toValue(diagnosis) ? known : undefined,
    shallow: true,
  })
}

/** The last checks, regardless of their age. */
export function useLatest(camera: MaybeRefOrGetter<string>) {
  return useQuery({
    queryKey: ['results', computed(() => toValue(camera)), 'latest'],
    queryFn: ({ signal }) => loadResults({ camera_id: toValue(camera) }, 60, signal),
    staleTime: 30_000,
    refetchInterval: 120_000,
    shallow: true,
  })
}

/** One check by its job, regardless of its age. */
export function useLinked(camera: MaybeRefOrGetter<string>, job: MaybeRefOrGetter<string>) {
  return useQuery({
    queryKey: ['results', computed(() => toValue(camera)), 'check', computed(() => toValue(job))],
    queryFn: ({ signal }) => loadResults({ camera_id: toValue(camera), job_id: toValue(job) }, 200, signal),
    enabled: computed(() => Boolean(toValue(job))),
    staleTime: 60_000,
    shallow: true,
  })
}
