// The next starts of the schedule in the form, as the master computes them. The master is asked when the person pauses.
import { keepPreviousData, useQuery } from '@tanstack/vue-query'
import { computed, toValue, type MaybeRefOrGetter } from 'vue'
import { api, take } from '@/api/client'
import { ApiError } from '@/api/problem'
import type { operations } from '@/api/schema'
import type { NextStarts, Schedule } from '@/api/types'
import { useSettled } from '@/blocks/useSettled'

export type StartsQuery = operations['tasks_next']['parameters']['query']

/** The number of starts that are shown. */
export const STARTS = 10
const RENEWED_MS = 60_000

/** The schedule as the master takes it. An interval that is stored already goes on from the task's next run. */
export function startsQuery(schedule: Schedule, resumesAt?: string): StartsQuery {
  switch (schedule.kind) {
    case 'once':
      return { kind: 'once', at: schedule.at, count: STARTS }
    case 'interval':
      return {
        kind: 'interval',
        every_s: schedule.every_s,
        starts_at: schedule.starts_at ?? resumesAt,
        count: STARTS,
      }
    case 'cron':
      return { kind: 'cron', expression: schedule.expression, time_zone: schedule.time_zone, count: STARTS }
    default:
      return { kind: 'manual', count: STARTS }
  }
}

export function useStarts(schedule: MaybeRefOrGetter<Schedule>, resumesAt: MaybeRefOrGetter<string | undefined>) {
  const typed = computed(() => JSON.stringify(startsQuery(toValue(schedule), toValue(resumesAt))))
  const asked = useSettled(typed)
  const query = useQuery({
    // An answer belongs to its question: a late one for an earlier schedule is never shown.
    queryKey: ['starts', asked],
    queryFn: ({ queryKey, signal }) => {
      const query = JSON.parse(queryKey[1] as string) as StartsQuery
      return take<NextStarts>(api.GET('/api/v1/diagnosis/schedules/next', { params: { query }, signal }))
    },
    enabled: computed(() => (JSON.parse(asked.value) as StartsQuery).kind !== 'manual'),
    placeholderData: keepPreviousData,
    refetchInterval: RENEWED_MS,
    retry: (failures, error) => !(error instanceof ApiError && error.problem.status < 500) && failures < 2,
  })
  /** True while the shown starts are those of an earlier schedule. */
  const isStale = computed(() => typed.value !== asked.value || query.isPlaceholderData.value)
  /** Why the master refuses a field of the schedule. */
  const fault = computed(() => {
    const { error } = query
    if (typed.value !== asked.value || !(error.value instanceof ApiError)) return undefined
    const { field, detail } = error.value.problem
    return field?.startsWith('/schedule/') ? { field: field.slice('/schedule/'.length), detail } : undefined
  })
  return { ...query, isStale, fault }
}
