// One clock for everything that shows an age. It is the master's, because the times of the API are.
import { computed, onScopeDispose, ref, type ComputedRef } from 'vue'
import { connection } from '@/live/connection'

const here = ref(Date.now())
const now = computed(() => masterTime(here.value))
let users = 0
let timer: ReturnType<typeof setInterval> | undefined

/** What the master's clock says at a moment of the browser's. */
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
