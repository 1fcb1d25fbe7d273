// A list whose rows do not move while a person reads it: new items are shown when the person asks for them.
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
  /** True also if an item was removed or has another position. */
  const changed = computed(
    () => shown.value.length !== ids.value.length || shown.value.some((id, at) => id !== ids.value[at]),
  )
  function renew(): void {
    held.value = ready.value ? ids.value : undefined
  }
  /** Appends the next page of the list. */
  function extend(more: string[]): void {
    if (!held.value) return
    const known = new Set(held.value)
    held.value = [...held.value, ...more.filter((id) => !known.has(id))]
  }
  /** Removes deleted entries. */
  function drop(ids: string[]): void {
    const dropped = new Set(ids)
    held.value = held.value?.filter((id) => !dropped.has(id))
  }
  /** Shows the current list, with all its later changes, until the next hold. */
  function release(): void {
    held.value = undefined
  }
  return { shown, fresh, changed, renew, extend, drop, release }
}
