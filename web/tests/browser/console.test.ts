// The built console in a browser, against a real master below a path prefix, with the Content-Security-Policy that it
// must live with. The master must have at least one camera, and be open (no tokens).
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
// The scripts are plain JavaScript, because they also run by themselves.
// @ts-expect-error The script has no types.
import { launch, open } from '../../scripts/browser.mjs'
// @ts-expect-error The script has no types.
import { serve } from '../../scripts/serve.mjs'

const master = process.env.MASTER_URL
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')
const PAGES = [
  '/',
  '/cameras',
  '/cameras?view=wall',
  '/tasks',
  '/tasks/new',
  '/runs',
  '/plugins',
  '/nodes',
  '/settings',
]

interface Opened {
  page: Page
  faults: string[]
}
let browser: Browser
let server: { address: string; close: () => void }

async function at(path: string, look: Record<string, unknown> = {}): Promise<Opened> {
  const opened = (await open(browser, look)) as Opened
  await opened.page.goto(`${server.address}#${path}`)
  await opened.page.waitForSelector('main h1, main .empty')
  return opened
}

async function api<T>(path: string): Promise<T> {
  return (await (await fetch(new URL(path, master))).json()) as T
}

describe.skipIf(!master)('the console', () => {
  beforeAll(async () => {
    server = (await serve({ master, prefix: '/site/console' })) as typeof server
    browser = (await launch()) as Browser
  })
  afterAll(async () => {
    await browser.close()
    server.close()
  })

  it('shows every page in both languages without a complaint of the browser', async () => {
    for (const language of ['zh', 'en']) {
      const { page, faults } = await at('/', { language })
      for (const path of PAGES) {
        await page.goto(`${server.address}#${path}`)
        await page.waitForSelector('main h1, main .empty')
        await page.waitForTimeout(300)
      }
      expect(faults).toEqual([])
      await page.context().close()
    }
  })

  it('has no serious fault of accessibility in either theme', async () => {
    const [camera] = (await api<{ items: { id: string }[] }>('/api/v1/diagnosis/cameras?limit=1')).items
    const [run] = (await api<{ items: { id: string }[] }>('/api/v1/diagnosis/runs?limit=1')).items
    const [plugin] = await api<{ name: string }[]>('/api/v1/plugins')
    const items = [camera && `/cameras/${camera.id}`, run && `/runs/${run.id}`, plugin && `/plugins/${plugin.name}`]
    const paths = [...PAGES, '/cameras?add=1', '/cameras?import=1', ...items.filter((one) => one !== undefined)]
    const found: string[] = []
    for (const theme of ['light', 'dark']) {
      // The checker is injected into the page as text, which the page's policy refuses; so this test disables the
      // policy.
      const context = await browser.newContext({
        bypassCSP: true,
        colorScheme: theme as 'light' | 'dark',
        viewport: { width: 1366, height: 768 },
      })
      const page = await context.newPage()
      for (const path of paths) {
        await page.goto(`${server.address}#${path}`)
        await page.waitForSelector('main h1, main .empty')
        await page.waitForTimeout(1_200)
        await page.evaluate(axe)
        const faults = await page.evaluate(async () => {
          const run = (
            window as unknown as {
              axe: { run: () => Promise<{ violations: { id: string; impact: string; nodes: { html: string }[] }[] }> }
            }
          ).axe
          return (await run.run()).violations.map((one) => ({
            id: one.id,
            impact: one.impact,
            at: one.nodes.slice(0, 3).map((node) => node.html.slice(0, 160)),
          }))
        })
        found.push(
          ...faults
            .filter((one) => one.impact === 'serious' || one.impact === 'critical')
            .map((one) => `${theme} ${path} ${one.id}: ${one.at.join(' | ')}`),
        )
      }
      await context.close()
    }
    expect(found).toEqual([])
  }, 240_000)

  it('asks no other host', async () => {
    const { page } = (await open(browser)) as Opened
    const hosts = new Set<string>()
    page.on('request', (request) => hosts.add(new URL(request.url()).host))
    await page.goto(`${server.address}#/`)
    await page.waitForTimeout(1_000)
    expect([...hosts]).toEqual([new URL(server.address).host])
    await page.context().close()
  })

  it('holds one stream of events, however many tabs are open, and shows a new run in each', async () => {
    const { page: first } = await at('/runs')
    const context = first.context()
    let streams = 0
    context.on('request', (request) => (streams += Number(request.url().endsWith('/api/v1/events'))))
    const second = await context.newPage()
    await second.goto(`${server.address}#/runs`)
    const rows = 'main tbody tr'
    await Promise.all([first, second].map((page) => page.waitForSelector(rows)))
    const [task] = (await api<{ items: { id: string }[] }>('/api/v1/diagnosis/tasks')).items
    const submit = new URL(`/api/v1/diagnosis/tasks/${task?.id}/submit`, master)
    const answer = await fetch(submit, { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{}' })
    const run = (await answer.json()) as { id: string }
    for (const page of [first, second])
      await page.waitForSelector(`main a[href="#/runs/${run.id}"]`, { timeout: 10_000 })
    expect(streams).toBe(0)
    await context.close()
  })

  it('finds a camera by the keyboard alone', async () => {
    const [camera] = (await api<{ items: { id: string; name: string }[] }>('/api/v1/diagnosis/cameras?limit=1')).items
    const { page } = await at('/settings')
    await page.keyboard.press('/')
    await page.keyboard.type(camera?.name ?? '')
    await page.waitForSelector('[role=option]')
    await page.keyboard.press('ArrowDown')
    await page.keyboard.press('Enter')
    await page.waitForURL(/#\/cameras\//)
    await page.context().close()
  })

  it('adds a camera, and deletes it after its name was typed', async () => {
    const { page } = await at('/cameras?add=1', { language: 'en' })
    const name = '<b>Gate</b> & "co"'
    await page.getByRole('textbox', { name: 'Name', exact: true }).fill(name)
    await page.getByRole('textbox', { name: 'Address', exact: true }).fill('rtsp://user:secret@127.0.0.1:1/stream')
    await page.getByRole('button', { name: 'Save' }).click()
    await page.waitForURL(/#\/cameras\/.+/)
    // Markup stays text, and the password is removed.
    expect(await page.locator('main h1').innerText()).toBe(name)
    expect(await page.locator('main').innerText()).not.toContain('secret')
    await page.getByRole('button', { name: 'Delete' }).click()
    const sure = page.getByRole('dialog').getByRole('button', { name: 'Delete' })
    expect(await sure.isDisabled()).toBe(true)
    await page.getByRole('dialog').getByRole('textbox').fill(name)
    await sure.click()
    await page.waitForURL(/#\/cameras$/)
    await page.context().close()
  })

  it('shows the errors of a table before anything is written', async () => {
    const { page } = await at('/cameras?import=1', { language: 'en' })
    await page.locator('#pasted').fill('id,name,source\nimport-1,One,rtsp://127.0.0.1:1/a\nimport-2,Two,nonsense://x\n')
    await page.getByRole('button', { name: 'Check', exact: true }).click()
    await page.getByText('Lines with errors').waitFor()
    expect(await page.getByText('Import the 1 good line').isVisible()).toBe(true)
    const known = await fetch(new URL('/api/v1/diagnosis/cameras/import-1', master))
    expect(known.status).toBe(404)
    await page.context().close()
  })

  it('says why a file is no plugin', async () => {
    const { page } = await at('/plugins', { language: 'zh' })
    await page
      .locator('input[type=file]')
      .setInputFiles({ name: 'bad.wasm', mimeType: 'application/wasm', buffer: Buffer.from('not a plugin') })
    await page.getByRole('alert').getByText('这不是插件').waitFor()
    await page.context().close()
  })

  it('says that the master is lost, with the age of what it shows, and recovers', async () => {
    const { page, faults } = await at('/', { language: 'en' })
    await page.route('**/api/**', (route) => route.abort())
    await page.evaluate(() => window.dispatchEvent(new Event('focus')))
    await page.locator('.banner').waitFor({ timeout: 40_000 })
    expect(await page.locator('.banner').innerText()).toMatch(/has not answered since/)
    expect(await page.locator('main h1').isVisible()).toBe(true)
    await page.unroute('**/api/**')
    await page.locator('.banner').getByRole('button').click()
    await page.locator('.banner').waitFor({ state: 'detached', timeout: 30_000 })
    expect(faults.filter((one) => one.startsWith('error'))).toEqual([])
    await page.context().close()
  }, 120_000)

  it('keeps what was typed when the session ends in the middle of a form, and then saves it', async () => {
    const { page } = await at('/tasks/new', { language: 'en' })
    await page.locator('#task-name').fill('Typed with care')
    await page.locator('#task-groups').press('ArrowDown')
    await page.locator('.el-select-dropdown__item:visible').first().click()
    await page.keyboard.press('Escape')
    let refusals = 1
    await page.route('**/api/v1/diagnosis/tasks', (route) => {
      if (route.request().method() !== 'POST' || refusals-- <= 0) return route.continue()
      const problem = { type: '/problems/unauthorized', title: 'expired', status: 401, detail: 'the token has expired' }
      return route.fulfill({ status: 401, contentType: 'application/problem+json', body: JSON.stringify(problem) })
    })
    await page.getByRole('button', { name: 'Save' }).click()
    const dialog = page.getByRole('dialog', { name: 'Sign in again' })
    await dialog.waitFor()
    expect(await page.locator('#task-name').inputValue()).toBe('Typed with care')
    await dialog.getByText('Token', { exact: true }).click()
    await dialog.locator('#session-token').fill('es_00_any')
    await page.unroute('**/api/v1/diagnosis/tasks')
    await dialog.getByRole('button', { name: 'Sign in' }).click()
    await page.waitForURL(/#\/tasks\/(?!new)/)
    expect(await page.locator('main h1').innerText()).toBe('Typed with care')
    const id = page.url().split('/').at(-1) ?? ''
    await fetch(new URL(`/api/v1/diagnosis/tasks/${id}`, master), { method: 'DELETE' })
    await page.context().close()
  })
})
