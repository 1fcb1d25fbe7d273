// The master answers, but its database is gone for a while: the page keeps what it shows, a change is refused and can be
// made later, and everything recovers by itself.
import type { Page } from 'playwright-core'
import { afterEach, describe, expect, inject, it } from 'vitest'
import { LANGUAGES, TEXTS, useConsole } from './console'
// @ts-expect-error The script has no types.
import { ask } from '../../scripts/fleet.mjs'

const master = inject('master')
const { at, go, close } = useConsole(() => master, '/site/console')

/** As the master writes it for `StoreError::Unavailable`. */
const PROBLEM = {
  type: '/problems/store-unavailable',
  title: 'store unavailable',
  status: 503,
  detail: 'the database does not answer: connection refused',
}
/** Longer than the pauses after which pages read again. */
const MINUTES_MS = 130_000
const API = /\/api\/v1\/(?!events)/

afterEach(close)

async function loseDatabase(page: Page): Promise<void> {
  await page.route(API, (route) =>
    route.fulfill({
      status: 503,
      headers: { 'content-type': 'application/problem+json', 'retry-after': '2' },
      body: JSON.stringify(PROBLEM),
    }),
  )
}

async function findDatabase(page: Page): Promise<void> {
  await page.unrouteAll({ behavior: 'wait' })
}

/** Lets time pass in the page until something holds. */
async function pass(page: Page, holds: () => Promise<boolean>): Promise<void> {
  while (!(await holds())) {
    await page.clock.fastForward(5_000)
    await page.evaluate(() => new Promise((resolve) => requestAnimationFrame(resolve)))
  }
}

describe.each(LANGUAGES)('in the language %s', (language) => {
  const texts = TEXTS[language]
  const words = texts.problem['store-unavailable']
  const stale = (page: Page) => page.locator('main .notice.stale').filter({ hasText: words })

  it.each(['/', '/tasks', '/nodes', '/plugins', '/runs'])(
    'the page %s keeps what it shows, says how old it is, and recovers',
    async (path) => {
      const { page, settle, faults } = await at(path, { language })
      // A request that a reload cuts off may never be told as ended.
      await settle()
      await page.clock.install()
      await page.reload()
      await settle()
      const shown = await page.locator('main h1').innerText()
      await loseDatabase(page)
      // People look at other pages, and come back.
      const away = path === '/nodes' ? 'settings' : 'nodes'
      await page.clock.fastForward(MINUTES_MS)
      await go(page, `/${away}`)
      await page.getByRole('heading', { name: texts.page[away], level: 1 }).waitFor()
      await page.clock.fastForward(MINUTES_MS)
      await go(page, path)
      // What fails is asked for a few times before the page says so.
      await pass(page, async () => stale(page).first().isVisible())
      expect(await page.locator('main h1').innerText()).toBe(shown)
      expect(await stale(page).first().innerText()).toMatch(/\d/)
      await findDatabase(page)
      await pass(page, async () => !(await stale(page).first().isVisible()))
      expect(await page.locator('main h1').innerText()).toBe(shown)
      expect(faults).toEqual([])
    },
  )

  it('a task is not saved, says why, loses nothing, and is saved later', async () => {
    const path = '/api/v1/diagnosis/tasks/outage'
    const task = { id: 'outage', name: 'Outage', groups: ['gates'], schedule: { kind: 'manual' } }
    await ask(master, '/api/v1/diagnosis/tasks', task)
    try {
      const { page, settle, faults } = await at('/tasks/outage', { language })
      await settle()
      await page.locator('#task-name').fill('Typed in the outage')
      await loseDatabase(page)
      const save = page.getByRole('button', { name: texts.action.save, exact: true })
      await save.click()
      await page.locator('main').getByRole('alert').getByText(words).first().waitFor()
      expect(await page.locator('#task-name').inputValue()).toBe('Typed in the outage')
      expect((await ask(master, path)).name).toBe('Outage')
      await findDatabase(page)
      await save.click()
      await page.getByText(texts.tasks.unsaved, { exact: true }).waitFor({ state: 'detached' })
      expect((await ask(master, path)).name).toBe('Typed in the outage')
      await page.getByRole('alert').getByText(words).first().waitFor({ state: 'detached' })
      expect(faults).toEqual([])
    } finally {
      await ask(master, path, undefined, 'DELETE')
    }
  })

  it('a camera is not added, says why, loses nothing, and is added later', async () => {
    const { page, settle, faults } = await at('/cameras?add=1', { language })
    await settle()
    const name = page.getByRole('textbox', { name: texts.cameras.name, exact: true })
    const source = page.getByRole('textbox', { name: texts.cameras.source, exact: true })
    await name.fill('Added in the outage')
    await source.fill('rtsp://127.0.0.1:9/outage')
    await loseDatabase(page)
    const save = page.getByRole('button', { name: texts.action.save, exact: true })
    await save.click()
    await page.getByRole('dialog').getByRole('alert').getByText(words).first().waitFor()
    expect(await name.inputValue()).toBe('Added in the outage')
    expect(await source.inputValue()).toBe('rtsp://127.0.0.1:9/outage')
    await findDatabase(page)
    await save.click()
    await page.waitForURL(/#\/cameras\/.+/)
    const id = decodeURIComponent(page.url().split('/').at(-1) ?? '')
    expect((await ask(master, `/api/v1/diagnosis/cameras/${id}`)).name).toBe('Added in the outage')
    await ask(master, `/api/v1/diagnosis/cameras/${id}`, undefined, 'DELETE')
    expect(faults).toEqual([])
  })
})
