// The jobs of a run, page by page, the failed ones first. The API can filter jobs by their state, but not sort them: so
// the failed ones are read first, then all, without those that are already listed.
import { useInfiniteQuery, type InfiniteData } from '@tanstack/vue-query'
import { computed, type Ref } from 'vue'
import { api, take } from '@/api/client'
import type { Job, JobState, Page } from '@/api/types'

const PAGE = 200
const INTERVAL_MS = 3_000

interface Place {
  state?: JobState
  after?: string
}
interface JobPage {
  items: Job[]
  next?: Place
}

export interface JobFilter {
  run: string
  state?: JobState
  /** True if the run has failed jobs. */
  failed: boolean
}

async function read(run: string, place: Place, signal: AbortSignal): Promise<Page<Job>> {
  const params = { path: { id: run }, query: { ...place, limit: PAGE } }
  return take<Page<Job>>(api.GET('/api/v1/diagnosis/runs/{id}/jobs', { params, signal }))
}

export function useJobList(filter: Ref<JobFilter>, open: Ref<boolean>) {
  const query = useInfiniteQuery({
    queryKey: ['jobs', 'listed', filter],
    queryFn: async ({ queryKey, pageParam, signal }): Promise<JobPage> => {
      const { run, state, failed } = queryKey[2] as JobFilter
      const place = pageParam ?? { state: state ?? (failed ? 'dead' : undefined) }
      const page = await read(run, place, signal)
      if (page.next) return { items: page.items, next: { ...place, after: page.next } }
      if (state || !place.state) return { items: page.items }
      // The failed ones are complete, and the others follow.
      const others = await read(run, {}, signal)
      return { items: [...page.items, ...others.items], next: others.next ? { after: others.next } : undefined }
    },
    initialPageParam: undefined as Place | undefined,
    getNextPageParam: (page: JobPage) => page.next,
    // Reading many pages takes long, so they are read less often.
    refetchInterval: ({ state }) =>
      open.value && INTERVAL_MS * Math.max(1, (state.data as InfiniteData<JobPage> | undefined)?.pages.length ?? 1),
    placeholderData: (known, former) =>
      (former?.queryKey[2] as JobFilter | undefined)?.run === filter.value.run ? known : undefined,
  })
  const jobs = computed(() => {
    const all = query.data.value?.pages.flatMap((page) => page.items) ?? []
    return [...new Map(all.map((one) => [one.id, one])).values()]
  })
  return { ...query, jobs }
}
