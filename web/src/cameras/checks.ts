// Groups the findings of a camera by check: all findings of one clip.
import type { MetricSeries, Result } from '@/api/types'
import { markOf, markOfWord, worse, type FindingMark } from './health'

export interface Check {
  job: string
  run: string
  capturedAt: string
  findings: Result[]
  /** The worst mark of the findings that are not consequences of others. */
  mark: FindingMark
}

/** Groups findings by check, the earliest first. */
export function checksOf(findings: Result[]): Check[] {
  const checks = new Map<string, Check>()
  for (const one of findings) {
    const known = checks.get(one.job_id)
    if (known) known.findings.push(one)
    else
      checks.set(one.job_id, {
        job: one.job_id,
        run: one.run_id,
        capturedAt: one.captured_at,
        findings: [one],
        mark: 'unknown',
      })
  }
  const all = [...checks.values()]
  for (const check of all) {
    const roots = check.findings.filter((one) => !one.consequence_of).map(markOf)
    // An inconclusive diagnosis does not make a camera worse than a normal one does.
    const told = roots.filter((mark): boolean => mark !== 'unknown')
    check.mark = told.length ? told.reduce(worse) : 'unknown'
  }
  return all.sort((a, b) => a.capturedAt.localeCompare(b.capturedAt))
}

/**
 * Merges checks from several lists, each check once, the earliest first. If a check is in several lists, the last list
 * wins.
 */
export function mergedChecks(...lists: Check[][]): Check[] {
  const known = new Map(lists.flat().map((one) => [one.job, one]))
  return [...known.values()].sort((a, b) => a.capturedAt.localeCompare(b.capturedAt))
}

export interface Point {
  at: number
  value: number
  threshold?: number
  mark: FindingMark
  job: string
}

/** The names of all metrics, in their order. */
export function metricsOf(all: MetricSeries[]): string[] {
  return [...new Set(all.map((one) => one.metric))]
}

/** The series of a metric. If the unit of the metric has changed, the latest series. */
export function seriesOf(all: MetricSeries[], metric: string | undefined): MetricSeries | undefined {
  const end = (one: MetricSeries): number => Date.parse(one.buckets.at(-1)?.last.at ?? '') || 0
  return all.filter((one) => one.metric === metric).sort((a, b) => end(b) - end(a))[0]
}

/**
 * The points of a series, the earliest first. Each point is a check: the last of its bucket, the lowest or the highest.
 */
export function pointsOf(series: MetricSeries | undefined): Point[] {
  return (series?.buckets ?? [])
    .flatMap(({ min, max, last, threshold }) =>
      [last, min, max].flatMap((one, place) =>
        one && !(place === 2 && min?.job_id === one.job_id)
          ? [
              {
                at: Date.parse(one.at),
                value: one.value,
                threshold: threshold ?? undefined,
                mark: markOfWord(one.word),
                job: one.job_id,
              },
            ]
          : [],
      ),
    )
    .sort((a, b) => a.at - b.at)
}

/** The median of the values: the camera's usual value. */
export function median(values: number[]): number | undefined {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2
    ? sorted[middle]
    : sorted.length
      ? ((sorted[middle - 1] as number) + (sorted[middle] as number)) / 2
      : undefined
}
