import { describe, expect, it } from 'vitest'
import { countsOf, healthOf, markOf, needsSomeone, rootCause } from '@/cameras/health'
import { orderOf, queryOf } from '@/cameras/list'
import { checksOf, median, mergedChecks, metricsOf, pointsOf, seriesOf } from '@/cameras/checks'
import { rangeOf } from '@/cameras/useHistory'
import { beginning, explaining, latestOfEach } from '@/cameras/useCause'
import { tasksOf } from '@/cameras/diagnoseNow'
import type { Camera, Task } from '@/api/types'
import { camera, finding, lost } from './camera'

const at = (hour: number): string => new Date(Date.UTC(2026, 0, 2, hour)).toISOString()

describe('the health of a camera', () => {
  it('is that of its pause, then of its loss, then of its findings', () => {
    const gone = lost(at(1))
    expect(healthOf(camera('a', { enabled: false, lost: gone, status: 'error' }))).toBe('muted')
    expect(healthOf(camera('a', { lost: gone, status: 'critical' }))).toBe('offline')
    expect(healthOf(camera('a', { status: 'warning' }))).toBe('warning')
    expect(healthOf(camera('a', { status: null }))).toBe('unknown')
  })

  it('needs someone where there is a fault or no picture', () => {
    const words = ['offline', 'critical', 'error', 'warning', 'unknown', 'normal', 'muted'] as const
    expect(words.filter(needsSomeone)).toEqual(['offline', 'critical', 'error', 'warning'])
  })

  it('is counted by the master, and what was never checked cannot be told', () => {
    const counts = { offline: 1, critical: 2, error: 3, warning: 4, unknown: 5, unchecked: 6, normal: 7, muted: 8 }
    const { unchecked, ...others } = counts
    expect(countsOf(counts)).toEqual({ ...others, unknown: 5 + unchecked })
  })
})

describe('the cause of a fault', () => {
  it('is the worst finding that no other one explains', () => {
    const findings = [
      finding('noise', 'critical', { consequence_of: 'brightness' }),
      finding('brightness', 'error'),
      finding('clock', 'warning'),
      finding('freeze', 'normal'),
    ]
    expect(rootCause(findings)?.diagnosis).toBe('brightness')
    expect(rootCause([finding('freeze', 'normal')])).toBeUndefined()
  })

  it('is looked for in the latest finding of each diagnosis', () => {
    const findings = [
      finding('freeze', 'normal', { captured_at: at(5) }),
      finding('freeze', 'error', { captured_at: at(4) }),
    ]
    expect(latestOfEach(findings)).toEqual([findings[0]])
  })

  it('is the latest finding with the camera’s status; one that could not tell changes nothing', () => {
    const findings = [
      finding('freeze', null, { captured_at: at(6) }),
      finding('clock', 'warning', { captured_at: at(5) }),
      finding('noise', 'error', { captured_at: at(5), consequence_of: 'freeze' }),
      finding('freeze', 'error', { captured_at: at(4) }),
      finding('signal_loss', 'critical', { captured_at: at(3), loss: 'stalled' }),
    ]
    const explained = (more: Partial<Camera>) => explaining(findings, camera('c', more))?.diagnosis
    expect(explained({ status: 'error' })).toBe('freeze')
    expect(explained({ status: 'critical' })).toBeUndefined()
    expect(explained({ status: 'critical', lost: lost(at(3)) })).toBe('signal_loss')
    findings.unshift(finding('freeze', 'normal', { captured_at: at(7) }))
    expect(explained({ status: 'error' })).toBeUndefined()
  })

  it('began with the first of the findings since it was last normal', () => {
    const history = [
      finding('freeze', 'error', { captured_at: at(5) }),
      finding('freeze', null, { captured_at: at(4) }),
      finding('freeze', 'warning', { captured_at: at(3) }),
      finding('freeze', 'normal', { captured_at: at(2) }),
      finding('freeze', 'error', { captured_at: at(1) }),
    ]
    const known = beginning(history[0]!, history, false)
    expect(known.first.captured_at).toBe(at(3))
    expect(known.sinceIsKnown).toBe(true)
    expect(beginning(history[0]!, history.slice(0, 3), false).sinceIsKnown).toBe(false)
  })
})

describe('a list of cameras', () => {
  const nothing = { words: '', health: '', group: '', cause: '', sort: 'name' }
  const asks = (filter: Partial<typeof nothing>) => queryOf({ ...nothing, ...filter }, Date.parse(at(48)) + 59_000)

  it('asks the master for what is in the address, and for nothing else', () => {
    expect(asks({})).toEqual({ sort: 'name', direction: 'ascending' })
    expect(asks({ words: '  东门 ', group: 'yard', cause: 'freeze' })).toMatchObject({
      q: '东门',
      group: 'yard',
      cause: 'freeze',
    })
    expect(asks({ words: '   ' })).not.toHaveProperty('q')
    // A cell of a table, and a text that is longer than the master takes.
    expect(asks({ words: 'gate\t7\r\n' }).q).toBe('gate 7')
    expect(asks({ words: 'x'.repeat(9_999) }).q).toHaveLength(1_000)
  })

  it('asks for a state in the words of the master', () => {
    expect(asks({ health: 'offline' }).health).toEqual(['offline'])
    expect(asks({ health: 'unknown' }).health).toEqual(['unknown', 'unchecked'])
    expect(asks({ health: 'attention' }).health).toEqual(['offline', 'critical', 'error', 'warning'])
    expect(asks({ health: 'nonsense' })).not.toHaveProperty('health')
  })

  it('asks for old states with the same time for a minute, and never for paused cameras', () => {
    const old = asks({ health: 'old' })
    expect(old.checked_before).toBe(at(24))
    expect(old.health).toContain('normal')
    expect(old.health).not.toContain('muted')
  })

  it('is sorted both ways, and by urgency where the order is unknown', () => {
    expect(asks({ sort: 'urgency' })).toEqual({ sort: 'health', direction: 'ascending' })
    expect(asks({ sort: '-name' })).toEqual({ sort: 'name', direction: 'descending' })
    // The latest findings come first.
    expect(asks({ sort: 'checked' })).toEqual({ sort: 'checked_at', direction: 'descending' })
    expect(asks({ sort: '-since' })).toEqual({ sort: 'since', direction: 'ascending' })
    expect(orderOf('-changed')).toEqual({ by: 'urgency', reversed: false })
    expect(orderOf('toString')).toEqual({ by: 'urgency', reversed: false })
  })
})

describe('checks', () => {
  it('have the worst mark of what nothing else explains', () => {
    const one = { job_id: 'a', captured_at: at(1) }
    const [check] = checksOf([
      finding('noise', 'critical', { ...one, consequence_of: 'brightness' }),
      finding('brightness', 'warning', one),
      finding('focus_blur', null, { ...one, failure: { kind: 'inconclusive', detail: '' } }),
    ])
    expect(check?.mark).toBe('warning')
    expect(markOf(finding('x', null, { failure: { kind: 'trap', detail: '' } }))).toBe('failed')
  })

  it('come earliest first', () => {
    const findings = [
      finding('a', 'normal', { job_id: '2', captured_at: at(2) }),
      finding('a', 'normal', { job_id: '1', captured_at: at(1) }),
    ]
    expect(checksOf(findings).map((one) => one.job)).toEqual(['1', '2'])
  })

  it('of several readings are put together once each, the earliest first', () => {
    const of = (job: string, hour: number, diagnosis = 'a') =>
      checksOf([finding(diagnosis, 'normal', { job_id: job, captured_at: at(hour) })])
    const merged = mergedChecks(of('3', 3), [...of('1', 1), ...of('2', 2)], of('1', 1, 'b'))
    expect(merged.map((one) => one.job)).toEqual(['1', '2', '3'])
    expect(merged[0]?.findings[0]?.diagnosis).toBe('b')
  })

  it('are the points of a series: the last one of each bucket and its extremes, each once', () => {
    const point = (job_id: string, hour: number, value: number, word = 'normal') => ({
      job_id,
      at: at(hour),
      value,
      word,
    })
    const series = {
      metric: 'dark',
      unit: '',
      count: 5,
      buckets: [
        { start: at(0), count: 1, last: point('a', 0, 5) },
        {
          start: at(1),
          count: 3,
          last: point('d', 3, 6),
          min: point('b', 1, 2, 'fuel-exhausted'),
          max: point('c', 2, 90, 'error'),
          threshold: 80,
        },
        // All values are equal, so one check is both the lowest and the highest.
        { start: at(4), count: 2, last: point('f', 5, 7), min: point('e', 4, 6), max: point('e', 4, 6) },
      ],
    }
    const points = pointsOf(series)
    expect(points.map((one) => one.job)).toEqual(['a', 'b', 'c', 'd', 'e', 'f'])
    expect(points.map((one) => one.mark).slice(0, 3)).toEqual(['normal', 'failed', 'error'])
    expect(points.map((one) => one.threshold).slice(0, 2)).toEqual([undefined, 80])
    expect(pointsOf(undefined)).toEqual([])
  })

  it('are of the series that goes on where the unit of a metric has changed', () => {
    const series = (unit: string, hour: number) => ({
      metric: 'dark',
      unit,
      count: 1,
      buckets: [{ start: at(hour), count: 1, last: { job_id: unit, at: at(hour), value: 1, word: 'normal' } }],
    })
    const all = [series('px', 1), series('%', 2), { ...series('px', 3), metric: 'light' }]
    expect(metricsOf(all)).toEqual(['dark', 'light'])
    expect(seriesOf(all, 'dark')?.unit).toBe('%')
    expect(seriesOf(all, 'other')).toBeUndefined()
  })

  it('cover a span that the address names, and a day where it names none', () => {
    expect(['month', 'days400', 'days3', 'toString', ''].map(rangeOf)).toEqual([
      'month',
      'days400',
      'day',
      'day',
      'day',
    ])
  })

  it('have a median', () => {
    expect(median([3, 1, 2])).toBe(2)
    expect(median([4, 1, 2, 3])).toBe(2.5)
    expect(median([])).toBeUndefined()
  })
})

describe('groups', () => {
  it('bring a camera into a task', () => {
    const tasks = [
      { id: 'a', groups: ['yard'] },
      { id: 'b', cameras: ['x'] },
      { id: 'c', groups: ['other'] },
    ] as Task[]
    expect(tasksOf(camera('x', { groups: ['yard'] }), tasks).map((one) => one.id)).toEqual(['a', 'b'])
  })
})
