// How the console follows its master: live events, losses, the keyboard.
import type { Page, Request } from 'playwright-core'
import { afterEach, describe, expect, inject, it } from 'vitest'
import { TEXTS, useConsole } from './console'
// @ts-expect-error The script has no types.
import { PLAIN } from '../../scripts/browser.mjs'
// @ts-expect-error The script has no types.
import { ask } from '../../scripts/fleet.mjs'

const master = inject('master')
const { at, go, address, close } = useConsole(() => master, '/site/console')
const { en: texts } = TEXTS

afterEach(close)

describe('the console', () => {
  it('holds one stream of events, however many tabs are open, and shows a new run in each', async () => {
    const { page: first, context, settle } = await at('/runs')
    await settle()
    let streams = 0
    context.on('request', (request) => (streams += Number(new URL(request.url()).pathname.endsWith('/api/v1/events'))))
    const second = await context.newPage()
    await second.goto(`${address()}#/runs`)
    await Promise.all([first, second].map((page) => page.waitForSelector('main tbody tr')))
    const run = await ask(master, '/api/v1/diagnosis/tasks/hourly/submit', {})
    for (const page of [first, second]) await page.waitForSelector(`main a[href="#/runs/${run.id}"]`)
    expect(streams).toBe(0)
  })

  it('holds one stream of events also over plain http, where a browser has no locks', async () => {
    const { page: first, context } = await at('/nodes')
    const asked: Request[] = []
    const isStream = (request: Request): boolean => {
      const { hostname, pathname } = new URL(request.url())
      return hostname === PLAIN && pathname.endsWith('/api/v1/events')
    }
    context.on('request', (request) => isStream(request) && asked.push(request))
    const streams = (): Request[] => asked.filter((request) => !request.failure() && !request.frame().page().isClosed())
    const plain = `${address().replace('127.0.0.1', PLAIN)}#/runs`
    // A browser allows six connections to a host, so the last tab would wait for ever.
    const tabs = await Promise.all(Array.from({ length: 7 }, () => context.newPage()))
    await first.close()
    for (const tab of tabs) {
      await tab.goto(plain)
      await tab.waitForSelector('main tbody tr')
    }
    expect(await tabs[0]?.evaluate(() => [isSecureContext, 'locks' in navigator])).toEqual([false, false])
    const submit = (): Promise<{ id: string }> => ask(master, '/api/v1/diagnosis/tasks/hourly/submit', {})
    const isShown = ({ id }: { id: string }, pages: Page[]): Promise<unknown> =>
      Promise.all(pages.map((page) => page.waitForSelector(`main a[href="#/runs/${id}"]`)))
    await isShown(await submit(), tabs)
    expect(streams()).toHaveLength(1)
    // The tab that has the stream is closed.
    const leading = streams()[0]?.frame().page()
    const next = context.waitForEvent('request', isStream)
    await leading?.close()
    await next
    const others = tabs.filter((tab) => tab !== leading)
    expect(others).toHaveLength(6)
    await isShown(await submit(), others)
    expect(streams()).toHaveLength(1)
  })

  it('finds a camera by the keyboard alone', async () => {
    const { page, settle } = await at('/settings')
    await settle()
    await page.keyboard.press('/')
    await page.keyboard.type('car park')
    await page.getByRole('option', { name: 'Car park' }).waitFor()
    await page.keyboard.press('ArrowDown')
    await page.keyboard.press('Enter')
    await page.waitForURL(/#\/cameras\/frozen/)
  })

  it('says that the master is lost, with the age of what it shows, and recovers', async () => {
    const { page, faults, settle } = await at('/')
    await settle()
    await page.route('**/api/**', (route) => route.abort())
    const rail = page.getByRole('navigation', { name: texts.frame.pages })
    await rail.getByRole('link', { name: texts.page.nodes }).click()
    await rail.getByRole('link', { name: texts.page.overview }).click()
    const banner = page.locator('.banner')
    await banner.waitFor()
    expect(await banner.innerText()).toMatch(/has not answered since/)
    expect(await page.locator('main h1').isVisible()).toBe(true)
    await page.unroute('**/api/**')
    await banner.getByRole('button').click()
    await banner.waitFor({ state: 'detached' })
    expect(faults.filter((one) => one.startsWith('error'))).toEqual([])
  })

  it('says at its start that the master does not answer, and begins once it does', async () => {
    const { page } = await at('/nodes')
    await page.route('**/api/**', (route) => route.abort())
    await page.reload()
    await page.getByRole('heading', { name: texts.problem.unreachable }).waitFor()
    await page.unroute('**/api/**')
    await page.getByRole('button', { name: texts.action.tryAgain }).click()
    await page.getByRole('listitem').filter({ hasText: 'worker-1' }).waitFor()
  })

  it('leads nowhere with a wrong address, and says so', async () => {
    const { page } = await at('/no/such/page')
    await page.getByText(texts.nowhere.title).waitFor()
    for (const [path, words] of [
      ['/cameras/none', texts.camera.missing],
      ['/tasks/none', texts.tasks.missing],
      ['/runs/00000000-0000-0000-0000-000000000000', texts.runs.missing],
      ['/plugins/none', texts.plugins.missing],
    ] as const) {
      await go(page, path)
      await page.getByText(words).waitFor()
    }
  })

  it('goes back to a check to which a link leads, with the filters of the list before', async () => {
    const { page, settle } = await at('/cameras?health=attention&sort=name')
    await settle()
    await page.getByRole('link', { name: 'Car park' }).click()
    await page.waitForURL(/#\/cameras\/frozen/)
    await page.goBack()
    await page.waitForURL(/health=attention&sort=name/)
    await settle()
    // By name, without the healthy one.
    expect(await page.getByRole('table').getByRole('link').allInnerTexts()).toEqual([
      'Back door',
      'Car park',
      'Loading dock',
    ])
  })
})
