// The parts around the pages.
import { QueryClient, VueQueryPlugin } from '@tanstack/vue-query'
import { flushPromises, mount } from '@vue/test-utils'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { createMemoryHistory, createRouter } from 'vue-router'
import LabelsInput from '@/blocks/LabelsInput.vue'
import LossBanner from '@/frame/LossBanner.vue'
import SearchBox from '@/frame/SearchBox.vue'
import { connection } from '@/live/connection'
import { i18n } from '@/locales'

i18n.global.locale.value = 'en'

const router = createRouter({
  history: createMemoryHistory(),
  routes: [{ path: '/:rest(.*)*', name: 'any', component: { template: '<p />' } }],
})
let queryClient: QueryClient

beforeEach(() => {
  queryClient = new QueryClient()
  vi.stubGlobal('fetch', (request: Request) =>
    Promise.resolve(new Response(/plugins/.test(request.url) ? '[]' : '{"items":[]}')),
  )
})
afterEach(() => {
  vi.useRealTimers()
  vi.unstubAllGlobals()
})

const global = () => ({ plugins: [i18n, router, [VueQueryPlugin, { queryClient }]] as never })

describe('the search', () => {
  it('leaves Enter to an input method that composes', async () => {
    await router.push('/')
    const box = mount(SearchBox, { global: global() })
    const field = box.find('input')
    await field.setValue('gate')
    await field.trigger('keydown', { key: 'Enter', isComposing: true })
    await flushPromises()
    expect(router.currentRoute.value.fullPath).toBe('/')
    await field.trigger('keydown', { key: 'Enter' })
    await flushPromises()
    expect(router.currentRoute.value.fullPath).toBe('/cameras?q=gate')
    box.unmount()
  })
})

describe('the search for cameras', () => {
  it('asks the master once for what was typed, when the person pauses', async () => {
    vi.useFakeTimers()
    const asked: string[] = []
    vi.stubGlobal('fetch', (request: Request) => {
      const url = new URL(request.url)
      if (url.searchParams.has('q')) asked.push(url.search)
      const items = [{ id: 'gate', name: '东门', enabled: true, status: 'error' }]
      return Promise.resolve(new Response(/plugins/.test(url.pathname) ? '[]' : JSON.stringify({ items })))
    })
    const box = mount(SearchBox, { global: global() })
    expect(asked).toEqual([])
    for (const words of ['东', '东门', '东门 ']) await box.find('input').setValue(words)
    await vi.advanceTimersByTimeAsync(1_000)
    expect(asked).toEqual([`?q=${encodeURIComponent('东门')}&limit=7`])
    expect(box.find('[role=option]').text()).toContain('gate')
    box.unmount()
  })
})

describe('a hit that was chosen', () => {
  it('stays chosen when further hits arrive above it', async () => {
    vi.useFakeTimers()
    const plugin = { name: 'gate-watch', diagnoses: [{ id: 'x', title: { zh: '', en: 'Gate watch' } }] }
    vi.stubGlobal('fetch', (request: Request) => {
      const { pathname } = new URL(request.url)
      const items = pathname.endsWith('/cameras') ? [{ id: 'gate', name: 'East gate', enabled: true }] : []
      return Promise.resolve(new Response(JSON.stringify(pathname.endsWith('/plugins') ? [plugin] : { items })))
    })
    await router.push('/')
    const box = mount(SearchBox, { global: global() })
    const field = box.find('input')
    await vi.advanceTimersByTimeAsync(10)
    await field.setValue('gate')
    await field.trigger('keydown', { key: 'ArrowDown' })
    expect(box.find('.chosen').text()).toContain('gate-watch')
    await vi.advanceTimersByTimeAsync(1_000)
    expect(box.findAll('[role=option]').map((one) => one.classes('chosen'))).toEqual([false, true])
    await field.trigger('keydown', { key: 'Enter' })
    await vi.advanceTimersByTimeAsync(10)
    expect(router.currentRoute.value.fullPath).toBe('/plugins/gate-watch')
    box.unmount()
  })
})

describe('the banner of a loss', () => {
  it('says how old the cameras are, not when anything was heard last', async () => {
    vi.useFakeTimers()
    queryClient.setQueryData(['overview'], {}, { updatedAt: Date.now() - 600_000 })
    queryClient.setQueryData(['cameras', 'listed', {}], [], { updatedAt: Date.now() - 240_000 })
    const banner = mount(LossBanner, { global: global() })
    connection.reached()
    connection.streamIs('lost')
    await vi.advanceTimersByTimeAsync(5_000)
    expect(banner.text()).toContain('Live changes have been interrupted')
    expect(banner.text()).toContain('4 min old')
    connection.streamIs('open')
    banner.unmount()
  })
})

describe('labels', () => {
  it('say what is wrong with a word that is no label', async () => {
    const input = mount(LabelsInput, { props: { modelValue: {}, name: 'Labels' }, global: global() })
    const select = input.findComponent({ name: 'ElSelect' })
    select.vm.$emit('update:modelValue', ['site=north', 'gate'])
    await flushPromises()
    expect(input.emitted('update:modelValue')?.at(-1)).toEqual([{ site: 'north' }])
    expect(input.find('[role=alert]').text()).toBe('Type key=value and press Enter')
    select.vm.$emit('update:modelValue', ['site=north'])
    await flushPromises()
    expect(input.find('[role=alert]').exists()).toBe(false)
  })
})
