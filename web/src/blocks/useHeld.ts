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
  /** Appends what was read on: the next page of the list. */
  function extend(more: string[]): void {
    if (!held.value) return
    const known = new Set(held.value)
    held.value = [...held.value, ...more.filter((id) => !known.has(id))]
  }
  /** Drops what is gone for good. */
  function drop(ids: string[]): void {
    const dropped = new Set(ids)
    held.value = held.value?.filter((id) => !dropped.has(id))
  }
  /** Holds nothing until another list is ready. */
  function release(): void {
    held.value = undefined
  }
  return { shown, fresh, changed, renew, extend, drop, release }
}
