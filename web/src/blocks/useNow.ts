// One clock for everything that shows an age.
import { onScopeDispose, ref, type Ref } from 'vue'

const now = ref(Date.now())
let users = 0
let timer: ReturnType<typeof setInterval> | undefined

export function useNow(): Ref<number> {
  users += 1
  now.value = Date.now()
  timer ??= setInterval(() => (now.value = Date.now()), 5_000)
  onScopeDispose(() => {
    users -= 1
    if (users === 0) {
      clearInterval(timer)
      timer = undefined
    }
  })
  return now
}
