// The labels of selected cameras, which are added and removed together; and what the settings say about the access.
import { VueQueryPlugin } from '@tanstack/vue-query'
import { flushPromises, mount } from '@vue/test-utils'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { Camera } from '@/api/types'
import BulkBar from '@/cameras/BulkBar.vue'
import BulkLabel from '@/cameras/BulkLabel.vue'
import type { Definition } from '@/cameras/change'
import { definitionOf } from '@/cameras/change'
import { i18n } from '@/locales'
import en from '@/locales/en'
import { session } from '@/session/session'
import AboutCard from '@/settings/AboutCard.vue'
import { camera } from './camera'

let stored: Camera[]

beforeEach(() => {
  i18n.global.locale.value = 'en'
  session.state.value = 'in'
  session.open.value = true
  vi.stubGlobal('fetch', async (request: Request) => {
    const path = new URL(request.url).pathname
    if (path.endsWith('/camera-groups')) return Response.json([])
    if (path.endsWith('/status')) return Response.json({ version: '1', started_at: '2026-01-01T00:00:00Z', id: 'm' })
    const id = path.split('/').at(-1)
    if (request.method === 'PUT') {
      const body = (await request.json()) as Partial<Camera>
      stored = stored.map((one) => (one.id === id ? { ...one, ...body } : one))
    }
    return Response.json(stored.find((one) => one.id === id))
  })
})
afterEach(() => {
  vi.unstubAllGlobals()
  session.info.value = undefined
})

const ElSelect = { name: 'ElSelect', emits: ['update:modelValue'], template: '<div><slot /></div>' }
const global = { plugins: [i18n, VueQueryPlugin], stubs: { ElSelect, ElOption: true, ElDialog: true } }

describe('the labels of selected cameras', () => {
  beforeEach(() => {
    stored = [
      camera('a', { labels: { site: 'north', floor: '1' } }),
      camera('b', { labels: { site: 'south' } }),
      camera('c'),
    ]
  })
  const labels = (): object[] => stored.map((one) => one.labels)

  it('get one more, which replaces another value of its key', async () => {
    const bar = mount(BulkBar, {
      props: { cameras: stored, filtered: false, selected: new Set(['a', 'c']) },
      global,
    })
    const press = (word: string) => bar.findAll('button').find((one) => one.text() === word)
    await press(en.bulk.addLabel)?.trigger('click')
    const field = bar.find(`input[aria-label="${en.bulk.addLabel}"]`)
    await field.setValue('two words=x')
    expect(press(en.action.apply)?.attributes('disabled')).toBeDefined()
    expect(bar.text()).toContain(en.bulk.labelRule)
    await field.setValue(' site = east=1 ')
    await press(en.action.apply)?.trigger('click')
    await vi.waitFor(() =>
      expect(labels()).toEqual([{ site: 'east=1', floor: '1' }, { site: 'south' }, { site: 'east=1' }]),
    )
    await flushPromises()
    bar.unmount()
  })

  it('lose one with a value, or with any value', async () => {
    const form = mount(BulkLabel, { props: { cameras: stored, removes: true }, global })
    const choices = form.findAll('el-option-stub').map((one) => one.attributes('label'))
    expect(choices).toEqual(['floor=1', 'site with any value', 'site=north', 'site=south'])
    const without = async (text: string): Promise<object[]> => {
      await form.findComponent({ name: 'ElSelect' }).vm.$emit('update:modelValue', text)
      await form.find('button').trigger('click')
      const [change] = form.emitted('apply')?.at(-1) as [(one: Definition) => Definition]
      return stored.map((one) => change(definitionOf(one)).labels)
    }
    expect(await without('site=south')).toEqual([{ site: 'north', floor: '1' }, {}, {}])
    expect(await without('site=')).toEqual([{ floor: '1' }, {}, {}])
  })
})

describe('the access', () => {
  it('is by password for a user, and by token for a token', async () => {
    session.open.value = false
    session.info.value = { identity: 'user', name: 'li.wei', scope: 'viewer', open: false }
    const card = mount(AboutCard, { global })
    await vi.waitFor(() => expect(card.text()).toContain('li.wei, by password'))
    session.info.value = { identity: 'token', name: 'display', scope: 'viewer', open: false }
    await flushPromises()
    expect(card.text()).toContain(en.settings.byToken)
    card.unmount()
  })
})
