import { mount } from '@vue/test-utils'
import { describe, expect, it } from 'vitest'
import { defineComponent } from 'vue'
import { i18n } from '@/locales'
import { type Standing, useSentence } from '@/overview/sentence'

const { locale } = i18n.global
const nothing = { watched: 4, normal: 1, urgent: 0, unknown: 0, old: 0 }

function sentenceOf(standing: Standing): string {
  const page = defineComponent({ setup: () => ({ text: useSentence()(standing) }), template: '<p>{{ text }}</p>' })
  return mount(page, { global: { plugins: [i18n] } }).vm.text
}

describe('the sentence', () => {
  it('has each number in its own plural', () => {
    locale.value = 'en'
    expect(sentenceOf({ ...nothing, urgent: 3 })).toBe('1 of 4 cameras are fine; 3 need someone.')
    expect(sentenceOf({ ...nothing, normal: 3, urgent: 1 })).toBe('3 of 4 cameras are fine; 1 needs someone.')
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
