import { mount } from '@vue/test-utils'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { computed, defineComponent, h, nextTick, ref } from 'vue'
import Block from '@/blocks/Block.vue'
import Picture from '@/blocks/Picture.vue'
import StatusMark from '@/blocks/StatusMark.vue'
import { differences } from '@/blocks/differences'
import { round } from '@/blocks/format'
import { useAct } from '@/blocks/useAct'
import { i18n } from '@/locales'
import { useHeld } from '@/blocks/useHeld'
import PluginSettings from '@/plugins/PluginSettings.vue'
import { useWaits } from '@/runs/useWaits'
import SchemaForm from '@/tasks/SchemaForm.vue'
import { unitOf, useScheduleWords } from '@/tasks/schedule'
import { ApiError } from '@/api/problem'
import type { Plugin } from '@/api/types'
import { connection } from '@/live/connection'

const global = { plugins: [i18n] }
i18n.global.locale.value = 'en'

/** Returns the result of a composable that runs in a component. */
function within<T>(use: () => T): T {
  let used: T | undefined
  mount(
    defineComponent(() => {
      used = use()
      return () => h('div')
    }),
    { global },
  )
  return used as T
}

describe('a state', () => {
  it('is a word for everybody, also where only its shape is seen', () => {
    const mark = mount(StatusMark, { props: { mark: 'critical', bare: true }, global })
    expect(mark.text()).toBe('Critical')
    expect(mark.find('svg').attributes('aria-hidden')).toBe('true')
  })

  it('has a shape of its own', () => {
    const shapes = (['normal', 'warning', 'error', 'critical', 'unknown', 'offline', 'muted', 'failed'] as const).map(
      (one) =>
        mount(StatusMark, { props: { mark: one }, global })
          .find('svg')
          .html(),
    )
    expect(new Set(shapes).size).toBe(8)
  })
})

describe('a block', () => {
  const error = new ApiError({ type: '/problems/busy', title: '', status: 503, detail: 'busy' })

  it('says why nothing could be read', () => {
    const block = mount(Block, { props: { error, at: 0 }, slots: { default: 'the findings' }, global })
    expect(block.text()).toContain('The database is busy')
    expect(block.text()).not.toContain('the findings')
  })

  it('keeps what is old, with its age', () => {
    const block = mount(Block, {
      props: { error, at: Date.now() - 120_000 },
      slots: { default: 'the findings' },
      global,
    })
    expect(block.text()).toContain('2 min ago')
    expect(block.text()).toContain('the findings')
  })

  it('shows a skeleton while there is nothing', () => {
    const block = mount(Block, { props: { loading: true, at: 0 }, slots: { default: 'the findings' }, global })
    expect(block.find('[aria-busy=true]').exists()).toBe(true)
  })
})

describe('a list that is read', () => {
  it('keeps its order until the person asks for what is new', async () => {
    const ids = ref(['a', 'b'])
    const { shown, fresh, renew } = useHeld(
      computed(() => ids.value),
      ref(true),
    )
    ids.value = ['new', 'b']
    await nextTick()
    expect(shown.value).toEqual(['a', 'b'])
    expect(fresh.value).toBe(1)
    renew()
    expect(shown.value).toEqual(['new', 'b'])
  })

  it('tells that something is gone or moved, also where nothing is new', async () => {
    const ids = ref(['a', 'b'])
    const { fresh, changed } = useHeld(
      computed(() => ids.value),
      ref(true),
    )
    expect(changed.value).toBe(false)
    ids.value = ['b', 'a']
    await nextTick()
    expect([fresh.value, changed.value]).toEqual([0, true])
    ids.value = ['b']
    await nextTick()
    expect([fresh.value, changed.value]).toEqual([0, true])
  })

  it('goes on with the next page, and holds nothing of another list', async () => {
    const ids = ref(['a', 'b'])
    const { shown, fresh, extend, release } = useHeld(
      computed(() => ids.value),
      ref(true),
    )
    ids.value = ['new', 'a', 'b', 'c', 'd']
    extend(['b', 'c', 'd'])
    expect(shown.value).toEqual(['a', 'b', 'c', 'd'])
    expect(fresh.value).toBe(1)
    release()
    ids.value = ['x']
    await nextTick()
    expect(shown.value).toEqual(['x'])
  })

  it('drops what is gone for good', () => {
    const { shown, drop } = useHeld(ref(['a', 'b', 'c']), ref(true))
    drop(['b', 'x'])
    expect(shown.value).toEqual(['a', 'c'])
  })

  it('is not held before it is complete', async () => {
    const ids = ref(['a'])
    const ready = ref(false)
    const { shown, renew } = useHeld(
      computed(() => ids.value),
      ready,
    )
    renew()
    ids.value = ['a', 'b']
    ready.value = true
    await nextTick()
    expect(shown.value).toEqual(['a', 'b'])
  })
})

describe('a picture', () => {
  beforeEach(() => vi.useFakeTimers())
  afterEach(() => vi.useRealTimers())
  const show = () => mount(Picture, { props: { digest: 'd', alt: 'gate' }, global })
  const fail = async (picture: ReturnType<typeof show>): Promise<void> => {
    await picture.find('.open img').trigger('error')
  }

  it('that has not arrived is tried again, and is given up in the end', async () => {
    const picture = show()
    for (let tries = 0; tries < 5; tries += 1) {
      await fail(picture)
      expect(picture.text()).toContain('has not arrived; trying again')
      await vi.advanceTimersByTimeAsync(1_500 * 2 ** tries)
      expect(picture.find('.open img').exists()).toBe(true)
    }
    await fail(picture)
    expect(picture.text()).toContain('no longer kept')
    await vi.advanceTimersByTimeAsync(600_000)
    expect(picture.find('.open img').exists()).toBe(false)
  })

  it('that failed during an outage is shown after it', async () => {
    const picture = show()
    for (let tries = 0; tries < 6; tries += 1) {
      await fail(picture)
      await vi.advanceTimersByTimeAsync(60_000)
    }
    connection.failed()
    await nextTick()
    expect(picture.find('.open img').exists()).toBe(false)
    connection.reached()
    await nextTick()
    await nextTick()
    expect(picture.find('.open img').exists()).toBe(true)
  })
})

describe('a form of settings', () => {
  const schema = { properties: { dark: { type: 'number', minimum: 0, maximum: 255, default: 80, unit: 'grey level' } } }

  it('keeps only what differs, and marks it', async () => {
    const form = mount(SchemaForm, { props: { schema, name: 'brightness', modelValue: {} }, global })
    const field = form.find('input')
    expect(field.attributes('placeholder')).toBe('80')
    await field.setValue('60')
    expect(form.emitted('update:modelValue')?.at(-1)).toEqual([{ dark: 60 }])
    await form.setProps({ modelValue: { dark: 60 } })
    expect(form.find('.differs').text()).toContain('default: 80')
    await field.setValue('')
    expect(form.emitted('update:modelValue')?.at(-1)).toEqual([{}])
  })

  it('shows the title in the language of the console, and the name beside it', async () => {
    const dark = {
      ...schema.properties.dark,
      title: 'Dark limit',
      description: 'Too dark below.',
      translations: { zh: { title: '过暗阈值', description: '低于此值，即为过暗。' } },
    }
    const translated = { properties: { dark } }
    const form = mount(SchemaForm, { props: { schema: translated, name: 'brightness', modelValue: {} }, global })
    const plugin = { name: 'brightness', config_schema: translated } as unknown as Plugin
    const table = mount(PluginSettings, { props: { plugin }, global })
    await form.find('input').setValue('300')
    expect(form.find('label').text()).toBe('Dark limit dark')
    expect(table.find('tbody td').text()).toMatch(/^Dark limit\s*dark$/)
    i18n.global.locale.value = 'zh'
    await nextTick()
    expect(form.find('label').text()).toBe('过暗阈值 dark')
    expect(form.text()).toContain('低于此值，即为过暗。')
    expect(form.find('input').element.value).toBe('300')
    expect(table.find('tbody td').text()).toMatch(/^过暗阈值\s*dark$/)
    expect(table.text()).toContain('低于此值，即为过暗。')
    i18n.global.locale.value = 'en'
  })

  it('says what is out of range, and gives it to nobody', async () => {
    const form = mount(SchemaForm, { props: { schema, name: 'brightness', modelValue: {} }, global })
    await form.find('input').setValue('300')
    expect(form.text()).toContain('Outside the range 0 to 255')
    expect(form.emitted('update:modelValue')).toBeUndefined()
    expect(form.emitted('valid')?.at(-1)).toEqual([false])
  })
})

describe('numbers', () => {
  it('have the digits that are worth reading', () => {
    expect([0.12345, 1.2345, 12.345, 123.45, 0].map(round)).toEqual([0.123, 1.23, 12.3, 123, 0])
  })

  it('of seconds have the largest unit without a fraction', () => {
    expect([90, 120, 7_200, 86_400, 90_000].map(unitOf)).toEqual([1, 60, 3_600, 86_400, 3_600])
  })
})

describe('a schedule in words', () => {
  it('is never rounded', () => {
    const words = within(useScheduleWords)
    const every = (every_s: number): string => words({ kind: 'interval', every_s })
    expect([90, 900, 3_600, 27_000, 129_600, 172_800].map(every)).toEqual([
      'Every 90 s',
      'Every 15 min',
      'Every 1 h',
      'Every 7 h 30 min',
      'Every 36 h',
      'Every 2 d',
    ])
  })
})

describe('a change', () => {
  it('is made once, also where it is asked for twice', async () => {
    const { busy, act } = within(useAct)
    let made = 0
    const change = async (): Promise<number> => (made += 1)
    expect(await Promise.all([act(change), act(change)])).toEqual([1, undefined])
    expect(busy.value).toBe(false)
    expect(await act(change)).toBe(2)
  })
})

describe('what somebody else has changed', () => {
  it('is what differs in meaning', () => {
    const theirs = {
      name: 'Gate',
      groups: ['a', 'b'],
      labels: { x: '1', y: '2' },
      enabled: true,
      config: { z: [2, 1] },
    }
    const mine = {
      name: 'Gate ',
      groups: ['b', 'a'],
      labels: { y: '2', x: '1' },
      enabled: false,
      config: { z: [1, 2] },
    }
    expect(differences(theirs, mine).map((one) => one.field)).toEqual(['config', 'enabled'])
  })
})

it('what a task waits for is said in words, also a configuration', () => {
  const waits = within(useWaits)
  expect(waits('a configuration that its plugin accepts: /config/dark: above 255')).toBe(
    'settings that the plugin accepts (/config/dark: above 255)',
  )
  expect(waits('something new')).toBe('something new')
})
