// Selects rows of a list; the shift key selects a range.
import { computed, type Ref } from 'vue'
import type { Camera } from '@/api/types'

export function useSelection(selected: Ref<Set<string>>, cameras: () => Camera[]) {
  /** Where a range begins: the camera that was clicked last. Its place may change. */
  let from: string | undefined
  const isAll = computed(() => cameras().length > 0 && cameras().every((one) => selected.value.has(one.id)))
  const isSome = computed(() => !isAll.value && selected.value.size > 0)

  function toggle(id: string, at: number, range: boolean): void {
    const next = new Set(selected.value)
    const wanted = !next.has(id)
    const begin = range ? cameras().findIndex((one) => one.id === from) : -1
    const [low, high] = begin >= 0 ? [Math.min(begin, at), Math.max(begin, at)] : [at, at]
    for (const one of cameras().slice(low, high + 1)) {
      if (wanted) next.add(one.id)
      else next.delete(one.id)
    }
    from = id
    selected.value = next
  }
  return { isAll, isSome, toggle }
}
