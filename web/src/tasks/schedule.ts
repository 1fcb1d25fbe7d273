// Describes schedules in words.
import { useI18n } from 'vue-i18n'
import type { Schedule } from '@/api/types'
import { useFormat } from '@/blocks/format'

const HOUR_S = 3_600
const DAY_S = 86_400

export function useScheduleWords() {
  const { t } = useI18n()
  const { full } = useFormat()
  /** Not rounded, because schedules are exact. */
  const interval = (seconds: number): string => {
    switch (unitOf(seconds)) {
      case DAY_S:
        return t('time.days', { n: seconds / DAY_S })
      case HOUR_S:
        return t('time.hours', { n: seconds / HOUR_S })
      case 60:
        return seconds > HOUR_S
          ? t('time.hoursMinutes', { h: Math.floor(seconds / HOUR_S), m: (seconds % HOUR_S) / 60 })
          : t('time.minutes', { n: seconds / 60 })
      default:
        return t('time.seconds', { n: seconds })
    }
  }
  return (schedule: Schedule | undefined): string => {
    switch (schedule?.kind) {
      case 'once':
        return t('schedule.onceAt', { time: full(schedule.at) })
      case 'interval':
        return t('schedule.every', { duration: interval(schedule.every_s) })
      case 'cron':
        return t('schedule.cronIn', { expression: schedule.expression, zone: schedule.time_zone ?? 'UTC' })
      default:
        return t('schedule.manual')
    }
  }
}

/** The largest unit that expresses an interval without a fraction. */
export function unitOf(seconds: number): number {
  return [DAY_S, HOUR_S, 60].find((unit) => seconds >= unit && seconds % unit === 0) ?? 1
}
