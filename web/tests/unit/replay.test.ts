// Replays: which limit is meant, where the slider ends, and which task a value can go to.
import { VueQueryPlugin } from '@tanstack/vue-query'
import { flushPromises, mount } from '@vue/test-utils'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { createMemoryHistory, createRouter } from 'vue-router'
import type { MetricLimit, Replay, ReplayLimits, Task } from '@/api/types'
import { numberOf, typedOf, valueOf } from '@/blocks/typed'
import { i18n } from '@/locales'
import LimitSlider from '@/replay/LimitSlider.vue'
import ReplayPage from '@/replay/ReplayPage.vue'
import {
  daysOf,
  explained,
  formOf,
  limitOf,
  settable,
  nameOf,
  placeOf,
  presentOf,
  quietShare,
  scaleOf,
  scopeQuery,
  targetsOf,
  tidy,
} from '@/replay/replay'
import { session } from '@/session/session'
import { definitionOf, filledIn, fillOf } from '@/tasks/definition'
import type { Field } from '@/tasks/schema'

function limit(changes: Partial<MetricLimit> = {}): MetricLimit {
  return {
    metric: 'luma_p95',
    unit: 'grey level',
    side: 'below',
    verdicts: 900,
    alarms: 20,
    explained: 899,
    thresholds: [{ threshold: 80, verdicts: 900, cameras: 3 }],
    other_verdicts: 0,
    lowest: 2,
    highest: 252,
    usually_from: 60,
    usually_to: 240,
    settings: ['dark_p95'],
    ...changes,
  }
}

const field: Field = {
  name: 'dark_p95',
  kind: 'number',
  title: '',
  description: '',
  unit: 'grey level',
  usual: 80,
  minimum: 0,
  maximum: 255,
  choices: [],
}

const task = (id: string, changes: Partial<Task> = {}): Task =>
  ({ id, name: `Task ${id}`, cameras: [], groups: ['yard'], diagnoses: [], config: {}, ...changes }) as Task

describe('a value from the address', () => {
  it('becomes one that the setting can take', () => {
    const whole = { ...field, kind: 'integer' as const, maximum: 8 }
    expect([settable(4.35, whole), settable(9.2, whole), settable(-1, whole)]).toEqual([4, 8, 0])
    expect([settable(4.35, field), settable(4.35), settable(undefined, field)]).toEqual([4.35, 4.35, undefined])
  })
})

describe('the limit of an address', () => {
  const all = [limit(), limit({ metric: 'exposure', side: 'below' }), limit({ metric: 'exposure', side: 'above' })]

  it('is named by metric and side, or by the metric alone', () => {
    expect(limitOf(all, nameOf(all[2]!))).toBe(all[2])
    expect(limitOf(all, 'exposure')).toBe(all[1])
    expect(limitOf(all, '')).toBe(all[0])
    expect(limitOf(all, 'contrast')).toBeUndefined()
    // A dragged threshold belongs to one of the sides.
    const present = [{ threshold: 1.4, verdicts: 2, cameras: 1 }]
    const above = limit({ metric: 'exposure', side: 'above', thresholds: present })
    expect(limitOf([...all.slice(0, 2), above], 'exposure', 1.4)).toBe(above)
    expect(limitOf(all, 'exposure', 9.9)).toBe(all[1])
    expect(limitOf([], '')).toBeUndefined()
  })

  it('has the chosen present value, or the most frequent one', () => {
    expect([presentOf(all[0]!), presentOf(all[0]!, 60), presentOf(limit({ thresholds: [] }))]).toEqual([
      80,
      60,
      undefined,
    ])
  })

  it('has numbers that are numbers, and a time that the master allows', () => {
    expect(['70', '-1.5', '', ' ', 'x', 'Infinity'].map(numberOf)).toEqual([
      70,
      -1.5,
      undefined,
      undefined,
      undefined,
      undefined,
    ])
    expect(['7', '90', '91', '0', '1.5', 'x'].map(daysOf)).toEqual([7, 90, 30, 30, 30, 30])
    expect(scopeQuery({ diagnosis: 'd', task: '', group: 'yard', camera: '', days: '7' })).toEqual({
      diagnosis: 'd',
      task: undefined,
      group: 'yard',
      camera: undefined,
      days: 7,
    })
  })
})

describe('the slider', () => {
  it('covers what cameras measure and the present limit, within the bounds of the setting', () => {
    const { low, high, step } = scaleOf(limit(), field)
    expect([low, high, step]).toEqual([42, 255, 2])
    expect(scaleOf(limit({ usually_from: 200, thresholds: [{ threshold: 80, verdicts: 1, cameras: 1 }] })).low).toBe(64)
    const share = scaleOf(limit({ usually_from: 0.2, usually_to: 0.9, thresholds: [] }))
    expect([share.low, share.high, share.step]).toEqual([0.13, 0.97, 0.005])
  })

  it('has whole steps for a whole number, and a length even where all values are equal', () => {
    const whole = { ...field, kind: 'integer' as const, minimum: 2, maximum: 32 }
    const same = { usually_from: 4, usually_to: 4, thresholds: [{ threshold: 4, verdicts: 1, cameras: 1 }] }
    expect(scaleOf(limit(same), whole)).toEqual({ low: 3, high: 5, step: 1 })
    const none = scaleOf(limit({ usually_from: 0, usually_to: 0, thresholds: [] }))
    expect(none.high).toBeGreaterThan(none.low)
  })

  it('marks what lies on it', () => {
    const scale = { low: 0, high: 200, step: 1 }
    expect([placeOf(50, scale), placeOf(-1, scale), placeOf(201, scale)]).toEqual([25, undefined, undefined])
    expect(tidy(0.1 + 0.2, 0.005)).toBe(0.3)
  })
})

describe('a typed limit', () => {
  it('is in per cent where it is a share, as everywhere else', () => {
    expect([typedOf(0.07, 'share'), typedOf(0.1235, 'share'), typedOf(0.07, 'px')]).toEqual(['7', '12.35', '0.07'])
    expect([valueOf('7', 'share'), valueOf('12.35', 'share'), valueOf('7', 'px')]).toEqual([0.07, 0.1235, 7])
    expect([valueOf('', 'share'), valueOf('x', 'share'), valueOf(' ', 'px')]).toEqual([undefined, undefined, undefined])
    for (let at = 0; at <= 1_000; at += 1) expect(valueOf(typedOf(at / 1_000, 'share'), 'share')).toBe(at / 1_000)
  })

  it('has one unit with the values beside it', async () => {
    i18n.global.locale.value = 'en'
    const share = limit({
      unit: 'share',
      usually_from: 0.05,
      usually_to: 0.4,
      thresholds: [{ threshold: 0.1, verdicts: 9, cameras: 1 }],
    })
    const slider = mount(LimitSlider, { props: { limit: share, modelValue: undefined }, global: { plugins: [i18n] } })
    await flushPromises()
    const input = slider.find('#replay-threshold')
    expect((input.element as HTMLInputElement).value).toBe('10')
    expect(slider.text()).toContain('%')
    expect(slider.text()).toContain('instead of 10 %')
    expect(slider.text()).not.toContain('share')
    await input.setValue('12.5')
    await input.trigger('keydown', { key: 'Enter' })
    expect(slider.emitted('update:modelValue')).toEqual([[0.125]])
    slider.unmount()
  })
})

describe('how certain an answer is', () => {
  it('is never said to be whole where it is not', () => {
    expect(explained({ explained: 999_999, verdicts: 1_000_000 })).toBe(99.9)
    expect(explained({ explained: 10, verdicts: 10 })).toBe(100)
    expect(explained({ explained: 992, verdicts: 1_000 })).toBe(99.2)
    expect(explained({ explained: 0, verdicts: 0 })).toBeUndefined()
  })

  it('depends on how often the plugin stays quiet', () => {
    const replay = (alarms_beyond: number, quiet_beyond: number) => ({ alarms_beyond, quiet_beyond }) as Replay
    expect([quietShare(replay(3, 1)), quietShare(replay(0, 0))]).toEqual([0.25, 0])
  })
})

describe('applying a value', () => {
  it('leads to the tasks whose setting is the present limit', () => {
    const tasks = [
      task('usual'),
      task('other', { config: { brightness: { dark_p95: 60 } } }),
      task('same', { config: { brightness: { dark_p95: 80 } }, diagnoses: ['brightness'] }),
      task('without', { diagnoses: ['noise'] }),
    ]
    const found = targetsOf(tasks, 'brightness', limit(), [field])
    expect(found.map((one) => [one.task.id, one.setting, one.now])).toEqual([
      ['usual', 'dark_p95', 80],
      ['same', 'dark_p95', 80],
    ])
    const several = limit({
      thresholds: [80, 60].map((threshold) => ({ threshold, verdicts: 1, cameras: 1 })),
    })
    expect(targetsOf(tasks, 'brightness', several, [field], 60).map((one) => one.task.id)).toEqual(['other'])
    expect(targetsOf(tasks, 'brightness', limit({ settings: [] }), [field])).toEqual([])
    expect(formOf(found[0]!, 'brightness', 72.5)).toEqual({
      path: '/tasks/usual',
      query: { diagnosis: 'brightness', setting: 'dark_p95', value: '72.5' },
    })
  })

  it('fills a form in, and leaves all other settings', () => {
    const form = definitionOf(task('t', { config: { brightness: { pale_p5: 1 }, noise: { most_noise: 2 } } }))
    const fill = fillOf({ diagnosis: 'brightness', setting: 'dark_p95', value: '72.5' })
    expect(fill && filledIn(form, fill).config).toEqual({
      brightness: { pale_p5: 1, dark_p95: 72.5 },
      noise: { most_noise: 2 },
    })
    expect(form.config).toEqual({ brightness: { pale_p5: 1 }, noise: { most_noise: 2 } })
    expect(fillOf({ diagnosis: 'brightness', setting: 'dark_p95', value: 'x' })).toBeUndefined()
    expect(fillOf({ diagnosis: 'brightness', setting: 'dark_p95' })).toBeUndefined()
    expect(fillOf({})).toBeUndefined()
  })
})

describe('the page', () => {
  const asked: URL[] = []
  const checks = { cameras: 3, verdicts: 900, alarms: 20, without_verdict: 0, explained: 899, damaged_days: 1 }
  const limits: ReplayLimits = {
    diagnosis: 'brightness',
    since: '2026-10-31T00:00:00Z',
    until: '2026-11-30T00:00:00Z',
    checks,
    limits: [limit()],
  }
  const plugin = {
    digest: 'd',
    name: 'brightness',
    version: '1.0.0',
    diagnoses: [{ id: 'brightness', title: { zh: '亮度', en: 'Brightness' }, description: { zh: '', en: '' } }],
    config_schema: { properties: { dark_p95: { type: 'number', default: 80, minimum: 0, maximum: 255 } } },
    active_for: ['brightness'],
    published_at: '2026-01-01T00:00:00Z',
  }
  const check = (job: string, becomes_alarm: boolean) => ({
    at: '2026-11-29T08:00:00Z',
    job_id: job,
    value: 84.25,
    becomes_alarm,
  })
  const replay: Replay = {
    diagnosis: 'brightness',
    since: limits.since,
    until: limits.until,
    limit: limit(),
    threshold: 90,
    checks,
    verdicts: { raised: 12, cleared: 0, undetermined: 2 },
    cameras: { raised: 1, cleared: 0, undetermined: 1 },
    alarms_beyond: 20,
    quiet_beyond: 10,
    changes: [
      {
        camera_id: 'gate',
        name: 'North gate',
        verdicts: 300,
        alarms_before: 5,
        alarms_after: 17,
        changes: { raised: 12, cleared: 0, undetermined: 2 },
        first: check('j1', true),
        last: { ...check('j2', true), evidence: { picture: 'p', thumbnail: 't' } },
      },
    ],
    omitted: 4,
  }

  beforeEach(() => {
    asked.length = 0
    i18n.global.locale.value = 'en'
    session.state.value = 'in'
    session.open.value = true
    vi.stubGlobal('fetch', async (request: Request) => {
      const url = new URL(request.url)
      asked.push(url)
      const answer = url.pathname.endsWith('/replay/limits')
        ? limits
        : url.pathname.endsWith('/replay')
          ? replay
          : url.pathname.endsWith('/tasks')
            ? { items: [task('t')], next: null }
            : url.pathname.endsWith('/plugins')
              ? [plugin]
              : []
      return new Response(JSON.stringify(answer), { headers: { 'content-type': 'application/json' } })
    })
  })
  afterEach(() => vi.unstubAllGlobals())

  async function open(path: string) {
    const router = createRouter({
      history: createMemoryHistory(),
      routes: [
        { path: '/replay', component: ReplayPage },
        { path: '/:rest(.*)*', component: { template: '<p />' } },
      ],
    })
    await router.push(path)
    const page = mount({ template: '<RouterView />' }, { global: { plugins: [router, i18n, VueQueryPlugin] } })
    await flushPromises()
    return { page, router }
  }
  const replays = () => asked.filter((url) => url.pathname.endsWith('/replay'))

  it('asks for nothing until a limit is moved, and then shows both ways and the pictures', async () => {
    const { page, router } = await open('/replay?diagnosis=brightness&group=yard')
    expect(page.text()).toContain('instead of 80')
    expect(replays()).toEqual([])
    await router.push('/replay?diagnosis=brightness&group=yard&threshold=90')
    await flushPromises()
    const query = Object.fromEntries(replays()[0]!.searchParams)
    expect(query).toMatchObject({ metric: 'luma_p95', side: 'below', threshold: '90', group: 'yard', days: '30' })
    const text = page.text()
    for (const part of ['North gate', '12 new alarms', 'Alarms 5 → 17', '99.9 %', 'becomes an alarm', '4 more']) {
      expect(text).toContain(part)
    }
    expect(text).toContain('weighs more than this limit')
    expect(text).toContain('damaged')
    const form = page.findAll('a').map((one) => one.attributes('href'))
    expect(form).toContain('/tasks/t?diagnosis=brightness&setting=dark_p95&value=90')
    expect(form).toContain('/plugins/brightness')
    expect(form).toContain('/cameras/gate?check=j2')
    page.unmount()
  })

  it('says where a metric of the address decided nothing', async () => {
    const { page } = await open('/replay?diagnosis=brightness&metric=contrast')
    expect(page.text()).toContain('contrast decided no verdict')
    expect(replays()).toEqual([])
    page.unmount()
  })
})
