// The findings of one camera over the chosen time.
import { useQuery } from '@tanstack/vue-query'
import { computed, toValue, type MaybeRefOrGetter } from 'vue'
import { loadResults } from '@/api/queries'

export const RANGES = { day: 24, days3: 72, week: 168 } as const
export type Range = keyof typeof RANGES

/** More findings than this would take too long to fetch one by one; the page then says from when on it shows them. */
const MOST = 6_000

export function useHistory(camera: MaybeRefOrGetter<string>, range: MaybeRefOrGetter<Range>) {
  return useQuery({
    queryKey: ['results', computed(() => toValue(camera)), computed(() => toValue(range))],
    queryFn: ({ signal }) => {
      const hours = RANGES[toValue(range)] ?? RANGES.day
      const since = new Date(Date.now() - hours * 3_600_000).toISOString()
      return loadResults({ camera_id: toValue(camera), since }, MOST, signal)
    },
    staleTime: 30_000,
    refetchInterval: 120_000,
    // Another span of the same camera may show what is known meanwhile; another camera may not.
    placeholderData: (known, query) => (query?.queryKey[1] === toValue(camera) ? known : undefined),
    shallow: true,
  })
}

/** The last checks, however long ago they were. */
export function useLatest(camera: MaybeRefOrGetter<string>) {
  return useQuery({
    queryKey: ['results', computed(() => toValue(camera)), 'latest'],
    queryFn: ({ signal }) => loadResults({ camera_id: toValue(camera) }, 60, signal),
    staleTime: 30_000,
    shallow: true,
  })
}

/** One check by its job, however long ago it was. */
export function useLinked(camera: MaybeRefOrGetter<string>, job: MaybeRefOrGetter<string>) {
  return useQuery({
    queryKey: ['results', computed(() => toValue(camera)), 'check', computed(() => toValue(job))],
    queryFn: ({ signal }) => loadResults({ camera_id: toValue(camera), job_id: toValue(job) }, 200, signal),
    enabled: computed(() => Boolean(toValue(job))),
    staleTime: 60_000,
    shallow: true,
  })
}
