// A word for the camera's state that is more exact than the usual one, if there is one.
import { useI18n } from 'vue-i18n'
import type { Camera } from '@/api/types'
import { healthOf } from './health'

export function useHealthWord() {
  const { t } = useI18n()
  return (camera: Camera): string => {
    const health = healthOf(camera)
    if (health === 'offline' && camera.lost?.connects) return t('mark.noPicture')
    if (health === 'unknown' && !camera.checked_at) return t('mark.unchecked')
    return t(`mark.${health}`)
  }
}
