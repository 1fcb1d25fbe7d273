// Runs one change at a time, with its progress, its error message and its success message.
import { ElMessage } from 'element-plus/es/components/message/index'
import 'element-plus/es/components/message/style/css'
import { ref } from 'vue'
import { useI18n } from 'vue-i18n'
import { say, type Said } from '@/api/problem'

export function useAct() {
  const i18n = useI18n()
  const busy = ref(false)
  const refusal = ref<Said>()

  /** Runs a change. Returns its result, or undefined if the change was refused or another one is running. */
  async function act<T>(change: () => Promise<T>, done?: string): Promise<T | undefined> {
    // If Enter is held or pressed twice, this function is called although the button is disabled.
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

  /** Like `act`, for a button that has no place for an error: the message is shown over the page. */
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
