// The next starts of a schedule in the editor: what is asked, what is shown, and what it costs.
import { QueryClient, VueQueryPlugin } from '@tanstack/vue-query'
import { mount } from '@vue/test-utils'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { defineComponent, h, nextTick, ref } from 'vue'
import type { NextStarts as Starts, Schedule } from '@/api/types'
import { i18n } from '@/locales'
import { session } from '@/session/session'
import { costOf, secondsOf } from '@/tasks/cost'
import { isZone, showsSame, useMoment } from '@/tasks/moment'
import NextStarts from '@/tasks/NextStarts.vue'
import ScheduleInput from '@/tasks/ScheduleInput.vue'
import { startsQuery } from '@/tasks/useStarts'

const cron = (expression: string, time_zone = 'Asia/Shanghai'): Schedule => ({
  kind: 'cron',
  expression,
  time_zone,
  missed_runs: 'run_once',
})

beforeEach(() => {
  i18n.global.locale.value = 'en'
  session.state.value = 'in'
  session.open.value = true
})

describe('the question to the master', () => {
  it('has the fields of the schedule, and nothing else', () => {
    expect(startsQuery(cron('0 7 * * *'))).toEqual({
      kind: 'cron',
      expression: '0 7 * * *',
      time_zone: 'Asia/Shanghai',
      count: 10,
    })
    expect(startsQuery({ kind: 'once', at: '2030-01-01T00:00:00Z' })).toEqual({
      kind: 'once',
      at: '2030-01-01T00:00:00Z',
      count: 10,
    })
    expect(startsQuery({ kind: 'manual' })).toEqual({ kind: 'manual', count: 10 })
  })

  it('lets a saved interval go on from its next run, but keeps its own first start', () => {
    const every: Schedule = { kind: 'interval', every_s: 60, missed_runs: 'skip' }
    expect(startsQuery(every)).toMatchObject({ every_s: 60, starts_at: undefined })
    expect(startsQuery(every, '2030-01-01T00:00:00Z')).toMatchObject({ starts_at: '2030-01-01T00:00:00Z' })
    const first = { ...every, starts_at: '2031-01-01T00:00:00Z' }
    expect(startsQuery(first, '2030-01-01T00:00:00Z')).toMatchObject({ starts_at: '2031-01-01T00:00:00Z' })
  })
})

describe('the cost of a schedule', () => {
  it('is cameras times starts, and the time of the slots', () => {
    expect(costOf(12, 96)).toEqual({ checksPerDay: 1_152 })
    expect(costOf(1_000, 96, 4.5, 10)).toEqual({ checksPerDay: 96_000, slotHours: 120, share: 0.5 })
    expect(costOf(1_000, 96, 4.5, 0)).toEqual({ checksPerDay: 96_000, slotHours: 120, share: undefined })
  })

  it('takes the time of checks that have ended', () => {
    const job = (started_at: string | null, finished_at: string | null) => ({ started_at, finished_at })
    const at = (second: number): string => `2026-01-01T00:00:${String(second).padStart(2, '0')}Z`
    expect(secondsOf([job(at(0), at(4)), job(at(10), at(12)), job(at(0), null), job(null, null)])).toBe(3)
    // A clock that was set back makes no check shorter than nothing.
    expect(secondsOf([job(at(9), at(1))])).toBeUndefined()
    expect(secondsOf([])).toBeUndefined()
  })
})

describe('a time in another zone', () => {
  it('is that of the clocks there', () => {
    let moment: ReturnType<typeof useMoment> | undefined
    mount(
      defineComponent(() => {
        moment = useMoment()
        return () => h('p')
      }),
      { global: { plugins: [i18n] } },
    )
    expect(moment?.('2030-01-01T23:30:00Z', 'Asia/Shanghai', false)).toMatch(/Wed.*2 Jan 2030.*07:30$/)
    expect(moment?.('2030-01-01T23:30:05Z', 'UTC', true)).toMatch(/Tue.*1 Jan 2030.*23:30:05$/)
    expect([isZone('Asia/Shanghai'), isZone('Mars/Base')]).toEqual([true, false])
    expect(showsSame('2030-01-01T23:30:00Z', 'Asia/Shanghai', 'Asia/Taipei')).toBe(true)
    expect(showsSame('2030-07-01T12:00:00Z', 'Europe/Berlin', 'Africa/Lagos')).toBe(false)
  })
})

function shown(props: Partial<InstanceType<typeof NextStarts>['$props']>) {
  const all = { schedule: cron('0 7 * * *'), stale: false, begins: false, ...props }
  return mount(NextStarts, { props: all, global: { plugins: [i18n] } })
}
const answer = (starts: string[], changes: Partial<Starts> = {}): Starts => ({
  starts,
  ends: false,
  per_day: 1,
  ...changes,
})

describe('the list of starts', () => {
  it('shows the zone of the schedule and that of the browser, and how long the first one takes', () => {
    const soon = new Date(Date.now() + 3 * 3_600_000 + 60_000).toISOString()
    const list = shown({ found: answer([soon, '2040-06-01T23:00:00Z']) })
    const heads = list.findAll('th').map((one) => one.text())
    expect(heads[0]).toBe('Asia/Shanghai')
    expect(heads[1]).toMatch(/^here: /)
    expect(list.findAll('tbody tr')).toHaveLength(2)
    expect(list.find('h3').text()).toContain('the first in 3 h')
    expect(list.text()).toContain('07:00')
  })

  it('leaves out starts that have passed since the answer, and says no time for a paused task', () => {
    const soon = new Date(Date.now() + 2 * 3_600_000 + 60_000).toISOString()
    const found = answer(['2020-01-01T00:00:00Z', soon])
    const list = shown({ found })
    expect(list.findAll('tbody tr')).toHaveLength(1)
    expect(list.find('h3').text()).toContain('the first in 2 h')
    const paused = shown({ found, paused: true }).find('h3').text()
    expect(paused).toContain('The task is paused')
    expect(paused).not.toContain('the first in')
  })

  it('says what an empty list means', () => {
    const once: Schedule = { kind: 'once', at: '2020-01-01T00:00:00Z' }
    expect(shown({ schedule: once, found: answer([], { ends: true }) }).text()).toContain('This time is past')
    const end = shown({ found: answer(['2040-01-01T00:00:00Z'], { ends: true }) })
    expect(end.text()).toContain('No further start')
    expect(shown({ found: answer(['2040-01-01T00:00:00Z']), begins: true }).text()).toContain('when the task is saved')
  })

  it('does without a zone that the browser does not know', () => {
    const list = shown({ schedule: cron('0 7 * * *', 'Mars/Base'), found: answer(['2040-01-01T00:00:00Z']) })
    expect(list.findAll('tbody tr')).toHaveLength(1)
  })
})

describe('the editor', () => {
  let asked: URL[]
  let reply: (url: URL) => Promise<Response> | Response
  let client: QueryClient
  const json = (body: unknown, status = 200): Response =>
    new Response(JSON.stringify(body), {
      status,
      headers: { 'content-type': status === 200 ? 'application/json' : 'application/problem+json' },
    })
  const of = (expression: string | null): Response =>
    expression?.startsWith('bad')
      ? json(
          {
            type: '/problems/invalid-request',
            title: 'Unprocessable Entity',
            status: 422,
            detail: `"${expression}" is not a cron expression`,
            field: '/schedule/expression',
          },
          422,
        )
      : json(answer([expression === 'slow' ? '2041-01-01T00:00:00Z' : '2040-01-01T00:00:00Z'], { per_day: 2 }))

  beforeEach(() => {
    vi.useFakeTimers()
    asked = []
    reply = (url) => of(url.searchParams.get('expression'))
    client = new QueryClient()
    vi.stubGlobal('fetch', async (request: Request) => {
      const url = new URL(request.url)
      if (!url.pathname.endsWith('/schedules/next')) return json([])
      asked.push(url)
      return reply(url)
    })
  })
  afterEach(() => {
    client.clear()
    vi.useRealTimers()
    vi.unstubAllGlobals()
  })

  function open(schedule: Schedule) {
    const model = ref<Schedule>(schedule)
    const page = mount(
      defineComponent(() => () => h(ScheduleInput, { modelValue: model.value, cameras: 5 })),
      // The hundreds of time zones take long to draw.
      {
        global: {
          plugins: [i18n, [VueQueryPlugin, { queryClient: client }]],
          stubs: { ElSelect: true, ElOption: true },
        },
      },
    )
    return { page, type: (expression: string) => (model.value = cron(expression)) }
  }
  const rest = (ms = 300): Promise<unknown> => vi.advanceTimersByTimeAsync(ms)

  it('asks when the person pauses, not for every letter', async () => {
    const { page, type } = open(cron('0 7 * * *'))
    await rest()
    expect(asked).toHaveLength(1)
    for (const letter of ['0 ', '0 8', '0 8 *', '0 8 * * *']) {
      type(letter)
      await rest(50)
    }
    expect(asked).toHaveLength(1)
    expect(page.find('.starts').attributes('aria-busy')).toBe('true')
    await rest()
    expect(asked.map((url) => url.searchParams.get('expression'))).toEqual(['0 7 * * *', '0 8 * * *'])
    expect(page.find('.starts').attributes('aria-busy')).toBe('false')
    expect(page.text()).toContain('Checks a day: 10 (5 cameras × starts a day: 2).')
    page.unmount()
  })

  it('never shows a late answer for an earlier expression', async () => {
    let release = (): void => undefined
    reply = async (url) => {
      const expression = url.searchParams.get('expression')
      if (expression === 'slow') await new Promise<void>((resolve) => (release = resolve))
      return of(expression)
    }
    const { page, type } = open(cron('slow'))
    await rest()
    type('0 8 * * *')
    await rest()
    expect(page.text()).toContain('2040')
    release()
    await rest()
    expect(page.text()).toContain('2040')
    expect(page.text()).not.toContain('2041')
    page.unmount()
  })

  it('shows the reason at the field, asks once, and moves nothing', async () => {
    const { page, type } = open(cron('0 7 * * *'))
    await rest()
    expect(page.find('[role="alert"]').exists()).toBe(false)
    type('bad one')
    await rest(5_000)
    expect(page.find('#schedule-fields [role="alert"]').text()).toBe(
      'A value is not valid. "bad one" is not a cron expression',
    )
    expect(page.find('.expression input').attributes('aria-describedby')).toBe('schedule-fields')
    expect(page.find('.rows.repeats').exists()).toBe(true)
    expect(page.text()).not.toContain('Checks a day')
    expect(asked).toHaveLength(2)
    type('0 9 * * *')
    await nextTick()
    expect(page.find('[role="alert"]').exists()).toBe(false)
    page.unmount()
  })

  it('asks nothing for a task that is started by hand', async () => {
    const { page } = open({ kind: 'manual' })
    await rest(5_000)
    expect(asked).toEqual([])
    expect(page.find('.starts').exists()).toBe(false)
    page.unmount()
  })
})
