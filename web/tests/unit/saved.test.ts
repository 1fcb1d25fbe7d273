// Saved filters of the list of cameras.
import { QueryClient, VueQueryPlugin } from '@tanstack/vue-query'
import { flushPromises, mount } from '@vue/test-utils'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { CameraListFilter, SavedFilter } from '@/api/types'
import SavedFilters from '@/cameras/SavedFilters.vue'
import { addressOf, filterOf, isSame, isUsual } from '@/cameras/saved'
import { i18n } from '@/locales'
import { session } from '@/session/session'

const parts = { q: '', health: '', group: '', cause: '', sort: 'urgency', view: 'table' }

describe('what is saved', () => {
  it('is what differs from the usual list', () => {
    expect(filterOf(parts)).toEqual({})
    expect(filterOf({ ...parts, q: ' 东门\tgate ', health: 'old', sort: '-name', view: 'wall' })).toEqual({
      q: '东门 gate',
      health: 'old',
      sort: '-name',
      view: 'wall',
    })
    expect(filterOf({ ...parts, q: 'x'.repeat(2_000), group: 'y'.repeat(300) })).toEqual({
      q: 'x'.repeat(1_000),
      group: 'y'.repeat(200),
    })
  })

  it('gets back into the address, and takes the rest out of it', () => {
    expect(addressOf({ group: 'Yard', sort: 'name' })).toEqual({
      q: undefined,
      health: undefined,
      group: 'Yard',
      cause: undefined,
      sort: 'name',
      view: undefined,
    })
    expect([isSame({ q: 'a' }, { q: 'a', group: undefined }), isSame({ q: 'a' }, { q: 'b' })]).toEqual([true, false])
    expect([isUsual({}), isUsual({ view: 'wall' })]).toEqual([true, false])
  })
})

describe('the menu', () => {
  let stored: SavedFilter[]
  let sent: string[]
  let client: QueryClient
  const one = (id: string, name: string, filter: CameraListFilter): SavedFilter => ({
    id,
    name,
    filter,
    created_at: '2026-01-01T00:00:00Z',
    updated_at: '2026-01-01T00:00:00Z',
  })

  beforeEach(() => {
    i18n.global.locale.value = 'en'
    session.state.value = 'in'
    session.open.value = true
    client = new QueryClient({ defaultOptions: { queries: { retry: false } } })
    stored = [one('1', 'Yard', { group: 'Yard' }), one('2', 'Gates', { q: 'gate' })]
    sent = []
    vi.stubGlobal('fetch', async (request: Request) => {
      const id = new URL(request.url).pathname.split('/camera-filters')[1]?.slice(1) ?? ''
      const body = ['POST', 'PUT'].includes(request.method)
        ? ((await request.json()) as { name: string; filter: CameraListFilter })
        : undefined
      if (request.method !== 'GET') sent.push(`${request.method} ${id} ${body?.name ?? ''}`.replace(/ +/g, ' ').trim())
      const answer = (found: unknown, status = 200): Response =>
        new Response(status === 204 ? null : JSON.stringify(found), {
          status,
          headers: { 'content-type': status < 400 ? 'application/json' : 'application/problem+json' },
        })
      if (body && stored.some((known) => known.name === body.name && known.id !== id))
        return answer(
          { type: '/problems/conflict', title: 'Conflict', status: 409, detail: 'a filter has this name already' },
          409,
        )
      if (request.method === 'DELETE') {
        stored = stored.filter((known) => known.id !== id)
        return answer(undefined, 204)
      }
      if (body) {
        const saved = one(id || `${stored.length + 1}-new`, body.name, body.filter)
        stored = [...stored.filter((known) => known.id !== id), saved]
        return answer(saved, id ? 200 : 201)
      }
      return answer(stored)
    })
  })
  afterEach(() => {
    client.clear()
    vi.unstubAllGlobals()
  })

  async function open(present: CameraListFilter) {
    const page = mount(SavedFilters, {
      props: { present },
      global: { plugins: [i18n, [VueQueryPlugin, { queryClient: client }]] },
    })
    await flushPromises()
    const button = (text: string) => page.findAll('button').find((found) => found.text() === text)
    const click = async (text: string): Promise<void> => {
      const found = button(text)
      if (!found) throw new Error(`there is no button ${text}`)
      await found.trigger('click')
      await flushPromises()
    }
    const chips = (): string[] => page.findAll('.one').map((found) => found.text())
    return { page, button, click, chips }
  }

  it('applies a filter with one click, and shows which one is active', async () => {
    const { page, click, chips, button } = await open({})
    expect(chips()).toEqual(['Gates', 'Yard'])
    expect(button('Save these filters')).toBeUndefined()
    await click('Yard')
    expect(page.emitted('apply')).toEqual([[{ group: 'Yard' }]])
    await page.setProps({ present: { group: 'Yard' } })
    expect(page.find('[aria-current="true"]').text()).toBe('Yard')
    page.unmount()
  })

  it('saves the present filters under a name', async () => {
    const { page, click, chips } = await open({ health: 'offline' })
    await click('Save these filters')
    await page.find('input').setValue('  Offline ')
    await page.find('form').trigger('submit')
    await flushPromises()
    expect(sent).toEqual(['POST Offline'])
    expect(chips()).toEqual(['Gates', 'Offline', 'Yard'])
    expect(page.find('[aria-current="true"]').text()).toBe('Offline')
    page.unmount()
  })

  it('replaces the filter that has the name, and says so before', async () => {
    const { page, click, button } = await open({ health: 'offline' })
    await click('Save these filters')
    await page.find('input').setValue('Yard')
    expect(button('Replace “Yard”')).toBeDefined()
    await page.find('form').trigger('submit')
    await flushPromises()
    expect(sent).toEqual(['PUT 1 Yard'])
    expect(stored.find((known) => known.id === '1')?.filter).toEqual({ health: 'offline' })
    page.unmount()
  })

  it('updates the filter that was applied and then changed', async () => {
    const { page, click } = await open({ group: 'Yard' })
    await page.setProps({ present: { group: 'Yard', health: 'error' } })
    await click('Update “Yard”')
    expect(sent).toEqual(['PUT 1 Yard'])
    expect(stored.find((known) => known.id === '1')?.filter).toEqual({ group: 'Yard', health: 'error' })
    page.unmount()
  })

  it('renames the active filter, and shows the reason where the name is taken', async () => {
    const { page, click, chips } = await open({ group: 'Yard' })
    await click('Rename')
    expect((page.find('input').element as HTMLInputElement).value).toBe('Yard')
    await page.find('input').setValue('Gates')
    await page.find('form').trigger('submit')
    await flushPromises()
    expect(page.find('[role="alert"]').text()).toContain('a filter has this name already')
    await page.find('input').setValue('North yard')
    await page.find('form').trigger('submit')
    await flushPromises()
    expect(chips()).toEqual(['Gates', 'North yard'])
    expect(stored.find((known) => known.id === '1')?.filter).toEqual({ group: 'Yard' })
    page.unmount()
  })

  it('deletes at once, and brings the filter back', async () => {
    const { page, click, chips } = await open({ group: 'Yard' })
    await click('Delete')
    expect([chips(), sent]).toEqual([['Gates'], ['DELETE 1']])
    expect(page.find('[role="status"]').text()).toContain('“Yard” is deleted.')
    await click('Undo')
    expect([chips(), sent[1]]).toEqual([['Gates', 'Yard'], 'POST Yard'])
    expect(stored.find((known) => known.name === 'Yard')?.filter).toEqual({ group: 'Yard' })
    page.unmount()
  })
})
