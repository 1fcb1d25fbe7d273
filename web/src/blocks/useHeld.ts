// A list that does not move under the finger: what is new waits until the person asks for it.
import { computed, ref, watch, type Ref } from 'vue'

export function useHeld(ids: Ref<string[]>, ready: Ref<boolean>) {
  const held = ref<string[]>()
  watch(
    [ids, ready],
    () => {
      if (ready.value) held.value ??= ids.value
    },
    { immediate: true },
  )
  const shown = computed(() => held.value ?? ids.value)
  const fresh = computed(() => {
    const known = new Set(shown.value)
    return ids.value.filter((id) => !known.has(id)).length
  })
  function renew(): void {
    held.value = ids.value
  }
  return { shown, fresh, renew }
}
