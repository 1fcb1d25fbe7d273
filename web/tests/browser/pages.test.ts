// What holds for every page: no complaint of the browser, no serious fault of accessibility, no other host, few bytes.
import { gzipSync } from 'node:zlib'
import { afterEach, beforeAll, describe, expect, inject, it } from 'vitest'
import budgets from '../../budgets.json'
import { isTooWide, PAGES, TEXTS, useConsole, violations, withChecker } from './console'
// @ts-expect-error The script has no types.
import { ask } from '../../scripts/fleet.mjs'

const master = inject('master')
const { at, go, address, close } = useConsole(() => master, '/site/console')

const WINDOW = { width: 1366, height: 768 }
const PHONE = { width: 390, height: 844 }

/** The pages, with those of one thing each, and the forms that lie over a page. */
let all: string[]

beforeAll(async () => {
  const [run] = (await ask(master, '/api/v1/diagnosis/runs?limit=1')).items
  const items = ['healthy', 'dark', 'absent'].map((id) => `/cameras/${id}`)
  all = [
    ...PAGES,
    ...items,
    '/tasks/hourly',
    `/runs/${run.id}`,
    '/plugins/brightness',
    '/replay?diagnosis=brightness&threshold=0.1',
    '/cameras?add=1',
    '/cameras?import=1',
    '/cameras?q=nothing+like+this',
    '/no/such/page',
  ]
})
afterEach(close)

const LOOKS = [
  { language: 'en', theme: 'light' },
  { language: 'zh', theme: 'dark' },
] as const

/** A key of a text that is missing would be shown as it is. */
const KEY = new RegExp(`\\b(?:${Object.keys(TEXTS.en).join('|')})\\.[a-z]+[A-Z]\\w*`, 'g')

describe('every page', () => {
  it.each(LOOKS)('is shown in $language and $theme: no complaint, no serious fault, no other host', async (look) => {
    const { page, context, faults, settle } = await at('/', look)
    const hosts = new Set<string>()
    context.on('request', (request) => hosts.add(new URL(request.url()).host))
    await withChecker(page)
    await settle()
    const found: string[] = []
    for (const path of all) {
      await page.setViewportSize(WINDOW)
      await go(page, path)
      await settle()
      const text = await page.locator('body').innerText()
      if (!text.includes(TEXTS[look.language].page.overview)) found.push(`${path} is in another language`)
      for (const key of text.match(KEY) ?? []) found.push(`${path} shows the key ${key}`)
      for (const one of await violations(page)) found.push(`${path} ${one}`)
      for (const size of [WINDOW, PHONE]) {
        await page.setViewportSize(size)
        await settle()
        if (await isTooWide(page)) found.push(`${path} is wider than ${size.width} px`)
      }
    }
    expect(found).toEqual([])
    expect(faults).toEqual([])
    expect([...hosts]).toEqual([new URL(address()).host])
  })
})

describe('the first view', () => {
  it('loads few bytes of scripts', async () => {
    const { page, context, settle } = await at('/no/such/page')
    await settle()
    const scripts = new Map<string, number>()
    context.on('response', (answer) => {
      if (!/\.js$/.test(new URL(answer.url()).pathname)) return
      // A master sends scripts compressed.
      void answer.body().then((body) => scripts.set(answer.url(), gzipSync(body, { level: 9 }).length))
    })
    await go(page, '/')
    await page.reload()
    await settle()
    const bytes = [...scripts.values()].reduce((sum, one) => sum + one, 0)
    expect(bytes).toBeGreaterThan(50_000)
    expect(bytes).toBeLessThanOrEqual(budgets.first_view_script_bytes)
  })
})
