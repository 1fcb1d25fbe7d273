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
  /** True also where something is gone or lies in another place. */
  const changed = computed(
    () => shown.value.length !== ids.value.length || shown.value.some((id, at) => id !== ids.value[at]),
  )
  function renew(): void {
    held.value = ready.value ? ids.value : undefined
  }
  return { shown, fresh, changed, renew }
}
