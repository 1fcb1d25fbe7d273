// One clock for all ages that are shown. It shows the master's time, because the times of the API are the master's.
import { computed, onScopeDispose, ref, type ComputedRef } from 'vue'
import { connection } from '@/live/connection'

const here = ref(Date.now())
const now = computed(() => masterTime(here.value))
let users = 0
let timer: ReturnType<typeof setInterval> | undefined

/** The time of the master's clock at a time of the browser's clock. */
export function masterTime(moment: number): number {
  return moment + connection.facts.aheadMs
}

export function useNow(): ComputedRef<number> {
  users += 1
  here.value = Date.now()
  timer ??= setInterval(() => (here.value = Date.now()), 5_000)
  onScopeDispose(() => {
    users -= 1
    if (users === 0) {
      clearInterval(timer)
      timer = undefined
    }
  })
  return now
}
