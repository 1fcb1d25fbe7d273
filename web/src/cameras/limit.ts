// The threshold of a chart, which a person may move: where a value stands, and which values it can take.
import { tidy, stepOf } from '@/replay/replay'

/** The plot of a chart: the values at its edges, and its place in pixels from the top of the chart. */
export interface Plot {
  low: number
  high: number
  top: number
  height: number
}

/** The steps of a threshold: fine enough for every pixel or so, and without odd digits. */
export function stepIn({ low, high }: Plot): number {
  return stepOf(high - low)
}

function within(value: number, { low, high }: Plot): number {
  return Math.min(high, Math.max(low, value))
}

/** The place of a value, in pixels from the top of the chart. A value beyond an edge stands at the edge. */
export function topOf(value: number, plot: Plot): number {
  const span = plot.high - plot.low
  return span > 0 ? plot.top + ((plot.high - within(value, plot)) / span) * plot.height : plot.top
}

/** The value at a place. */
export function valueAt(top: number, plot: Plot): number {
  const value = plot.high - ((top - plot.top) / plot.height) * (plot.high - plot.low)
  return within(tidy(value, stepIn(plot)), plot)
}

/** The value that some steps lead to. */
export function stepped(value: number, steps: number, plot: Plot): number {
  const step = stepIn(plot)
  return within(tidy(value + steps * step, step), plot)
}
