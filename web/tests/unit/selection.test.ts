// What is selected in the list of cameras, and what happens to it.
import { QueryClient, VueQueryPlugin } from '@tanstack/vue-query'
import { flushPromises, mount, type VueWrapper } from '@vue/test-utils'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { createMemoryHistory, createRouter } from 'vue-router'
import type { Camera } from '@/api/types'
import CamerasPage from '@/cameras/CamerasPage.vue'
import { i18n } from '@/locales'
import { session } from '@/session/session'
import { camera } from './camera'

const LIST = '/api/v1/diagnosis/cameras'

let all: Camera[]
let held: (() => void)[] | undefined
let page: VueWrapper
let client: QueryClient
const router = createRouter({
  history: createMemoryHistory(),
  routes: [
    { path: '/cameras', name: 'cameras', component: CamerasPage },
    { path: '/cameras/:id', name: 'camera', component: { template: '<p />' } },
  ],
})

beforeEach(async () => {
  vi.useFakeTimers()
  i18n.global.locale.value = 'en'
  session.state.value = 'in'
  session.open.value = true
  held = undefined
  all = Array.from({ length: 300 }, (_, at) => camera(`c${at}`, { name: `Camera ${at}` }))
  vi.stubGlobal('fetch', async (request: Request) => {
    const { pathname, searchParams } = new URL(request.url)
    const id = pathname.startsWith(`${LIST}/`) ? pathname.slice(LIST.length + 1) : undefined
    if (request.method === 'DELETE') {
      all = all.filter((one) => one.id !== id)
      return new Response(null, { status: 204 })
    }
    if (id) return Response.json(all.find((one) => one.id === id) ?? {}, { status: 200 })
    if (pathname !== LIST) return Response.json([])
    if (searchParams.has('after') && held) await new Promise<void>((resolve) => held?.push(resolve))
    const fit = searchParams.has('cause') ? [] : all.filter((one) => one.name.includes(searchParams.get('q') ?? ''))
    const from = Number(searchParams.get('after') ?? 0)
    const items = fit.slice(from, from + 250)
    return Response.json({ items, total: fit.length, next: from + 250 < fit.length ? String(from + 250) : null })
  })
  await router.push('/cameras')
  client = new QueryClient({ defaultOptions: { queries: { retry: false } } })
  page = mount(CamerasPage, {
    attachTo: document.body,
    global: { plugins: [i18n, router, [VueQueryPlugin, { queryClient: client }]] as never },
  })
  await settled()
})
afterEach(() => {
  page.unmount()
  client.clear()
  document.body.innerHTML = ''
  vi.useRealTimers()
  vi.unstubAllGlobals()
})

async function settled(ms = 20): Promise<void> {
  await vi.advanceTimersByTimeAsync(ms)
  await flushPromises()
}
const bar = () => page.find('.bulk')
const rows = (): string[] => page.findAll('.window .row').map((one) => one.find('.name a').text())
const box = (label: string) => page.get(`input[aria-label="${label}"]`)

describe('a selection', () => {
  it('ends with the filter under which it was made', async () => {
    await box('Select Camera 3').trigger('click')
    expect(bar().text()).toContain('1 selected')
    await router.push('/cameras?sort=name')
    await settled()
    expect(bar().text()).toContain('1 selected')
    await router.push('/cameras?q=Camera 2')
    await settled()
    expect(bar().exists()).toBe(false)
  })

  it('of all is of the cameras that fit, also of those that were not read yet', async () => {
    await box('Select all').trigger('change')
    await settled()
    expect(bar().text()).toContain('300 selected')
  })

  it('of all does not take the cameras of another filter that is chosen meanwhile', async () => {
    held = []
    await box('Select all').trigger('change')
    await settled()
    expect(held).toHaveLength(1)
    await router.push('/cameras?q=Camera 2')
    await settled()
    held.forEach((release) => release())
    await settled()
    expect(rows()[0]).toBe('Camera 2')
    expect(bar().exists()).toBe(false)
  })

  it('names what is deleted, and leaves no row of it', async () => {
    await router.push('/cameras?q=Camera 1')
    await settled()
    await box('Select all').trigger('change')
    await settled()
    const count = all.filter((one) => one.name.includes('Camera 1')).length
    expect(bar().text()).toContain(`${count} selected`)
    const remove = bar()
      .findAll('button')
      .find((one) => one.text() === 'Delete')
    await remove?.trigger('click')
    await settled()
    const dialog = document.querySelector('[role=dialog]') as HTMLElement
    expect(dialog.textContent).toContain('Camera 10')
    expect(dialog.textContent).toContain(`and ${count - 10} more`)
    expect(dialog.textContent).toContain('cameras that the filter hides are not deleted')
    const typed = dialog.querySelector('input') as HTMLInputElement
    typed.value = String(count)
    typed.dispatchEvent(new Event('input'))
    await settled()
    dialog.querySelector<HTMLElement>('.el-button--danger')?.click()
    await settled(500)
    expect(all).toHaveLength(300 - count)
    expect(rows()).toEqual([])
    expect(bar().exists()).toBe(false)
  })
})

describe('the filters', () => {
  it('are cleared together with words that were just typed', async () => {
    await router.push('/cameras?cause=freeze')
    await settled()
    const field = page.get(`input[placeholder="${i18n.global.t('cameras.search')}"]`)
    await field.setValue('nothing like this')
    const clear = page.findAll('button').find((one) => one.text() === 'Clear filters')
    await clear?.trigger('click')
    await settled(1_000)
    expect(router.currentRoute.value.fullPath).toBe('/cameras')
    expect((field.element as HTMLInputElement).value).toBe('')
    expect(rows()[0]).toBe('Camera 0')
  })
})
