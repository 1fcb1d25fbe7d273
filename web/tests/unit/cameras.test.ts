import { describe, expect, it } from 'vitest'
import { byUrgency, countByHealth, healthOf, isOld, markOf, rootCause } from '@/cameras/health'
import { listed } from '@/cameras/list'
import { checksOf, median, mergedChecks, pointsOf } from '@/cameras/checks'
import { beginning, explaining, latestOfEach } from '@/cameras/useCause'
import { tasksOf } from '@/cameras/diagnoseNow'
import { sharesByGroup } from '@/overview/shares'
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

  it('orders the urgent ones first, and of the lost ones those lost last', () => {
    const cameras = [
      camera('fine'),
      camera('warned', { status: 'warning' }),
      camera('old-loss', { lost: lost(at(1)) }),
      camera('new-loss', { lost: lost(at(5)) }),
      camera('worst', { status: 'critical' }),
    ]
    expect(cameras.sort(byUrgency).map((one) => one.id)).toEqual(['new-loss', 'old-loss', 'worst', 'warned', 'fine'])
  })

  it('is old a day after the check, unless the camera is paused', () => {
    const checked = { checked_at: at(0) }
    const day = Date.parse(at(24))
    expect(isOld(camera('a', checked), day)).toBe(false)
    expect(isOld(camera('a', checked), day + 1)).toBe(true)
    expect(isOld(camera('a', { ...checked, enabled: false }), day + 1)).toBe(false)
    expect(isOld(camera('a', { checked_at: null }), day + 1)).toBe(false)
  })

  it('is counted once a camera', () => {
    const counts = countByHealth([camera('a'), camera('b', { status: 'error' }), camera('c', { enabled: false })])
    expect(counts).toMatchObject({ normal: 1, error: 1, muted: 1, offline: 0 })
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
  const cameras = [
    camera('gate', { name: 'North gate', groups: ['yard'], labels: { site: 'north' } }),
    camera('hall', { name: 'Hall', status: 'error', source: 'rtsp://***@192.168.7.9/live' }),
    camera('roof', { name: 'Roof', lost: lost(at(1)) }),
  ]
  const ids = (filter: Partial<Parameters<typeof listed>[1]>): string[] =>
    listed(cameras, { words: '', health: '', group: '', sort: 'name', ...filter }).map((one) => one.id)

  it('finds words in names, addresses, groups and labels', () => {
    expect(ids({ words: 'NORTH' })).toEqual(['gate'])
    expect(ids({ words: '192.168.7' })).toEqual(['hall'])
    expect(ids({ words: 'site=north' })).toEqual(['gate'])
  })

  it('filters by state, and by all states that need someone', () => {
    expect(ids({ health: 'offline' })).toEqual(['roof'])
    expect(ids({ health: 'attention' })).toEqual(['hall', 'roof'])
    expect(ids({ group: 'yard' })).toEqual(['gate'])
    const long = [camera('new', { checked_at: at(5) }), camera('old', { checked_at: at(0) })]
    const filter = { words: '', health: 'old', group: '', sort: 'name' }
    expect(listed(long, filter, Date.parse(at(26))).map((one) => one.id)).toEqual(['old'])
  })

  it('is sorted both ways, and by urgency where the order is unknown', () => {
    expect(ids({ sort: '-name' })).toEqual(['roof', 'gate', 'hall'])
    expect(ids({ sort: 'nonsense' })).toEqual(['roof', 'hall', 'gate'])
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

  it('give the values of a metric with the thresholds that decided', () => {
    const metrics = { dark: { value: 12, unit: 'grey level' } }
    const findings = [
      finding('brightness', 'error', { metrics, decision: { metric: 'dark', threshold: 80 }, captured_at: at(2) }),
      finding('brightness', 'normal', { metrics, decision: { metric: 'light', threshold: 9 }, captured_at: at(1) }),
      finding('freeze', 'normal', { metrics }),
    ]
    expect(pointsOf(findings, 'brightness', 'dark').map((one) => one.threshold)).toEqual([undefined, 80])
  })

  it('have a median', () => {
    expect(median([3, 1, 2])).toBe(2)
    expect(median([4, 1, 2, 3])).toBe(2.5)
    expect(median([])).toBeUndefined()
  })
})

describe('groups', () => {
  it('have shares of the cameras that are watched', () => {
    const cameras = [
      camera('a', { groups: ['yard'] }),
      camera('b', { groups: ['yard'], status: 'error' }),
      camera('c', { groups: ['yard'], lost: lost(at(1)) }),
      camera('d', { groups: ['yard'], status: null }),
      camera('e', { groups: ['yard'], enabled: false }),
    ]
    expect(sharesByGroup(cameras)).toEqual([{ name: 'yard', watched: 4, online: 0.75, intact: 1 / 3 }])
  })

  it('bring a camera into a task', () => {
    const tasks = [
      { id: 'a', groups: ['yard'] },
      { id: 'b', cameras: ['x'] },
      { id: 'c', groups: ['other'] },
    ] as Task[]
    expect(tasksOf(camera('x', { groups: ['yard'] }), tasks).map((one) => one.id)).toEqual(['a', 'b'])
  })
})
