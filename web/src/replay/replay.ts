// Computations of the replay page: the chosen limit, the ends of its slider, and the tasks that can take the new value.
import type { MetricLimit, Replay, Task } from '@/api/types'
import type { Field } from '@/tasks/schema'

/** A limit in the address of the page. */
export function nameOf(limit: Pick<MetricLimit, 'metric' | 'side'>): string {
  return `${limit.metric}:${limit.side}`
}

/**
 * Returns the limit that the address names, by its metric and side or by its metric alone. A metric may have a limit on
 * each side, so the one with the threshold `from` comes first. If the address names none, returns the first limit, which
 * decided the most verdicts.
 */
export function limitOf(limits: MetricLimit[], name: string, from?: number): MetricLimit | undefined {
  const ofMetric = limits.filter((one) => one.metric === name)
  return (
    limits.find((one) => nameOf(one) === name) ??
    ofMetric.find((one) => one.thresholds.some(({ threshold }) => threshold === from)) ??
    ofMetric[0] ??
    (name ? undefined : limits[0])
  )
}

/** The present limit: the chosen one, or the one that decided most verdicts. */
export function presentOf(limit: MetricLimit, from?: number): number | undefined {
  return from ?? limit.thresholds[0]?.threshold
}

/** The nearest value that a setting can take. */
export function settable(
  value: number | undefined,
  bounds?: Pick<Field, 'minimum' | 'maximum' | 'kind'>,
): number | undefined {
  if (value === undefined || !bounds) return value
  const whole = bounds.kind === 'integer' ? Math.round(value) : value
  return Math.min(bounds.maximum ?? Infinity, Math.max(bounds.minimum ?? -Infinity, whole))
}

/** The slider has about this many steps. */
const STEPS = 200

export interface Scale {
  low: number
  high: number
  step: number
}

/** Returns the ends of the slider: what cameras usually measure and the present limits, within the setting's bounds. */
export function scaleOf(limit: MetricLimit, bounds?: Pick<Field, 'minimum' | 'maximum' | 'kind'>): Scale {
  const present = limit.thresholds.map((one) => one.threshold)
  const inner = [limit.usually_from, limit.usually_to, ...present]
  const room = (Math.max(...inner) - Math.min(...inner) || Math.abs(inner[0] ?? 0) || 1) * 0.1
  const within = (value: number): number =>
    Math.min(bounds?.maximum ?? Infinity, Math.max(bounds?.minimum ?? -Infinity, value))
  const [low, high] = [within(Math.min(...inner) - room), within(Math.max(...inner) + room)]
  const whole = bounds?.kind === 'integer'
  const fine = stepOf(high - low)
  const step = whole ? Math.max(1, Math.round(fine)) : fine
  const [from, to] = [Math.floor(low / step) * step, Math.ceil(high / step) * step].map((end) =>
    within(tidy(end, step)),
  )
  return { low: from ?? low, high: to ?? high, step }
}

/** A round step. About `STEPS` of these steps make up the length. */
export function stepOf(length: number): number {
  const rough = 10 ** Math.floor(Math.log10((length || 1) / STEPS))
  return [1, 2, 5, 10].map((one) => one * rough).find((one) => length / one <= STEPS) ?? rough
}

/** Rounds to a step, without the digits that floating-point numbers add. */
export function tidy(value: number, step: number): number {
  const digits = Math.max(0, -Math.floor(Math.log10(step)))
  return Number((Math.round(value / step) * step).toFixed(Math.min(12, digits)))
}

/** The place of a value on the slider, in per cent. Undefined if the value is beyond an end of the slider. */
export function placeOf(value: number, { low, high }: Scale): number | undefined {
  if (value < low || value > high || high <= low) return undefined
  return ((value - low) / (high - low)) * 100
}

/** The diagnosis, the cameras and the days that are replayed, as the address states them. */
export interface Scope {
  diagnosis: string
  task: string
  group: string
  camera: string
  days: string
}

/** The longest time, as the master allows it. */
const MOST_DAYS = 90

export function daysOf(word: string): number {
  const days = Number(word)
  return Number.isInteger(days) && days >= 1 && days <= MOST_DAYS ? days : 30
}

export function scopeQuery({ diagnosis, task, group, camera, days }: Scope) {
  return {
    diagnosis,
    task: task || undefined,
    group: group || undefined,
    camera: camera || undefined,
    days: daysOf(days),
  }
}

/** The share of verdicts that the rule explains, in per cent. Never 100 unless it explains all. */
export function explained({ explained: part, verdicts }: { explained: number; verdicts: number }): number | undefined {
  if (!verdicts) return undefined
  const share = Math.round((part / verdicts) * 1_000) / 10
  return share >= 100 && part < verdicts ? 99.9 : share
}

/** The share of the verdicts beyond the limit that were normal. The higher it is, the less certain new alarms are. */
export function quietShare({ alarms_beyond, quiet_beyond }: Replay): number {
  const all = alarms_beyond + quiet_beyond
  return all ? quiet_beyond / all : 0
}

/** A task whose setting can take the value. */
export interface Target {
  task: Task
  setting: string
  /** The value that the task has now. */
  now: number
}

/**
 * The settings of tasks that can take the value: those whose present value is the present limit. A setting with another
 * value is not the cause of this limit.
 */
export function targetsOf(
  tasks: Task[],
  diagnosis: string,
  limit: MetricLimit,
  fields: Field[],
  from?: number,
): Target[] {
  const present = from === undefined ? limit.thresholds.map((one) => one.threshold) : [from]
  const targets: Target[] = []
  for (const task of tasks) {
    if (task.diagnoses?.length && !task.diagnoses.includes(diagnosis)) continue
    for (const setting of limit.settings) {
      const field = fields.find((one) => one.name === setting)
      const own = task.config?.[diagnosis]?.[setting] ?? field?.usual
      if (typeof own === 'number' && present.includes(own)) targets.push({ task, setting, now: own })
    }
  }
  return targets
}

/** The address of a task's form with the value filled in. */
export function formOf({ task, setting }: Target, diagnosis: string, value: number) {
  return { path: `/tasks/${encodeURIComponent(task.id)}`, query: { diagnosis, setting, value: String(value) } }
}
