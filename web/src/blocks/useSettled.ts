// The typed text, updated when the person pauses, so that not every letter causes a request.
import { onScopeDispose, ref, watch, type Ref } from 'vue'

export function useSettled(typed: Ref<string>, pauseMs = 250): Readonly<Ref<string>> {
  const settled = ref(typed.value)
  let timer: ReturnType<typeof setTimeout> | undefined
  watch(typed, (now) => {
    clearTimeout(timer)
    timer = setTimeout(() => (settled.value = now), pauseMs)
  })
  onScopeDispose(() => clearTimeout(timer))
  return settled
}
