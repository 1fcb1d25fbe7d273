// The timeline describes in words what it draws, and a click on a cell opens its check.
import { mount } from '@vue/test-utils'
import { QueryClient, VueQueryPlugin } from '@tanstack/vue-query'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { CameraTimeline, TimelineCell } from '@/api/types'
import Timeline from '@/cameras/Timeline.vue'
import type { Check } from '@/cameras/checks'
import { i18n } from '@/locales'

const at = (hour: number): string => new Date(Date.UTC(2026, 0, 2, hour)).toISOString()
const cell = (hour: number, worst: string, job: string, count = 1): TimelineCell => ({
  start: at(hour),
  worst,
  count,
  first_at: at(hour),
  last_at: at(hour),
  job_id: job,
})
const timeline: CameraTimeline = {
  camera_id: 'c',
  since: at(0),
  until: at(3),
  bucket_ms: 3_600_000,
  checks: [cell(0, 'normal', 'a'), cell(1, 'error', 'b', 3), cell(2, 'normal', 'c')],
  diagnoses: [
    { diagnosis: 'brightness', cells: [cell(0, 'normal', 'a'), cell(1, 'error', 'b', 3), cell(2, 'normal', 'c')] },
    { diagnosis: 'freeze', cells: [cell(0, 'normal', 'a'), cell(1, 'normal', 'x', 3)] },
    { diagnosis: 'noise', cells: [cell(1, 'inconclusive', 'b', 3)] },
  ],
}
const check = { job: 'b', run: 'r', capturedAt: at(1), findings: [], mark: 'error' } satisfies Check

function mounted(props: { check?: Check; chosen?: string } = { check }) {
  const client = new QueryClient({ defaultOptions: { queries: { retry: false } } })
  return mount(Timeline, {
    props: { timeline, ...props },
    global: { plugins: [i18n, [VueQueryPlugin, { queryClient: client }]] },
  })
}

beforeEach(() => {
  i18n.global.locale.value = 'en'
  vi.stubGlobal('fetch', () => Promise.resolve(Response.json([])))
})
afterEach(() => vi.unstubAllGlobals())

describe('the timeline', () => {
  it('says of each row what was worst, for those who do not see it', () => {
    const page = mounted()
    const slider = page.get('[role=slider]')
    const summary = page.get(`[id="${slider.attributes('aria-describedby')}"]`)
    const rows = summary.findAll('li').map((one) => one.text())
    expect(rows).toHaveLength(3)
    expect(rows[0]).toMatch(/^brightness: worst error, last at .*; 5 checks$/i)
    expect(rows[1]).toBe('freeze: normal in all 4 checks')
    expect(rows[2]).toMatch(/^noise: worst .*; 3 checks$/)
    // The summary is outside the slider, because screen readers do not read the children of a slider.
    expect(slider.find('li').text()).not.toContain('brightness')
  })

  it('says what is wrong at the chosen column, and leaves out what cannot be told', () => {
    const text = mounted().get('[role=slider]').attributes('aria-valuetext')
    expect(text).toMatch(/; brightness: error$/i)
    expect(text).not.toContain('noise')
  })

  it('leads from column to column with the keys', async () => {
    const page = mounted()
    const slider = page.get('[role=slider]')
    expect(slider.attributes('aria-valuenow')).toBe('2')
    await slider.trigger('keydown', { key: 'ArrowLeft' })
    await slider.trigger('keydown', { key: 'ArrowRight' })
    await slider.trigger('keydown', { key: 'Home' })
    await slider.trigger('keydown', { key: 'End' })
    expect(page.emitted('choose')).toEqual([['a'], ['c'], ['a'], ['c']])
  })

  it('goes on from a check whose findings are no longer kept', async () => {
    const page = mounted({ chosen: 'x' })
    const slider = page.get('[role=slider]')
    expect(slider.attributes('aria-valuenow')).toBe('2')
    expect(slider.attributes('aria-valuetext')).toMatch(/: error; brightness: error$/i)
    await slider.trigger('keydown', { key: 'ArrowLeft' })
    // While the next check is read, the former one is still shown, but it is not where the keys go on from.
    await page.setProps({ check, chosen: 'a' })
    expect(slider.attributes('aria-valuenow')).toBe('1')
    await slider.trigger('keydown', { key: 'ArrowRight' })
    expect(page.emitted('choose')).toEqual([['a'], ['b']])
  })

  it('begins at its end where the check lies outside of it', async () => {
    const page = mounted({ check: { ...check, job: 'old', capturedAt: at(-9) } })
    await page.get('[role=slider]').trigger('keydown', { key: 'ArrowLeft' })
    expect(page.emitted('choose')).toEqual([['c']])
  })

  it('leads to the check of the cell that was clicked, or else of its column', async () => {
    const page = mounted()
    const strips = page.findAll('.strip')
    const box = { left: 0, width: 300, top: 0, right: 300, bottom: 22, height: 22, x: 0, y: 0, toJSON: () => '' }
    vi.spyOn(strips[0]!.element, 'getBoundingClientRect').mockReturnValue(box)
    await strips[1]!.trigger('click', { clientX: 150 })
    await strips[1]!.trigger('click', { clientX: 250 })
    expect(page.emitted('choose')).toEqual([['x'], ['c']])
  })
})
