// What a schedule costs: how many checks a day, and how much of the nodes they keep busy.
import type { Job } from '@/api/types'

const DAY_S = 86_400
const HOUR_S = 3_600

export interface Cost {
  checksPerDay: number
  /** The hours a day for which a slot of a node is busy. Undefined if no check has been measured. */
  slotHours?: number
  /** `slotHours` as a share of the hours of all slots. Undefined if no check has been measured, or there is no slot. */
  share?: number
}

/** The mean time of the checks of a run, in seconds: from the lease to the end. Undefined if none has ended. */
export function secondsOf(jobs: Pick<Job, 'started_at' | 'finished_at'>[]): number | undefined {
  const times = jobs.flatMap(({ started_at, finished_at }) =>
    started_at && finished_at ? [(Date.parse(finished_at) - Date.parse(started_at)) / 1_000] : [],
  )
  const known = times.filter((one) => one >= 0)
  return known.length ? known.reduce((sum, one) => sum + one, 0) / known.length : undefined
}

export function costOf(cameras: number, perDay: number, seconds?: number, slots = 0): Cost {
  const checksPerDay = cameras * perDay
  if (seconds === undefined) return { checksPerDay }
  const busy = checksPerDay * seconds
  return { checksPerDay, slotHours: busy / HOUR_S, share: slots ? busy / (slots * DAY_S) : undefined }
}
