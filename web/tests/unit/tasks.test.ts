// The editor of tasks: it never mixes up two tasks, and never discards typed text without asking.
import { QueryClient, VueQueryPlugin } from '@tanstack/vue-query'
import { flushPromises, mount } from '@vue/test-utils'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { createMemoryHistory, createRouter } from 'vue-router'
import type { Task } from '@/api/types'
import Frame from '@/frame/Frame.vue'
import { i18n } from '@/locales'
import { session } from '@/session/session'
import TaskEditor from '@/tasks/TaskEditor.vue'
import { submitTask } from '@/tasks/submit'

vi.mock('@/live/useLive', () => ({ useLive: () => undefined }))

i18n.global.locale.value = 'en'
const sent: Request[] = []
let answer: (request: Request) => Response | Promise<Response>

const json = (body: unknown, status = 200): Response =>
  new Response(JSON.stringify(body), { status, headers: { 'content-type': 'application/json' } })

beforeEach(() => {
  sent.length = 0
  session.state.value = 'in'
  session.open.value = true
  vi.stubGlobal('fetch', (request: Request) => {
    sent.push(request)
    return Promise.resolve(answer(request))
  })
})
afterEach(() => {
  queries.clear()
  vi.unstubAllGlobals()
})

function task(id: string): Task {
  return {
    id,
    name: `Task ${id}`,
    cameras: ['c1'],
    schedule: { kind: 'manual' },
    enabled: true,
    created_at: '2026-01-01T00:00:00Z',
    updated_at: '2026-01-01T00:00:00Z',
  } as Task
}

const queries = new QueryClient()
/** The plugins of the master. */
let plugins: unknown[] = []

async function open(path: string, more: object = {}) {
  const tasks: Record<string, Task> = { a: task('a'), b: task('b') }
  answer = (request) => {
    const path = new URL(request.url).pathname
    const [, id = '', verb] = /\/tasks\/([ab])(?:\/(\w+))?$/.exec(path) ?? []
    const known = tasks[id]
    if (known && verb) tasks[id] = { ...known, enabled: verb === 'resume', updated_at: '2026-01-02T00:00:00Z' }
    if (known) return json(tasks[id])
    if (path.endsWith('/plugins')) return json(plugins)
    return json(/groups/.test(path) ? [] : { items: [] })
  }
  const router = createRouter({
    history: createMemoryHistory(),
    routes: [
      { path: '/tasks/:id', name: 'task', component: TaskEditor, props: true },
      { path: '/:rest(.*)*', name: 'nowhere', component: { template: '<p />' } },
    ],
  })
  await router.push(path)
  const page = mount(Frame, {
    global: {
      plugins: [i18n, router, [VueQueryPlugin, { queryClient: queries }]],
      stubs: { Rail: true, TopBar: true, LossBanner: true, SignInDialog: true, DiagnosesInput: true, ...more },
    },
  })
  await flushPromises()
  await vi.waitFor(() => expect(page.find('h1').text()).toBe('Task a'))
  return { page, router }
}

describe('the editor of a task', () => {
  it('asks before another task takes its place', async () => {
    const { page, router } = await open('/tasks/a')
    await page.find('#task-name').setValue('typed')
    const confirm = vi.fn(() => false)
    vi.stubGlobal('confirm', confirm)
    await router.push('/tasks/b')
    expect(confirm).toHaveBeenCalledOnce()
    expect(router.currentRoute.value.path).toBe('/tasks/a')
    expect((page.find('#task-name').element as HTMLInputElement).value).toBe('typed')

    confirm.mockReturnValue(true)
    await router.push('/tasks/b')
    await vi.waitFor(() => expect(page.find('h1').text()).toBe('Task b'))
    expect((page.find('#task-name').element as HTMLInputElement).value).toBe('Task b')
    page.unmount()
  })

  it('holds a tab that would be closed with unsaved work', async () => {
    const { page } = await open('/tasks/a')
    const closes = (): boolean => window.dispatchEvent(new Event('beforeunload', { cancelable: true }))
    expect(closes()).toBe(true)
    await page.find('#task-name').setValue('typed')
    expect(closes()).toBe(false)
    page.unmount()
    expect(closes()).toBe(true)
  })

  it('says beside “Save” which diagnosis has a faulty setting, as long as it has one', async () => {
    const schema = { properties: { dark: { type: 'number', minimum: 0, maximum: 255, default: 80 } } }
    const title = { en: 'Brightness', zh: '亮度' }
    const brightness = {
      ...{ digest: 'd', published_at: '2026-01-01T00:00:00Z', active_for: ['brightness'], config_schema: schema },
      diagnoses: [{ id: 'brightness', title, description: title }],
    }
    plugins = [brightness]
    const { page } = await open('/tasks/a', { DiagnosesInput: false, TaskAside: true })
    const fold = async (): Promise<void> => {
      await page.find('details.one summary').trigger('click')
      await page.find('details.one').trigger('toggle')
    }
    const save = () => page.findAll('button').find((one) => one.text() === 'Save')
    await page.find('#task-name').setValue('typed')
    await vi.waitFor(() => expect(page.find('details.one').exists()).toBe(true))
    await fold()
    await page.find('#brightness-dark').setValue('300')
    await fold()
    expect(page.find('.page-head').text()).toContain('Wrong setting: Brightness')
    expect(save()?.attributes('disabled')).toBeDefined()
    // The plugin is switched off, and its form with the faulty setting goes.
    plugins = []
    await queries.invalidateQueries({ queryKey: ['plugins'] })
    await vi.waitFor(() => expect(page.find('#brightness-dark').exists()).toBe(false))
    expect(page.find('.page-head').text()).not.toContain('Wrong setting')
    expect(save()?.attributes('disabled')).toBeUndefined()
    page.unmount()
  })

  it('opens with the value of a replay filled in, and saves it only when asked', async () => {
    const { page } = await open('/tasks/a?diagnosis=brightness&setting=dark_p95&value=72.5')
    expect(page.text()).toContain('dark_p95 = 72.5')
    expect(sent.some((one) => one.method === 'PUT')).toBe(false)
    const save = page.findAll('button').find((one) => one.text() === 'Save')
    await save?.trigger('click')
    await vi.waitFor(() => expect(sent.some((one) => one.method === 'PUT')).toBe(true))
    const body = (await sent.find((one) => one.method === 'PUT')?.json()) as Task
    expect(body.config).toEqual({ brightness: { dark_p95: 72.5 } })
    page.unmount()
  })

  it('does not take the own pause for a change by somebody else', async () => {
    const { page } = await open('/tasks/a')
    await page.find('#task-name').setValue('typed')
    const button = (words: string) => page.findAll('button').find((one) => one.text() === words)
    await button('Pause')?.trigger('click')
    await vi.waitFor(() => expect(button('Resume')).toBeDefined())
    await button('Save')?.trigger('click')
    await vi.waitFor(() => expect(sent.some((one) => one.method === 'PUT')).toBe(true))
    const body = (await sent.find((one) => one.method === 'PUT')?.json()) as Task
    expect(body).toMatchObject({ name: 'typed', enabled: false })
    page.unmount()
  })
})

describe('a run that is started by hand', () => {
  const key = (at: number): string => sent[at]?.headers.get('idempotency-key') ?? ''

  it('is the same run if the answer was lost, and another one afterwards', async () => {
    answer = () => Promise.reject(new TypeError('Failed to fetch'))
    await expect(submitTask('a')).rejects.toThrow()
    answer = () => new Response('<html>', { status: 504 })
    await expect(submitTask('a')).rejects.toThrow()
    answer = () => json({ id: 'r1' }, 202)
    await submitTask('a')
    await submitTask('a')
    expect(key(0)).toMatch(/^[0-9a-f]{32}$/)
    expect([key(1), key(2)]).toEqual([key(0), key(0)])
    expect(key(3)).not.toBe(key(0))
  })
})
