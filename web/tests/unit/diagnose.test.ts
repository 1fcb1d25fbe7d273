// "Diagnose now": what is sent, and what is said where it cannot check or where an answer is lost.
import { QueryClient, VueQueryPlugin } from '@tanstack/vue-query'
import { mount, type VueWrapper } from '@vue/test-utils'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { defineComponent } from 'vue'
import DiagnoseNow from '@/cameras/DiagnoseNow.vue'
import { useSweep } from '@/cameras/diagnoseNow'
import { i18n } from '@/locales'
import en from '@/locales/en'
import { session } from '@/session/session'
import { camera } from './camera'

const RUN = { id: 'r', trigger: 'manual', priority: 10, created_at: '2026-01-02T00:00:00Z' }
const progress = { queued: 0, running: 0, finished: 0, dead: 0, cancelled: 0, total: 0 }
const ended = { ...RUN, state: 'finished', progress: { ...progress, finished: 1, total: 1 } }
const job = { id: 'j', run_id: 'r', state: 'finished', camera_id: 'gate', source: '', failures: 0 }

/** Answers a request: a value, or undefined where no answer arrives. */
let answer: (method: string, path: string) => unknown
let asked: string[]
let keys: (string | null)[]
let client: QueryClient
let shown: VueWrapper

beforeEach(() => {
  vi.useFakeTimers()
  vi.setSystemTime('2026-01-02T00:00:00Z')
  i18n.global.locale.value = 'en'
  session.state.value = 'in'
  session.open.value = true
  asked = []
  keys = []
  client = new QueryClient({ defaultOptions: { queries: { retry: false } } })
  vi.stubGlobal('fetch', async (request: Request) => {
    const path = new URL(request.url).pathname.replace('/api/v1/diagnosis/', '')
    asked.push(`${request.method} ${path.replace(/diagnose-now-[0-9a-f]{32}/, 'NOW')}`)
    if (path.endsWith('/submit')) keys.push(request.headers.get('idempotency-key'))
    const found = await answer(request.method, path)
    if (found === undefined) throw new TypeError('no answer')
    return new Response(JSON.stringify(found), { headers: { 'content-type': 'application/json' } })
  })
})
afterEach(() => {
  shown.unmount()
  client.clear()
  vi.useRealTimers()
  vi.unstubAllGlobals()
})

function show(enabled = true): void {
  shown = mount(DiagnoseNow, {
    props: { camera: camera('gate', { enabled }) },
    global: {
      plugins: [i18n, [VueQueryPlugin, { queryClient: client }]],
      stubs: { RouterLink: true, ElSelect: true, ElOption: true },
    },
  })
}
const passes = (ms = 100): Promise<unknown> => vi.advanceTimersByTimeAsync(ms)
const press = async (word: string): Promise<void> => {
  await shown
    .findAll('button')
    .find((one) => one.text() === word)
    ?.trigger('click')
  await passes()
}
const writes = (): string[] => asked.filter((one) => !one.startsWith('GET'))

function answers(more: Record<string, unknown> = {}): void {
  const usual: Record<string, unknown> = {
    'GET tasks': { items: [] },
    'POST tasks': { id: 'x' },
    submit: ended,
    'GET runs/r': ended,
    'GET runs/r/jobs': { items: [job] },
    ...more,
  }
  answer = (method, path) => {
    if (method === 'DELETE') return {}
    return usual[path.endsWith('/submit') ? 'submit' : `${method} ${path}`]
  }
}

describe('“Diagnose now”', () => {
  it('checks a camera, and leaves no task behind', async () => {
    answers()
    show()
    await press(en.camera.diagnoseNow)
    expect(writes()).toEqual(['POST tasks', 'POST tasks/NOW/submit', 'DELETE tasks/NOW'])
    expect(shown.text()).toContain(en.diagnose.done)
    expect(shown.emitted('done')).toEqual([['j']])
  })

  it('is not offered for a paused camera, but says why and resumes it', async () => {
    answers({ 'GET cameras/gate': camera('gate', { enabled: false }), 'PUT cameras/gate': {} })
    show(false)
    await passes()
    const button = shown.findAll('button').find((one) => one.text() === en.camera.diagnoseNow)
    expect(button?.attributes('disabled')).toBeDefined()
    expect(shown.text()).toContain(en.diagnose.paused)
    await press(en.diagnose.resume)
    expect(writes()).toEqual(['PUT cameras/gate'])
    await shown.setProps({ camera: camera('gate') })
    expect(button?.attributes('disabled')).toBeUndefined()
  })

  it('says that nothing was checked where the run has no job', async () => {
    const empty = { ...RUN, state: 'finished', progress }
    answers({ submit: empty, 'GET runs/r': empty, 'GET runs/r/jobs': { items: [] } })
    show()
    await press(en.camera.diagnoseNow)
    expect(shown.text()).toContain(en.diagnose.nothing)
    expect(shown.emitted('done')).toBeUndefined()
  })

  it('says that an answer was lost while it watches, and looks again', async () => {
    answers({ 'GET runs/r/jobs': undefined })
    show()
    await press(en.camera.diagnoseNow)
    expect(shown.text()).toContain(en.problem.unreachable)
    answers()
    await press(en.action.tryAgain)
    expect(shown.text()).not.toContain(en.problem.unreachable)
    expect(shown.emitted('done')).toEqual([['j']])
  })

  it('submits again with the same key where the answer was lost, and deletes the task in any case', async () => {
    answers({ submit: undefined })
    show()
    await press(en.camera.diagnoseNow)
    expect(writes()).toEqual(['POST tasks', 'POST tasks/NOW/submit', 'POST tasks/NOW/submit', 'DELETE tasks/NOW'])
    expect([keys.length, new Set(keys).size, keys[0]?.length]).toEqual([2, 1, 45])
    expect(shown.text()).toContain(en.problem.unreachable)
  })

  it('deletes the tasks of checks that were interrupted, and no other', async () => {
    const items = [
      { id: `diagnose-now-${'0'.repeat(32)}`, name: 'left', cameras: ['gate'], created_at: '2026-01-01T23:00:00Z' },
      { id: `diagnose-now-${'1'.repeat(32)}`, name: 'running', cameras: ['gate'], created_at: '2026-01-01T23:59:30Z' },
      { id: 'hourly', name: 'hourly', cameras: ['gate'], created_at: '2026-01-01T00:00:00Z' },
    ]
    answers({ 'GET tasks': { items } })
    const page = defineComponent({ setup: () => useSweep(), template: '<p />' })
    session.open.value = false
    session.info.value = { identity: 'user', scope: 'viewer', open: false }
    shown = mount(page, { global: { plugins: [[VueQueryPlugin, { queryClient: client }]] } })
    await passes()
    expect(writes()).toEqual([])
    shown.unmount()
    session.info.value = { identity: 'user', scope: 'operator', open: false }
    shown = mount(page, { global: { plugins: [[VueQueryPlugin, { queryClient: client }]] } })
    await passes()
    expect(writes()).toEqual(['DELETE tasks/NOW'])
  })
})
