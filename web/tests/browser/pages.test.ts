// What holds for every page: no complaint of the browser, no serious fault of accessibility, no other host, few bytes.
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { gzipSync } from 'node:zlib'
import type { Page } from 'playwright-core'
import { afterEach, beforeAll, describe, expect, inject, it } from 'vitest'
import budgets from '../../budgets.json'
import { LANGUAGES, PAGES, TEXTS, useConsole } from './console'
// @ts-expect-error The script has no types.
import { ask } from '../../scripts/fleet.mjs'

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')
const master = inject('master')
const { at, go, address, close } = useConsole(() => master, '/site/console')

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
    '/cameras?add=1',
    '/cameras?import=1',
    '/cameras?q=nothing+like+this',
    '/no/such/page',
  ]
})
afterEach(close)

interface Violation {
  id: string
  impact: string
  nodes: { html: string }[]
}
async function violations(page: Page): Promise<string[]> {
  await page.evaluate(axe)
  const found = await page.evaluate(() => {
    const { axe } = window as unknown as { axe: { run: () => Promise<{ violations: Violation[] }> } }
    return axe.run().then((answer) => answer.violations)
  })
  return found
    .filter((one) => one.impact === 'serious' || one.impact === 'critical')
    .map((one) => `${one.id}: ${one.nodes.map((node) => node.html.slice(0, 160)).join(' | ')}`)
}

describe('every page', () => {
  it.each(LANGUAGES)('is shown in the language %s without a complaint of the browser', async (language) => {
    const { page, faults, settle } = await at('/', { language })
    await settle()
    for (const path of all) {
      await go(page, path)
      await settle()
      const text = await page.locator('body').innerText()
      // A key of a text that is missing would be shown as it is.
      expect(text.match(/\b(?:page|cameras|camera|tasks|runs|plugins|nodes|settings|state|action)\.[a-z]\w+/g)).toBe(
        null,
      )
      expect(text).toContain(TEXTS[language].page.overview)
      const { scroll, seen } = await page.evaluate(() => ({
        scroll: document.documentElement.scrollWidth,
        seen: document.documentElement.clientWidth,
      }))
      expect(scroll, `${path} is wider than the window`).toBeLessThanOrEqual(seen)
    }
    expect(faults).toEqual([])
  })

  it.each(['light', 'dark'] as const)('has no serious fault of accessibility in the %s theme', async (theme) => {
    // The checker is put into the page as text, which the page's policy refuses; hence without the policy.
    const { page, settle } = await at('/', { theme, bypassCSP: true })
    const found: string[] = []
    for (const path of all) {
      await go(page, path)
      await settle()
      for (const one of await violations(page)) found.push(`${path} ${one}`)
    }
    expect(found).toEqual([])
  })

  it('is not wider than a phone', async () => {
    const { page, settle } = await at('/', { width: 390, height: 844 })
    const wide: string[] = []
    for (const path of all) {
      await go(page, path)
      await settle()
      const [scroll = 0, seen = 0] = await page.evaluate(() => {
        const main = document.querySelector('main')
        return [main?.scrollWidth, main?.clientWidth]
      })
      if (scroll > seen) wide.push(`${path}: ${scroll} of ${seen} px`)
    }
    expect(wide).toEqual([])
  })

  it('asks no other host', async () => {
    const { page, context, settle } = await at('/settings')
    const hosts = new Set<string>()
    context.on('request', (request) => hosts.add(new URL(request.url()).host))
    for (const path of all) {
      await go(page, path)
      await settle()
    }
    await page.reload()
    await settle()
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
