// The strip of days: the lower end and the heights of its bars.
import type { DayOverview } from '@/api/types'

/**
 * Possible lower ends of the bars. If nearly all cameras are intact, differences are visible only near the upper end.
 */
const FLOORS = [0.99, 0.95, 0.9, 0.8, 0.5, 0]

export interface Bar {
  day: string
  online?: number
  intact?: number
  /** The height of the bar, 0 to 1; absent if there are no data for the day. */
  height?: number
}

export interface Strip {
  /** The share at the lower end of the bars; the upper end is 1. */
  floor: number
  bars: Bar[]
}

export function stripOf(days: DayOverview[]): Strip {
  const known = days.flatMap((one) => one.intact ?? [])
  const least = Math.min(1, ...known)
  // The lower end is below the lowest share, so that the lowest bar stays visible.
  const floor = FLOORS.find((one) => one < least) ?? 0
  const bars = days.map(({ day, online, intact }) => ({
    day,
    online: online ?? undefined,
    intact: intact ?? undefined,
    height: typeof intact === 'number' ? (intact - floor) / (1 - floor) : undefined,
  }))
  return { floor, bars }
}
