import { mount } from '@vue/test-utils'
import { describe, expect, it } from 'vitest'
import { defineComponent } from 'vue'
import { i18n } from '@/locales'
import GroupShares from '@/overview/GroupShares.vue'
import HealthCounts from '@/overview/HealthCounts.vue'
import OpenNotice from '@/overview/OpenNotice.vue'
import { type Standing, useSentence } from '@/overview/sentence'
import { stripOf } from '@/overview/strip'
import { preferences } from '@/preferences'
import { session } from '@/session/session'

const { locale } = i18n.global
const nothing = { watched: 4, normal: 1, urgent: 0, unknown: 0, old: 0 }

function sentenceOf(standing: Standing): string {
  const page = defineComponent({ setup: () => ({ text: useSentence()(standing) }), template: '<p>{{ text }}</p>' })
  return mount(page, { global: { plugins: [i18n] } }).vm.text
}

describe('the sentence', () => {
  it('has each number in its own plural', () => {
    locale.value = 'en'
    expect(sentenceOf({ ...nothing, urgent: 3 })).toBe('1 of 4 cameras are fine; 3 need action.')
    expect(sentenceOf({ ...nothing, normal: 3, urgent: 1 })).toBe('3 of 4 cameras are fine; 1 needs action.')
    expect(sentenceOf({ ...nothing, old: 2 })).toContain('2 were not checked for a day')
  })

  it('says that all are fine only where nothing else is to be said', () => {
    locale.value = 'en'
    expect(sentenceOf({ ...nothing, normal: 4 })).toBe('All 4 cameras are fine.')
    expect(sentenceOf({ ...nothing, normal: 4, old: 1 })).toContain('1 was not checked for a day')
    locale.value = 'zh'
    expect(sentenceOf({ ...nothing, urgent: 3 })).toBe('4 台摄像机中 1 台正常，3 台需要处理。')
    locale.value = 'en'
  })
})

describe('the counts', () => {
  const counts = { offline: 3, critical: 0, error: 1, warning: 2, unknown: 0, normal: 90, muted: 4 }
  const show = (before?: typeof counts) =>
    mount(HealthCounts, {
      props: { counts, before },
      global: { plugins: [i18n], stubs: { RouterLink: { template: '<a><slot /></a>' } } },
    })

  it('say how many more or fewer there are than a day ago, and which of that is bad', () => {
    const shown = show({ ...counts, offline: 1, warning: 5, normal: 95, muted: 2 })
    const changes = shown.findAll('.number .small').map((one) => [one.text(), one.classes().includes('worse')])
    expect(changes).toEqual([
      ['+2', true],
      ['−3', false],
      ['−5', true],
      ['+2', false],
    ])
  })

  it('say nothing of a day ago where that is not known', () => {
    expect(show().findAll('.number .small')).toEqual([])
  })
})

describe('the strip of days', () => {
  const day = (day: string, intact: number | null) => ({ day, hours: intact === null ? 0 : 24, online: 1, intact })

  it('begins below its lowest bar, so that small differences are seen', () => {
    const { floor, bars } = stripOf([day('2026-01-01', 0.975), day('2026-01-02', 1)])
    expect(floor).toBe(0.95)
    expect(bars.map((one) => one.height)).toEqual([expect.closeTo(0.5), 1])
    expect(stripOf([day('2026-01-01', 0.3)]).floor).toBe(0)
    expect(stripOf([day('2026-01-01', 0)]).bars[0]?.height).toBe(0)
  })

  it('has no bar for a day of which nothing is known', () => {
    const { bars } = stripOf([day('2026-01-01', null), day('2026-01-02', 1)])
    expect(bars.map((one) => one.height)).toEqual([undefined, 1])
  })
})

describe('the groups', () => {
  const group = (name: string, online: number, intact: number, watched = 10) => ({
    ...{ name, total: 10, watched, judged: Math.min(online, watched) },
    ...{ online, intact },
  })
  const fine = Array.from({ length: 20 }, (_, at) => group(`fine ${at}`, 10, 10))
  const groups = [...fine, group('faulty', 10, 8), group('dark', 2, 2), group('paused', 0, 0, 0), group('lost', 0, 0)]
  const show = () =>
    mount(GroupShares, {
      props: { groups },
      global: {
        plugins: [i18n],
        stubs: { RouterLink: { props: ['to'], template: '<a :group="to.query.group"><slot /></a>' } },
      },
    })
  const names = (shown: ReturnType<typeof show>) => shown.findAll('a').map((one) => one.attributes('group'))

  it('begin with the lowest share of either kind', () => {
    const shown = show()
    expect(names(shown).slice(0, 3)).toEqual(['lost', 'dark', 'faulty'])
    expect(names(shown)).toHaveLength(8)
  })

  it('are all shown on request, each with the way to its cameras', async () => {
    locale.value = 'en'
    const shown = show()
    await shown.find('button').trigger('click')
    expect(names(shown)).toHaveLength(24)
    expect(names(shown).at(-1)).toBe('paused')
    await shown.find('button').trigger('click')
    expect(names(shown)).toHaveLength(8)
  })
})

describe('the notice of an open master', () => {
  const show = () => mount(OpenNotice, { global: { plugins: [i18n], stubs: { RouterLink: true } } })

  it('says that everybody may change everything, until it is hidden in this browser', async () => {
    locale.value = 'en'
    session.open.value = true
    const shown = show()
    expect(shown.text()).toContain('everybody who reaches this address may change everything')
    await shown.find('button').trigger('click')
    expect(shown.text()).toBe('')
    expect(show().text()).toBe('')
    expect(localStorage.getItem('easysight.preferences')).toContain('"openIsKnown":true')
    preferences.openIsKnown = false
  })

  it('is not shown by a master that asks people to sign in', () => {
    session.open.value = false
    expect(show().text()).toBe('')
  })
})
