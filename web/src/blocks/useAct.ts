// One change at a time: its progress, its refusal in words, and its success.
import { ElMessage } from 'element-plus/es/components/message/index'
import 'element-plus/es/components/message/style/css'
import { ref } from 'vue'
import { useI18n } from 'vue-i18n'
import { say, type Said } from '@/api/problem'

export function useAct() {
  const i18n = useI18n()
  const busy = ref(false)
  const refusal = ref<Said>()

  /** Runs a change. Returns its result, or undefined if it was refused or if another one is under way. */
  async function act<T>(change: () => Promise<T>, done?: string): Promise<T | undefined> {
    // Enter, held or pressed twice, comes here although the button is disabled.
    if (busy.value) return undefined
    busy.value = true
    refusal.value = undefined
    try {
      const result = await change()
      if (done) ElMessage({ message: done, type: 'success', grouping: true })
      return result
    } catch (error) {
      refusal.value = say(error, i18n)
      return undefined
    } finally {
      busy.value = false
    }
  }

  /** The same, for a button without a place for its refusal: it is shown over the page. */
  async function actAloud<T>(change: () => Promise<T>, done?: string): Promise<T | undefined> {
    const result = await act(change, done)
    if (refusal.value) {
      const { title, detail } = refusal.value
      ElMessage({ message: detail ? `${title} ${detail}` : title, type: 'error', duration: 8_000, showClose: true })
    }
    return result
  }

  return { busy, refusal, act, actAloud }
}
