// Draws only the visible rows of a long list. All rows have the same height.
import { useEventListener } from '@/blocks/useEventListener'
import { computed, onMounted, onUnmounted, ref, type Ref } from 'vue'

/** The number of rows drawn above and below the visible ones, so that scrolling shows no gap. */
const SPARE = 6

export function useVirtual(box: Ref<HTMLElement | null>, rows: Ref<number>, height: Ref<number>) {
  const top = ref(0)
  const seen = ref(800)
  const width = ref(1_000)
  let observer: ResizeObserver | undefined

  function measure(): void {
    if (!box.value) return
    top.value = box.value.scrollTop
    seen.value = box.value.clientHeight
    width.value = box.value.clientWidth
  }
  useEventListener(box, 'scroll', measure, { passive: true })
  onMounted(() => {
    observer = new ResizeObserver(measure)
    if (box.value) observer.observe(box.value)
    measure()
  })
  onUnmounted(() => observer?.disconnect())

  const first = computed(() => Math.max(0, Math.floor(top.value / height.value) - SPARE))
  const last = computed(() => Math.min(rows.value, Math.ceil((top.value + seen.value) / height.value) + SPARE))
  const total = computed(() => rows.value * height.value)
  const offset = computed(() => first.value * height.value)

  return { first, last, total, offset, width }
}
