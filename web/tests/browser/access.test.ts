// Signing in. The test starts its own master, which has tokens. `MASTER_PROGRAM` is the path of the program.
import { execFileSync, spawn, type ChildProcess } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
// @ts-expect-error The script has no types.
import { launch, open } from '../../scripts/browser.mjs'
// @ts-expect-error The script has no types.
import { serve } from '../../scripts/serve.mjs'

const program = process.env.MASTER_PROGRAM
const PORT = 18_719
const URL_OF_MASTER = `http://127.0.0.1:${PORT}`

let browser: Browser
let server: { address: string; close: () => void }
let master: ChildProcess
let directory: string
let admin: string
let viewer: string

function makeToken(name: string, scope: string): string {
  const line = ['token', 'create', '--name', name, '--scope', scope, '--data-dir', directory]
  return execFileSync(program as string, line, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim()
}
async function start(): Promise<void> {
  master = spawn(program as string, ['--listen', `127.0.0.1:${PORT}`, '--data-dir', directory], { stdio: 'ignore' })
  const isReady = (): Promise<boolean> =>
    fetch(`${URL_OF_MASTER}/readyz`).then(
      (answer) => answer.ok,
      () => false,
    )
  while (!(await isReady())) await new Promise((resolve) => setTimeout(resolve, 100))
}
async function stop(): Promise<void> {
  const ended = new Promise((resolve) => master.once('exit', resolve))
  master.kill()
  await ended
}
async function visit(): Promise<Page> {
  const { page } = (await open(browser, { language: 'en' })) as { page: Page }
  await page.goto(server.address)
  await page.getByRole('heading', { name: 'Sign in' }).waitFor()
  return page
}
async function enter(page: Page, token: string): Promise<void> {
  await page.getByText('Token', { exact: true }).first().click()
  await page.locator('#session-token').fill(token)
  await page.getByRole('button', { name: 'Sign in', exact: true }).click()
}

describe.skipIf(!program)('access by token', () => {
  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), 'easysight-console-'))
    admin = makeToken('boss', 'admin')
    viewer = makeToken('guest', 'viewer')
    await start()
    server = (await serve({ master: URL_OF_MASTER, prefix: '/eyes' })) as typeof server
    browser = (await launch()) as Browser
  })
  afterAll(async () => {
    await browser.close()
    server.close()
    await stop()
    rmSync(directory, { recursive: true, force: true })
  })

  it('refuses a token that is not valid, and takes one that is', async () => {
    const page = await visit()
    await enter(page, 'es_00_wrong')
    await page.getByRole('alert').getByText('not valid, or has expired').waitFor()
    await enter(page, admin)
    await page.getByRole('button', { name: 'boss' }).waitFor()
    await page.context().close()
  })

  it('still reads after a reload, and asks for the token before the first change', async () => {
    const page = await visit()
    await enter(page, admin)
    await page.getByRole('button', { name: 'boss' }).waitFor()
    await page.goto(`${server.address}#/cameras?add=1`)
    await page.reload()
    await page.getByRole('textbox', { name: 'Name', exact: true }).fill('After the reload')
    await page.getByRole('textbox', { name: 'Address', exact: true }).fill('rtsp://10.0.0.1/stream')
    await page.getByRole('button', { name: 'Save' }).click()
    const dialog = page.getByRole('dialog', { name: 'Sign in again' })
    await dialog.locator('#session-token').fill(admin)
    await dialog.getByRole('button', { name: 'Sign in' }).click()
    await page.waitForURL(/#\/cameras\/.+/)
    expect(await page.locator('main h1').innerText()).toBe('After the reload')
    await page.context().close()
  })

  it('tells a viewer that a change is not allowed, and loses nothing', async () => {
    const page = await visit()
    await enter(page, viewer)
    await page.getByRole('link', { name: 'Cameras', exact: true }).first().click()
    await page.getByRole('button', { name: 'Add camera' }).first().click()
    await page.getByRole('textbox', { name: 'Name', exact: true }).fill('Not mine')
    await page.getByRole('textbox', { name: 'Address', exact: true }).fill('rtsp://10.0.0.1/stream')
    await page.getByRole('button', { name: 'Save' }).click()
    await page.getByRole('alert').getByText('does not allow this').first().waitFor()
    expect(await page.getByRole('textbox', { name: 'Name', exact: true }).inputValue()).toBe('Not mine')
    await page.context().close()
  })

  it('survives a restart of the master', async () => {
    const page = await visit()
    await enter(page, admin)
    await page.getByRole('button', { name: 'boss' }).waitFor()
    await stop()
    await page.locator('.banner').waitFor({ timeout: 40_000 })
    await start()
    await page.locator('.banner').waitFor({ state: 'detached', timeout: 40_000 })
    await page.getByRole('link', { name: 'Settings' }).first().click()
    await page.getByText('guest').waitFor()
    await page.context().close()
  }, 120_000)

  it('ends with the sign-out', async () => {
    const page = await visit()
    await enter(page, admin)
    await page.getByRole('button', { name: 'boss' }).click()
    await page.getByRole('menuitem', { name: 'Sign out' }).click()
    await page.getByRole('heading', { name: 'Sign in' }).waitFor()
    await page.reload()
    await page.getByRole('heading', { name: 'Sign in' }).waitFor()
    await page.context().close()
  })
})
