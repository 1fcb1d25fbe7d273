// The sentence that describes the state of all cameras.
import { useI18n } from 'vue-i18n'
import { useFormat } from '@/blocks/format'

/** Numbers of cameras. */
export interface Standing {
  /** The cameras that are not paused. */
  watched: number
  normal: number
  /** The cameras that need action. */
  urgent: number
  unknown: number
  /** The cameras that were not checked for a day. */
  old: number
}

export function useSentence(): (standing: Standing) => string {
  const { t } = useI18n()
  const { count } = useFormat()
  return ({ watched, normal, urgent, unknown, old }) => {
    // Each text gets its own object of values: vue-i18n stores the number of the plural in it, and would use it again.
    const parts = [t('overview.fine', { normal: count(normal), all: count(watched) }, normal)]
    if (urgent) parts.push(t('overview.need', { people: count(urgent) }, urgent))
    if (unknown) parts.push(t('overview.unknown', { unknown: count(unknown) }, unknown))
    if (old) parts.push(t('overview.old', { n: count(old) }, old))
    if (parts.length === 1 && watched) return t('overview.allFine', { all: count(watched) }, watched)
    return parts.join(t('overview.join')) + t('overview.stop')
  }
}
