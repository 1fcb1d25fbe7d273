// Selects rows of a list; the shift key selects a range.
import { computed, type Ref } from 'vue'
import type { Camera } from '@/api/types'

export function useSelection(selected: Ref<Set<string>>, cameras: () => Camera[]) {
  let from: number | undefined
  const isAll = computed(() => cameras().length > 0 && cameras().every((one) => selected.value.has(one.id)))
  const isSome = computed(() => !isAll.value && selected.value.size > 0)

  function toggle(id: string, at: number, range: boolean): void {
    const next = new Set(selected.value)
    const wanted = !next.has(id)
    const [low, high] = range && from !== undefined ? [Math.min(from, at), Math.max(from, at)] : [at, at]
    for (const one of cameras().slice(low, high + 1)) {
      if (wanted) next.add(one.id)
      else next.delete(one.id)
    }
    from = at
    selected.value = next
  }
  return { isAll, isSome, toggle }
}
