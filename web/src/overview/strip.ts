// The strip of days: where its bars begin, and how high they are.
import type { DayOverview } from '@/api/types'

/** Shares at which the bars may begin: of cameras that are nearly all intact, only the upper end tells anything. */
const FLOORS = [0.99, 0.95, 0.9, 0.8, 0.5, 0]

export interface Bar {
  day: string
  online?: number
  intact?: number
  /** The height of the bar, 0 to 1; absent where nothing is known of the day. */
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
  // The lowest bar stays visible, so the bars begin below it.
  const floor = FLOORS.find((one) => one < least) ?? 0
  const bars = days.map(({ day, online, intact }) => ({
    day,
    online: online ?? undefined,
    intact: intact ?? undefined,
    height: typeof intact === 'number' ? (intact - floor) / (1 - floor) : undefined,
  }))
  return { floor, bars }
}
