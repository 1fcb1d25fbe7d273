import { onScopeDispose, watch, type Ref } from 'vue'

/** Listens to an element for as long as it exists. */
export function useEventListener(
  target: Ref<HTMLElement | null>,
  kind: string,
  heard: (event: Event) => void,
  options?: AddEventListenerOptions,
): void {
  const stop = watch(
    target,
    (now, before) => {
      before?.removeEventListener(kind, heard)
      now?.addEventListener(kind, heard, options)
    },
    { immediate: true },
  )
  onScopeDispose(() => {
    stop()
    target.value?.removeEventListener(kind, heard)
  })
}
