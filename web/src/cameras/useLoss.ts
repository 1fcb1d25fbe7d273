// Why a camera gives no picture, in words.
import { useI18n } from 'vue-i18n'

export function useLoss() {
  const { t, te } = useI18n()
  return (reason: string): string => (te(`loss.reason.${reason}`) ? t(`loss.reason.${reason}`) : reason)
}
