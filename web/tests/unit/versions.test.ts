// Two people change the same object: the second one sees the change of the first, and overwrites nothing unseen.
import { VueQueryPlugin } from '@tanstack/vue-query'
import { flushPromises, mount, type VueWrapper } from '@vue/test-utils'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { createMemoryHistory, createRouter } from 'vue-router'
import { api, take } from '@/api/client'
import { isChanged } from '@/api/problem'
import type { Camera, Task } from '@/api/types'
import CameraDialog from '@/cameras/CameraDialog.vue'
import { deleteCamera, editCamera, readCamera } from '@/cameras/change'
import { i18n } from '@/locales'
import { session } from '@/session/session'
import TaskEditor from '@/tasks/TaskEditor.vue'
import { camera } from './camera'

i18n.global.locale.value = 'en'

/** A master with one object, which compares versions as the real one does. */
const stored = { body: {} as Partial<Camera> | Partial<Task>, version: 1, exists: true }
const sent: { method: string; condition: string | null; status: number }[] = []
/** Called before a change is compared: what another person does at this moment. */
let meanwhile: (() => void) | undefined

const change = (fields: object): void => {
  stored.body = { ...stored.body, ...fields }
  stored.version += 1
}
const etag = (): string => `"v${stored.version}"`

async function answer(request: Request): Promise<Response> {
  const path = new URL(request.url).pathname
  if (!/\/(tasks|cameras)\/one$/.test(path)) {
    return Response.json(/groups|plugins/.test(path) ? [] : { items: [] })
  }
  const condition = request.headers.get('if-match')
  const reply = (body: unknown, status = 200): Response => {
    if (request.method !== 'GET') sent.push({ method: request.method, condition, status })
    const headers = { etag: etag(), 'content-type': 'application/json' }
    return new Response(status === 204 ? null : JSON.stringify(body), { status, headers })
  }
  if (request.method === 'GET') return reply(stored.body)
  meanwhile?.()
  if (condition && condition !== etag()) {
    return reply({ type: '/problems/changed-meanwhile', title: 'changed', status: 412, detail: 'changed' }, 412)
  }
  if (request.method === 'DELETE') {
    stored.exists = false
    return reply(null, 204)
  }
  change((await request.json()) as object)
  return reply(stored.body)
}

beforeEach(() => {
  Object.assign(stored, { version: 1, exists: true })
  sent.length = 0
  meanwhile = undefined
  session.state.value = 'in'
  session.open.value = true
  vi.stubGlobal('fetch', answer)
})
afterEach(() => {
  vi.unstubAllGlobals()
  document.body.innerHTML = ''
})

const button = (words: string): HTMLButtonElement =>
  [...document.body.querySelectorAll('button')].find((one) => one.textContent?.trim() === words) as HTMLButtonElement
async function press(words: string): Promise<void> {
  await vi.waitFor(() => expect(button(words)).toBeDefined())
  button(words).click()
  await flushPromises()
}
async function type(input: string, value: string): Promise<void> {
  const field = document.body.querySelector<HTMLInputElement>(input)
  if (!field) throw new Error(`there is no ${input}`)
  field.value = value
  field.dispatchEvent(new Event('input'))
  await flushPromises()
}
const notice = (): string => document.body.querySelector('[role=alert] table')?.textContent ?? ''

describe('the version of an object', () => {
  it('comes with the object, also through a proxy that makes it a weak one', async () => {
    stored.body = camera('one')
    expect((await readCamera('one')).etag).toBe('"v1"')
    for (const etag of ['W/"v1"', '"v1-gzip"', 'W/"v1-zstd"']) {
      vi.stubGlobal('fetch', () => Promise.resolve(Response.json(stored.body, { headers: { etag } })))
      expect((await readCamera('one')).etag).toBe('"v1"')
    }
  })

  it('is not added to lists', async () => {
    vi.stubGlobal('fetch', () => Promise.resolve(Response.json([1], { headers: { etag: '"x"' } })))
    expect(await take(api.GET('/api/v1/diagnosis/camera-groups'))).toEqual([1])
  })
})

describe('the form of a camera', () => {
  let page: VueWrapper | undefined

  async function open(): Promise<() => void> {
    stored.body = camera('one', { name: 'Gate' })
    const shown = await readCamera('one')
    page = mount(CameraDialog, {
      props: { camera: shown },
      attachTo: document.body,
      global: { plugins: [i18n, VueQueryPlugin] },
    })
    await flushPromises()
    return () => page?.unmount()
  }

  it('is saved if nobody else has changed the camera', async () => {
    const close = await open()
    await type('input[aria-label="Name"]', 'Main gate')
    await press('Save')
    await vi.waitFor(() => expect(sent).toEqual([{ method: 'PUT', condition: '"v1"', status: 200 }]))
    close()
  })

  it('shows the change of another person, and overwrites only what it has shown', async () => {
    const close = await open()
    await type('input[aria-label="Name"]', 'Main gate')
    change({ name: 'Gate 1' })
    await press('Save')
    await vi.waitFor(() => expect(notice()).toContain('Gate 1'))
    // While the notice is read, the camera changes again.
    change({ name: 'Gate 2' })
    await press('Save mine anyway')
    await vi.waitFor(() => expect(notice()).toContain('Gate 2'))
    await press('Save mine anyway')
    await vi.waitFor(() => expect(sent).toHaveLength(3))
    expect(sent.map((one) => [one.condition, one.status])).toEqual([
      ['"v1"', 412],
      ['"v2"', 412],
      ['"v3"', 200],
    ])
    expect(stored.body.name).toBe('Main gate')
    close()
  })

  it('asks before it is cancelled with unsaved work', async () => {
    const close = await open()
    const confirm = vi.fn(() => false)
    vi.stubGlobal('confirm', confirm)
    const isOpen = (): boolean => page?.emitted('close') === undefined
    await type('input[aria-label="Name"]', 'Main gate')
    await press('Cancel')
    expect([confirm.mock.calls.length, isOpen()]).toEqual([1, true])
    confirm.mockReturnValue(true)
    await press('Cancel')
    expect([confirm.mock.calls.length, isOpen()]).toEqual([2, false])
    close()
  })

  it('continues with the version that was taken over', async () => {
    const close = await open()
    await type('input[aria-label="Name"]', 'Main gate')
    change({ name: 'Gate 1' })
    await press('Save')
    await press('Take theirs')
    await type('input[aria-label="Name"]', 'Gate 1 east')
    await press('Save')
    await vi.waitFor(() => expect(sent.at(-1)).toEqual({ method: 'PUT', condition: '"v2"', status: 200 }))
    close()
  })
})

describe('the editor of a task', () => {
  let page: VueWrapper | undefined

  async function open(): Promise<() => void> {
    stored.body = {
      ...{ id: 'one', name: 'Night', cameras: ['c1'], schedule: { kind: 'manual' }, enabled: true },
      ...{ created_at: '2026-01-01T00:00:00Z', updated_at: '2026-01-01T00:00:00Z' },
    } as Partial<Task>
    const router = createRouter({
      history: createMemoryHistory(),
      routes: [
        { path: '/tasks/:id', name: 'task', component: TaskEditor, props: true },
        { path: '/:rest(.*)*', name: 'nowhere', component: { template: '<p />' } },
      ],
    })
    await router.push('/tasks/one')
    page = mount(
      { template: '<RouterView />' },
      {
        attachTo: document.body,
        global: { plugins: [i18n, router, VueQueryPlugin], stubs: { DiagnosesInput: true, TaskAside: true } },
      },
    )
    await vi.waitFor(() => expect(document.body.querySelector('h1')?.textContent).toBe('Night'))
    return () => page?.unmount()
  }

  it('shows the change of another person, and overwrites only what it has shown', async () => {
    const close = await open()
    await type('#task-name', 'Nights')
    meanwhile = () => change({ priority: 7 })
    await press('Save')
    await vi.waitFor(() => expect(notice()).toContain('7'))
    await press('Save mine anyway')
    meanwhile = undefined
    await vi.waitFor(() => expect(sent).toHaveLength(2))
    await press('Save mine anyway')
    await vi.waitFor(() => expect(sent).toHaveLength(3))
    expect(sent.map((one) => [one.condition, one.status])).toEqual([
      ['"v1"', 412],
      ['"v2"', 412],
      ['"v3"', 200],
    ])
    // The editor now has the version that it has written.
    await type('#task-name', 'Every night')
    await press('Save')
    await vi.waitFor(() => expect(sent.at(-1)).toEqual({ method: 'PUT', condition: '"v4"', status: 200 }))
    close()
  })

  it('forgets a faulty setting together with what was typed when it takes theirs', async () => {
    const close = await open()
    const head = (): string => document.body.querySelector('.page-head')?.textContent ?? ''
    await type('#task-name', 'Nights')
    change({ priority: 7 })
    await press('Save')
    page?.findComponent({ name: 'DiagnosesInput' }).vm.$emit('faulty', ['Brightness'])
    await flushPromises()
    expect(head()).toContain('Wrong setting: Brightness')
    await press('Take theirs')
    expect(head()).not.toContain('Wrong setting')
    await type('#task-name', 'Nights')
    await press('Save')
    await vi.waitFor(() => expect(sent.at(-1)).toEqual({ method: 'PUT', condition: '"v2"', status: 200 }))
    close()
  })

  it('deletes the task only in the version that the page shows', async () => {
    const close = await open()
    change({ name: 'Night' })
    await press('Delete')
    await type('input[aria-label="To confirm, type its name:"]', 'Night')
    const confirm = (): HTMLButtonElement =>
      document.body.querySelector('.el-dialog__footer .el-button--danger') as HTMLButtonElement
    confirm().click()
    await vi.waitFor(() => expect(document.body.textContent).toContain('Someone else has changed this'))
    expect(stored.exists).toBe(true)
    // By now the page shows the change.
    confirm().click()
    await vi.waitFor(() => expect(stored.exists).toBe(false))
    expect(sent.map((one) => [one.condition, one.status])).toEqual([
      ['"v1"', 412],
      ['"v2"', 204],
    ])
    close()
  })
})

describe('a change of many cameras', () => {
  it('is applied to what another person writes at the same moment', async () => {
    stored.body = camera('one', { name: 'Gate', groups: ['hall'] })
    meanwhile = () => {
      meanwhile = undefined
      change({ groups: ['hall', 'yard'] })
    }
    await editCamera('one', (one) => ({ ...one, enabled: false }))
    expect(stored.body).toMatchObject({ groups: ['hall', 'yard'], enabled: false })
    expect(sent.map((one) => one.status)).toEqual([412, 200])
  })

  it('fails if the camera changes again and again', async () => {
    stored.body = camera('one')
    meanwhile = () => change({ name: 'again' })
    const failed: unknown = await editCamera('one', (one) => one).catch((error: unknown) => error)
    expect([isChanged(failed), sent.length]).toEqual([true, 3])
  })

  it('deletes cameras whatever has changed, but a single one only in the version that is shown', async () => {
    stored.body = camera('one')
    const shown: Camera = await readCamera('one')
    change({ name: 'other' })
    await expect(deleteCamera('one', shown)).rejects.toSatisfy(isChanged)
    await deleteCamera('one')
    expect(sent.map((one) => [one.condition, one.status])).toEqual([
      ['"v1"', 412],
      [null, 204],
    ])
  })
})
