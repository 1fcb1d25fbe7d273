// The master's answers about limits and replays. Answers are kept for a while, because a slider may return to a value.
import { useQuery } from '@tanstack/vue-query'
import { computed, toValue, type MaybeRefOrGetter } from 'vue'
import { api, take } from '@/api/client'
import type { MetricLimit, Replay, ReplayLimits } from '@/api/types'
import { nameOf, scopeQuery, type Scope } from './replay'

/** The largest number of cameras in an answer: more than a person looks through at once. */
const CAMERAS = 100
const KEPT_MS = 300_000

export interface Question {
  limit: MetricLimit
  from?: number
  threshold: number
}

export function useLimits(scope: MaybeRefOrGetter<Scope>) {
  return useQuery({
    queryKey: ['replay-limits', computed(() => scopeQuery(toValue(scope)))],
    queryFn: ({ signal }) =>
      take<ReplayLimits>(
        api.GET('/api/v1/diagnosis/replay/limits', { params: { query: scopeQuery(toValue(scope)) }, signal }),
      ),
    enabled: computed(() => Boolean(toValue(scope).diagnosis)),
    staleTime: KEPT_MS,
    shallow: true,
  })
}

export function useReplay(scope: MaybeRefOrGetter<Scope>, question: MaybeRefOrGetter<Question | undefined>) {
  const asked = computed(() => {
    const one = toValue(question)
    return one && { limit: nameOf(one.limit), from: one.from, threshold: one.threshold }
  })
  return useQuery({
    queryKey: ['replay', computed(() => scopeQuery(toValue(scope))), asked],
    queryFn: ({ signal }) => {
      const one = toValue(question)
      const query = {
        ...scopeQuery(toValue(scope)),
        metric: one?.limit.metric ?? '',
        side: one?.limit.side,
        from: one?.from,
        threshold: one?.threshold ?? 0,
        limit: CAMERAS,
      }
      return take<Replay>(api.GET('/api/v1/diagnosis/replay', { params: { query }, signal }))
    },
    enabled: computed(() => toValue(question) !== undefined),
    staleTime: KEPT_MS,
    // While a slider moves, the page shows the numbers of its previous position.
    placeholderData: (known: Replay | undefined, before) =>
      JSON.stringify(before?.queryKey[1]) === JSON.stringify(scopeQuery(toValue(scope))) ? known : undefined,
    shallow: true,
  })
}
