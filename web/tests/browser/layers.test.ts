// What lies before or over the pages has no serious fault of accessibility either: in both languages and themes.
import type { Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from 'vitest'
import { filled, isTooWide, TEXTS, useConsole, violations, withChecker } from './console'
// @ts-expect-error The script has no types.
import { directory, startMaster } from '../../scripts/fleet.mjs'

const LOOKS = [
  { language: 'en', theme: 'light' },
  { language: 'zh', theme: 'dark' },
] as const
const PHONE = { width: 390, height: 844 }

/** While something opens, its colours are those of a mixture. */
async function opened(page: Page): Promise<void> {
  await page.evaluate(() =>
    Promise.allSettled(
      document
        .getAnimations()
        .filter((one) => one.effect?.getComputedTiming().endTime !== Infinity)
        .map((one) => one.finished),
    ),
  )
}
async function check(page: Page): Promise<void> {
  await opened(page)
  expect(await violations(page)).toEqual([])
  const size = page.viewportSize()
  await page.setViewportSize(PHONE)
  await opened(page)
  expect(await violations(page)).toEqual([])
  expect(await isTooWide(page)).toBe(false)
  if (size) await page.setViewportSize(size)
}

describe.each(LOOKS)('before the pages, in $language and $theme', (look) => {
  const texts = TEXTS[look.language]
  it('are the first administrator’s page and the one to sign in', async () => {
    const secret = /#\/welcome\/([0-9a-f]+)/.exec(closed.log)?.[1]
    const { page, faults } = await atClosed(`/welcome/${secret}`, look)
    await withChecker(page)
    await page.getByRole('heading', { name: texts.welcome.title }).waitFor()
    await check(page)
    await goClosed(page, '/')
    await page.getByRole('heading', { name: texts.session.title }).waitFor()
    await check(page)
    await page.getByText(texts.session.byToken, { exact: true }).first().click()
    await page.locator('#session-token').fill('es_00_wrong')
    await page.getByText(texts.session.noAccount).click()
    await page.getByRole('button', { name: texts.session.signIn, exact: true }).click()
    await page.getByRole('alert').first().waitFor()
    await check(page)
    expect(faults).toEqual([])
  })
})

const { path, remove } = directory()
/** A master that waits for its first administrator. */
let closed: { url: string; log: string; stop: () => Promise<void> }
beforeAll(async () => {
  closed = await startMaster(path, { listen: '0.0.0.0:0' })
})
afterAll(async () => {
  await closed?.stop()
  remove()
})
const {
  at: atClosed,
  go: goClosed,
  close: closeClosed,
} = useConsole(() => closed.url.replace('0.0.0.0', '127.0.0.1'), '/eyes')
const { at, close } = useConsole(() => inject('master'), '/site/console')
afterEach(async () => {
  await close()
  await closeClosed()
})

describe.each(LOOKS)('over the pages, in $language and $theme', (look) => {
  const texts = TEXTS[look.language]
  async function show(path: string) {
    const opened = await at(path, look)
    await withChecker(opened.page)
    await opened.settle()
    return opened
  }

  it('is the drawer of an entry of the audit log', async () => {
    const { page, faults } = await show('/settings/audit')
    const rows = page.locator('main tbody tr').filter({ hasText: texts.audit.actions.camera.create })
    await rows.first().getByRole('button').first().click()
    await page.getByRole('dialog').getByText(texts.audit.outcomes.done).waitFor()
    await check(page)
    expect(faults).toEqual([])
  })

  it('are the bar for selected cameras, and the dialog that deletes them', async () => {
    const { page, faults } = await show('/cameras')
    await page.getByRole('checkbox', { name: filled(texts.cameras.selectOne, { name: 'Car park' }) }).check()
    const bar = page.getByRole('region', { name: texts.bulk.title })
    await bar.getByRole('button', { name: texts.bulk.pause, exact: true }).waitFor()
    await check(page)
    await bar.getByRole('button', { name: texts.action.delete, exact: true }).click()
    await page.getByRole('dialog').getByText(texts.bulk.deleteHint).waitFor()
    await check(page)
    expect(faults).toEqual([])
  })

  it('is the dialog that deletes a task, and in it the form of settings', async () => {
    const { page, faults } = await show('/tasks/hourly')
    await page.locator('details.one').first().locator('summary').click()
    await page.locator('details.one[open] .fields').waitFor()
    await check(page)
    await page.locator('main').getByRole('button', { name: texts.action.delete, exact: true }).click()
    await page.getByRole('dialog').getByText(texts.tasks.deleteHint).waitFor()
    await check(page)
    expect(faults).toEqual([])
  })
})
