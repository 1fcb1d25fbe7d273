// Times in a time zone that is not the browser's.
import { useFormat } from '@/blocks/format'

/** True if the browser knows this time zone. */
export function isZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: name })
    return true
  } catch {
    return false
  }
}

/** True if clocks in both zones show the same at this time. */
export function showsSame(at: string, one: string, other: string): boolean {
  const shown = (timeZone: string): string =>
    new Intl.DateTimeFormat('en', { timeZone, dateStyle: 'short', timeStyle: 'medium' }).format(new Date(at))
  return shown(one) === shown(other)
}

export function useMoment() {
  const { tag } = useFormat()
  /** Weekday, date and time in a zone, with the year only if it is not the current one. */
  return (at: string, timeZone: string, seconds: boolean): string => {
    const date = new Date(at)
    const year = date.getFullYear() === new Date().getFullYear() ? undefined : 'numeric'
    return new Intl.DateTimeFormat(tag(), {
      timeZone,
      year,
      weekday: 'short',
      month: 'short',
      day: 'numeric',
      hour: '2-digit',
      minute: '2-digit',
      second: seconds ? '2-digit' : undefined,
      hourCycle: 'h23',
    }).format(date)
  }
}
