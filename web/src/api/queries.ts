// The queries of the pages, one function for each resource. Query keys begin with the name of the resource, so that a
// live event can refresh them.
import { keepPreviousData, useQuery } from '@tanstack/vue-query'
import { computed, toValue, type MaybeRefOrGetter } from 'vue'
import { zone } from '@/blocks/format'
import { api, take } from './client'
import type {
  Activation,
  AuditEntry,
  BaselineInfo,
  Camera,
  CameraGroup,
  DayOverview,
  Job,
  JobState,
  MasterStatus,
  Node,
  Overview,
  Page,
  Plugin,
  PluginUsage,
  Result,
  Run,
  RunState,
  ShadowReport,
  Task,
  TokenInfo,
  UserInfo,
} from './types'

const MINUTE = 60_000

export function useMaster() {
  return useQuery({
    queryKey: ['master'],
    queryFn: () => take<MasterStatus>(api.GET('/api/v1/diagnosis/workers/status')),
    refetchInterval: 20_000,
    retry: false,
  })
}

/** Requests up to this many cameras that need action: more than a page shows at once. */
const ACT = 60

export function useOverview() {
  return useQuery({
    queryKey: ['overview'],
    queryFn: ({ signal }) => take<Overview>(api.GET('/api/v1/overview', { params: { query: { act: ACT } }, signal })),
    refetchInterval: MINUTE,
  })
}

/** The last days, in the time zone of the browser. The master counts once an hour. */
export function useDays(days: number) {
  return useQuery({
    queryKey: ['days', days],
    queryFn: () =>
      take<DayOverview[]>(api.GET('/api/v1/overview/days', { params: { query: { days, time_zone: zone } } })),
    refetchInterval: 10 * MINUTE,
    staleTime: MINUTE,
  })
}

export function useCamera(id: MaybeRefOrGetter<string>) {
  return useQuery({
    queryKey: ['camera', computed(() => toValue(id))],
    queryFn: () => take<Camera>(api.GET('/api/v1/diagnosis/cameras/{id}', { params: { path: { id: toValue(id) } } })),
    refetchInterval: MINUTE,
  })
}

export function useGroups() {
  return useQuery({
    queryKey: ['groups'],
    queryFn: () => take<CameraGroup[]>(api.GET('/api/v1/diagnosis/camera-groups')),
    staleTime: MINUTE,
  })
}

export function useBaselines(id: MaybeRefOrGetter<string>) {
  return useQuery({
    queryKey: ['baselines', computed(() => toValue(id))],
    queryFn: () =>
      take<BaselineInfo[]>(
        api.GET('/api/v1/diagnosis/cameras/{id}/baseline', { params: { path: { id: toValue(id) } } }),
      ),
  })
}

/** All tasks. A site usually has dozens, so one page of a thousand is normally enough. */
export function useTasks() {
  return useQuery({
    queryKey: ['tasks'],
    queryFn: () =>
      collect<Task>((after) =>
        take(api.GET('/api/v1/diagnosis/tasks', { params: { query: { limit: 1_000, after } } })),
      ),
    refetchInterval: MINUTE,
  })
}

export function useTask(id: MaybeRefOrGetter<string | undefined>) {
  return useQuery({
    queryKey: ['task', computed(() => toValue(id))],
    queryFn: () => take<Task>(api.GET('/api/v1/diagnosis/tasks/{id}', { params: { path: { id: toValue(id) ?? '' } } })),
    enabled: computed(() => toValue(id) !== undefined),
    refetchInterval: MINUTE,
  })
}

export interface RunFilter {
  task?: string
  state?: RunState
  /** Only runs that have ended with failed jobs. */
  failed?: boolean
  /** Only runs that have not ended, or have ended at this time or later. */
  since?: string
  after?: string
  limit?: number
}

export function useRuns(
  filter: MaybeRefOrGetter<RunFilter>,
  everyMs: number = MINUTE,
  enabled: MaybeRefOrGetter<boolean> = true,
) {
  return useQuery({
    enabled: computed(() => toValue(enabled)),
    queryKey: ['runs', computed(() => toValue(filter))],
    queryFn: () => {
      const { task, state, failed, since, after, limit = 50 } = toValue(filter)
      const query = { task_id: task, state, failed, since, after, limit }
      return take<Page<Run>>(api.GET('/api/v1/diagnosis/runs', { params: { query } }))
    },
    refetchInterval: everyMs,
    placeholderData: keepPreviousData,
  })
}

export function useRun(id: MaybeRefOrGetter<string | undefined>) {
  return useQuery({
    queryKey: ['run', computed(() => toValue(id))],
    queryFn: () => take<Run>(api.GET('/api/v1/diagnosis/runs/{id}', { params: { path: { id: toValue(id) ?? '' } } })),
    enabled: computed(() => toValue(id) !== undefined),
    // The stream has events for the beginning and the end of a run, but not for its progress.
    refetchInterval: (query) => (isOpen(query.state.data) ? 1_500 : false),
  })
}

export function isOpen(run: Run | undefined): boolean {
  return run?.state === 'running' || run?.state === 'waiting'
}

export function useJobs(
  run: MaybeRefOrGetter<string>,
  state: MaybeRefOrGetter<JobState | undefined>,
  open: MaybeRefOrGetter<boolean>,
  enabled: MaybeRefOrGetter<boolean> = true,
) {
  return useQuery({
    queryKey: ['jobs', computed(() => toValue(run)), computed(() => toValue(state))],
    queryFn: () =>
      take<Page<Job>>(
        api.GET('/api/v1/diagnosis/runs/{id}/jobs', {
          params: { path: { id: toValue(run) }, query: { state: toValue(state), limit: 500 } },
        }),
      ),
    enabled: computed(() => toValue(enabled)),
    refetchInterval: computed(() => (toValue(open) ? 3_000 : false)),
    placeholderData: (known, query) => (query?.queryKey[1] === toValue(run) ? known : undefined),
  })
}

export function usePlugins() {
  return useQuery({
    queryKey: ['plugins'],
    queryFn: () => take<Plugin[]>(api.GET('/api/v1/plugins')),
    staleTime: MINUTE,
  })
}

export function useActivations() {
  return useQuery({
    queryKey: ['activations'],
    queryFn: () => take<Activation[]>(api.GET('/api/v1/plugins/diagnoses')),
  })
}

export function useUsage(digest: MaybeRefOrGetter<string>) {
  return useQuery({
    queryKey: ['usage', computed(() => toValue(digest))],
    queryFn: () =>
      take<PluginUsage>(api.GET('/api/v1/plugins/{digest}/usage', { params: { path: { digest: toValue(digest) } } })),
  })
}

export function useShadow(digest: MaybeRefOrGetter<string>) {
  return useQuery({
    queryKey: ['shadow', computed(() => toValue(digest))],
    queryFn: () =>
      take<ShadowReport>(api.GET('/api/v1/plugins/{digest}/shadow', { params: { path: { digest: toValue(digest) } } })),
    retry: false,
  })
}

export function useNodes() {
  return useQuery({
    queryKey: ['nodes'],
    queryFn: () => take<Node[]>(api.GET('/api/v1/diagnosis/workers/distributed')),
    refetchInterval: 10_000,
  })
}

export function useTokens() {
  return useQuery({
    queryKey: ['tokens'],
    queryFn: () => take<TokenInfo[]>(api.GET('/api/v1/tokens')),
    retry: false,
  })
}

export function useUsers() {
  return useQuery({
    queryKey: ['users'],
    queryFn: () => take<UserInfo[]>(api.GET('/api/v1/users')),
    retry: false,
  })
}

export interface AuditFilter {
  who?: string
  action?: string
  object?: string
  since?: string
  until?: string
  q?: string
}

export function useAudit(filter: MaybeRefOrGetter<AuditFilter & { after?: string }>) {
  return useQuery({
    queryKey: ['audit', computed(() => toValue(filter))],
    queryFn: async () => {
      const query = { ...toValue(filter), limit: 50 }
      // The master can answer in CSV too, but only to those who ask for it.
      return (await take<Page<AuditEntry> | string>(
        api.GET('/api/v1/audit', { params: { query } }),
      )) as Page<AuditEntry>
    },
    retry: false,
    placeholderData: keepPreviousData,
  })
}

export interface ResultFilter {
  camera_id?: string
  job_id?: string
  diagnosis?: string
  status?: string
  since?: string
}

/** Up to `most` findings, latest first. `complete` is false if there are more. */
export async function loadResults(filter: ResultFilter, most: number, signal?: AbortSignal) {
  const items: Result[] = []
  let after: string | undefined
  do {
    const limit = Math.min(1_000, most - items.length)
    const query = { ...filter, after, limit }
    // The master can answer in CSV too, but only to those who ask for it.
    const page = (await take<Page<Result> | string>(
      api.GET('/api/v1/diagnosis/results', { params: { query }, signal }),
    )) as Page<Result>
    items.push(...page.items)
    after = page.next ?? undefined
  } while (after && items.length < most)
  return { items, complete: !after }
}

/** Reads all pages of a list. */
export async function collect<T>(page: (after?: string) => Promise<Page<T>>): Promise<T[]> {
  const items: T[] = []
  let after: string | undefined
  do {
    const one = await page(after)
    items.push(...one.items)
    after = one.next ?? undefined
  } while (after)
  return items
}
