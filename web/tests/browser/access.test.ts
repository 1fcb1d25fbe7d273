// Signing in with tokens, with a master of its own.
import type { Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { TEXTS, useConsole } from './console'
// @ts-expect-error The script has no types.
import { directory, run, startMaster } from '../../scripts/fleet.mjs'

const { path, remove } = directory()
const { en: texts } = TEXTS
let master: { url: string; stop: () => Promise<void>; restart: () => Promise<void> }
let admin: string
let viewer: string

function makeToken(name: string, scope: string): string {
  return run('easysight-master', ['token', 'create', '--name', name, '--scope', scope, '--data-dir', `${path}/master`])
}
beforeAll(async () => {
  admin = makeToken('boss', 'admin')
  viewer = makeToken('guest', 'viewer')
  master = await startMaster(path)
})
afterAll(async () => {
  await master?.stop()
  remove()
})
const { at, go, close } = useConsole(() => master.url, '/eyes')
afterEach(close)

async function visit(): Promise<Page> {
  const { page } = await at('/')
  await page.getByRole('heading', { name: texts.session.title }).waitFor()
  return page
}
async function enter(page: Page, token: string): Promise<void> {
  await page.getByText(texts.session.byToken, { exact: true }).first().click()
  await page.locator('#session-token').fill(token)
  await page.getByRole('button', { name: texts.session.signIn, exact: true }).click()
}
async function signedIn(token: string, name: string): Promise<Page> {
  const page = await visit()
  await enter(page, token)
  await page.getByRole('button', { name }).waitFor()
  return page
}
async function fillCamera(page: Page, name: string): Promise<void> {
  await page.getByRole('textbox', { name: texts.cameras.name, exact: true }).fill(name)
  await page.getByRole('textbox', { name: texts.cameras.source, exact: true }).fill('rtsp://10.0.0.1/stream')
  await page.getByRole('button', { name: texts.action.save }).click()
}

describe('access by token', () => {
  it('refuses a token that is not valid, and takes one that is', async () => {
    const page = await visit()
    await enter(page, 'es_00_wrong')
    await page.getByRole('alert').getByText(texts.problem.unauthorized).first().waitFor()
    await enter(page, admin)
    await page.getByRole('button', { name: 'boss' }).waitFor()
  })

  it('still reads after a reload, and asks for the token before the first change', async () => {
    const page = await signedIn(admin, 'boss')
    await go(page, '/cameras?add=1')
    await page.reload()
    await fillCamera(page, 'After the reload')
    const dialog = page.getByRole('dialog', { name: texts.session.againTitle })
    await dialog.locator('#session-token').fill(admin)
    await dialog.getByRole('button', { name: texts.session.signIn }).click()
    await page.waitForURL(/#\/cameras\/.+/)
    expect(await page.locator('main h1').innerText()).toBe('After the reload')
  })

  it('tells a viewer that a change is not allowed, and loses nothing', async () => {
    const page = await signedIn(viewer, 'guest')
    await page.getByRole('link', { name: texts.page.cameras, exact: true }).first().click()
    await page.getByRole('button', { name: texts.cameras.add }).first().click()
    await fillCamera(page, 'Not mine')
    await page.getByRole('alert').getByText(texts.problem.forbidden).first().waitFor()
    expect(await page.getByRole('textbox', { name: texts.cameras.name, exact: true }).inputValue()).toBe('Not mine')
    await go(page, '/tasks/new')
    await page.locator('#task-name').fill('Not mine either')
    await page.locator('#task-cameras').press('ArrowDown')
    await page.getByRole('option', { name: 'After the reload' }).click()
    await page.keyboard.press('Escape')
    await page.getByRole('button', { name: texts.action.save }).click()
    await page.getByRole('alert').getByText(texts.problem.forbidden).first().waitFor()
    expect(await page.locator('#task-name').inputValue()).toBe('Not mine either')
  })

  it('shows a viewer neither users nor tokens nor the audit log', async () => {
    const page = await signedIn(viewer, 'guest')
    await go(page, '/settings')
    await page.getByText(texts.users.forbidden).waitFor()
    await page.getByText(texts.tokens.forbidden).waitFor()
    await go(page, '/settings/audit')
    await page.getByText(texts.audit.forbidden).waitFor()
  })

  it('is given and taken in the console', async () => {
    const page = await signedIn(admin, 'boss')
    await go(page, '/settings')
    await page.getByRole('button', { name: texts.tokens.add }).click()
    const dialog = page.getByRole('dialog', { name: texts.tokens.add })
    await dialog.getByRole('textbox', { name: texts.tokens.name }).fill('For a while')
    await dialog.getByText(new RegExp(`^${texts.scope.viewer}`)).click()
    await dialog.getByRole('button', { name: texts.tokens.create }).click()
    const token = await dialog.locator('code').innerText()
    expect(token).toMatch(/^es_/)
    await dialog.getByRole('button', { name: texts.tokens.kept }).click()
    const other = await signedIn(token, 'For a while')
    await page
      .getByRole('row', { name: /For a while/ })
      .getByRole('button', { name: texts.tokens.revoke })
      .click()
    await page.locator('.el-popconfirm:visible').getByRole('button', { name: texts.tokens.revoke }).click()
    await page
      .getByRole('row', { name: /For a while/ })
      .getByText(/revoked/)
      .first()
      .waitFor()
    await other.reload()
    await other.getByRole('heading', { name: texts.session.title }).waitFor()
  })

  it('survives a restart of the master', async () => {
    const page = await signedIn(admin, 'boss')
    await master.stop()
    await page.locator('.banner').waitFor()
    await master.restart()
    await page.locator('.banner').waitFor({ state: 'detached' })
    await page.getByRole('link', { name: texts.page.settings }).first().click()
    await page.getByText('guest').waitFor()
  })

  it('ends with the sign-out', async () => {
    const page = await signedIn(admin, 'boss')
    await page.getByRole('button', { name: 'boss' }).click()
    await page.getByRole('menuitem', { name: texts.session.signOut, exact: true }).click()
    await page.getByRole('heading', { name: texts.session.title }).waitFor()
    await page.reload()
    await page.getByRole('heading', { name: texts.session.title }).waitFor()
  })
})
