// How the console follows its master: live events, losses, the keyboard.
import { afterEach, describe, expect, inject, it } from 'vitest'
import { TEXTS, useConsole } from './console'
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

  it('finds a camera by the keyboard alone', async () => {
    const { page } = await at('/settings')
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
