// A master with ten thousand cameras.
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { filled, TEXTS, useConsole } from './console'
// @ts-expect-error The script has no types.
import { ask, directory, startMaster } from '../../scripts/fleet.mjs'

const CAMERAS = 10_000
const GROUPS = 200
/** More rows or tiles than any window shows, with those above and below it. */
const MOST_SHOWN = 120

const { path, remove } = directory()
const texts = TEXTS.en
let master: { url: string; stop: () => Promise<void> }

beforeAll(async () => {
  master = await startMaster(path)
  const lines = Array.from({ length: CAMERAS }, (_, at) => {
    const number = String(at).padStart(5, '0')
    return `camera-${number},Camera ${number},rtsp://10.0.0.1/${number},site ${at % GROUPS}`
  })
  const answer = await fetch(new URL('/api/v1/diagnosis/cameras/import', master.url), {
    method: 'POST',
    headers: { 'content-type': 'text/csv' },
    body: ['id,name,source,groups', ...lines].join('\n'),
  })
  expect(await answer.json()).toMatchObject({ created: CAMERAS })
})
afterAll(async () => {
  await master?.stop()
  remove()
})
const { at, close } = useConsole(() => master.url, '/eyes')
afterEach(close)

describe('ten thousand cameras', () => {
  it('are counted by the overview, which leads to their list', async () => {
    const { page, settle, faults } = await at('/')
    await settle()
    expect(await page.locator('h1').innerText()).toContain('10,000')
    await page
      .locator('main')
      .getByRole('link', { name: /10,000/ })
      .first()
      .click()
    await page.waitForURL(/#\/cameras/)
    await page.getByRole('status').getByText('10,000').waitFor()
    expect(faults).toEqual([])
  })

  it('are a table with few rows in the page, which ends with the last camera', async () => {
    const { page, settle, faults } = await at('/cameras?sort=name')
    await settle()
    const table = page.getByRole('table')
    expect(await table.getAttribute('aria-rowcount')).toBe(String(CAMERAS + 1))
    expect(await table.getByRole('row').count()).toBeLessThan(MOST_SHOWN)
    await page.getByRole('checkbox', { name: texts.cameras.selectAll }).check()
    const bar = page.getByRole('region', { name: texts.bulk.title })
    await bar.getByText(filled(texts.bulk.selected.split(' | ')[1] ?? '', { n: '10,000' })).waitFor()
    await table.evaluate((box) => box.scrollTo(0, box.scrollHeight))
    await table.getByRole('link', { name: 'Camera 09999' }).waitFor()
    expect(await table.getByRole('row').count()).toBeLessThan(MOST_SHOWN)
    expect(faults).toEqual([])
  })

  it('are searched by the master, filtered, and paused together', async () => {
    const { page, settle, faults } = await at('/cameras')
    await settle()
    await page.getByPlaceholder(texts.cameras.search).fill('camera 0987')
    await page.getByText(filled(texts.cameras.someOf, { n: 10, all: '10,000' })).waitFor()
    await page.getByRole('link', { name: 'Camera 09876' }).waitFor()
    await page.getByPlaceholder(texts.cameras.search).fill('')
    await page.getByRole('combobox', { name: texts.overview.group }).fill('site 77')
    await page.getByRole('option', { name: 'site 77 (50)' }).click()
    await page.getByText(filled(texts.cameras.someOf, { n: 50, all: '10,000' })).waitFor()
    await settle()
    await page.getByRole('checkbox', { name: texts.cameras.selectAll }).check()
    const bar = page.getByRole('region', { name: texts.bulk.title })
    await bar.getByRole('button', { name: texts.bulk.pause, exact: true }).click()
    await bar.waitFor({ state: 'detached' })
    const { items } = await ask(master.url, '/api/v1/diagnosis/cameras?group=site%2077&limit=1000')
    expect((items as { enabled: boolean }[]).map((one) => one.enabled)).toEqual(Array(50).fill(false))
    expect(faults).toEqual([])
  })

  it('are a wall with few tiles in the page', async () => {
    const { page, settle, faults } = await at('/cameras?view=wall&sort=name')
    await settle()
    const tiles = page.locator('.tile')
    expect(await tiles.count()).toBeLessThan(MOST_SHOWN)
    await tiles.last().scrollIntoViewIfNeeded()
    await settle()
    expect(await tiles.count()).toBeLessThan(MOST_SHOWN)
    expect(faults).toEqual([])
  })
})
