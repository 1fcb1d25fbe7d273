// Schedules in words.
import { useI18n } from 'vue-i18n'
import type { Schedule } from '@/api/types'
import { useFormat } from '@/blocks/format'

const DAY_S = 86_400

export function useScheduleWords() {
  const { t } = useI18n()
  const { full, duration } = useFormat()
  return (schedule: Schedule | undefined): string => {
    switch (schedule?.kind) {
      case 'once':
        return t('schedule.onceAt', { time: full(schedule.at) })
      case 'interval':
        return t('schedule.every', { duration: duration(schedule.every_s * 1_000) })
      case 'cron':
        return t('schedule.cronIn', { expression: schedule.expression, zone: schedule.time_zone ?? 'UTC' })
      default:
        return t('schedule.manual')
    }
  }
}

/** The largest unit that expresses an interval without a fraction. */
export function unitOf(seconds: number): number {
  return [DAY_S, 3_600, 60].find((unit) => seconds >= unit && seconds % unit === 0) ?? 1
}
