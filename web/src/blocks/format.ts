// Formats times, durations and numbers for people. Times are in the browser's time zone.
import { useI18n } from 'vue-i18n'
import type { Text } from '@/api/types'

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR

export const zone = Intl.DateTimeFormat().resolvedOptions().timeZone

type Moment = string | number | Date

export function millis(moment: Moment): number {
  return typeof moment === 'number' ? moment : new Date(moment).getTime()
}

/** A number with as many digits as are useful. */
export function round(value: number): number {
  if (value === 0 || !Number.isFinite(value)) return value
  const digits = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : Math.abs(value) >= 1 ? 2 : 3
  return Number(value.toFixed(digits))
}

export function useFormat() {
  const { t, locale } = useI18n()
  const tag = (): string => (locale.value === 'zh' ? 'zh-CN' : 'en-GB')
  const format = (moment: Moment, options: Intl.DateTimeFormatOptions): string =>
    new Intl.DateTimeFormat(tag(), options).format(millis(moment))

  const clock = (moment: Moment): string => format(moment, { hour: '2-digit', minute: '2-digit', second: '2-digit' })
  const full = (moment: Moment): string => format(moment, { dateStyle: 'medium', timeStyle: 'medium' })

  /** The time if it is today, otherwise date and time. */
  const time = (moment: Moment): string => {
    const at = new Date(millis(moment))
    const today = new Date()
    if (at.toDateString() === today.toDateString()) return format(at, { hour: '2-digit', minute: '2-digit' })
    const year = at.getFullYear() === today.getFullYear() ? undefined : 'numeric'
    return format(at, { year, month: 'short', day: 'numeric', hour: '2-digit', minute: '2-digit' })
  }

  const duration = (ms: number): string => {
    if (ms < 1_000) return t('time.ms', { n: Math.max(0, Math.round(ms)) })
    if (ms < MINUTE) return t('time.seconds', { n: Math.round(ms / 1_000) })
    if (ms < HOUR) return t('time.minutes', { n: Math.round(ms / MINUTE) })
    if (ms < DAY) {
      const hours = Math.floor(ms / HOUR)
      const minutes = Math.round((ms % HOUR) / MINUTE)
      return hours < 6 && minutes > 0 && minutes < 60
        ? t('time.hoursMinutes', { h: hours, m: minutes })
        : t('time.hours', { n: Math.round(ms / HOUR) })
    }
    return t('time.days', { n: Math.floor(ms / DAY) })
  }
  const age = (moment: Moment, now: number): string => {
    const ms = now - millis(moment)
    return ms < 10_000 ? t('time.now') : t('time.ago', { duration: duration(ms) })
  }

  const number = (value: number): string =>
    new Intl.NumberFormat(tag(), { maximumFractionDigits: 3 }).format(round(value))
  const count = (value: number): string => new Intl.NumberFormat(tag()).format(value)
  const bytes = (value: number): string => {
    const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB']
    let unit = 0
    while (value >= 1024 && unit < units.length - 1) {
      value /= 1024
      unit += 1
    }
    return `${number(value)} ${units[unit]}`
  }

  /** A text of the API in the language of the console, or in the other language if there is no such text. */
  const text = (both: Text | undefined): string => {
    if (!both) return ''
    return locale.value === 'zh' ? both.zh || both.en : both.en || both.zh
  }

  return { clock, full, time, duration, age, number, count, bytes, text, tag }
}
