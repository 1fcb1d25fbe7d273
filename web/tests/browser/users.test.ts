// Users with passwords. The test starts its own masters. `MASTER_PROGRAM` is the path of the program.
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
const PASSWORD = 'correct horse battery'
const PORT = 18_729

let browser: Browser
let server: { address: string; close: () => void }
let master: ChildProcess
let log = ''
const directory = mkdtempSync(join(tmpdir(), 'easysight-users-'))

function run(...line: string[]): void {
  const options = { input: `${PASSWORD}\n`, stdio: ['pipe', 'ignore', 'ignore'] as ['pipe', 'ignore', 'ignore'] }
  execFileSync(program as string, [...line, '--data-dir', directory], options)
}
async function start(): Promise<void> {
  master = spawn(program as string, ['--listen', `0.0.0.0:${PORT}`, '--data-dir', directory], {
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  master.stderr?.on('data', (chunk: Buffer) => (log += chunk.toString()))
  const isReady = (): Promise<boolean> =>
    fetch(`http://127.0.0.1:${PORT}/readyz`).then(
      (answer) => answer.ok,
      () => false,
    )
  while (!(await isReady())) await new Promise((resolve) => setTimeout(resolve, 100))
}
async function visit(path = ''): Promise<Page> {
  const { page } = (await open(browser, { language: 'en' })) as { page: Page }
  await page.goto(`${server.address}${path}`)
  return page
}
async function signIn(page: Page | ReturnType<Page['getByRole']>, name: string, password = PASSWORD): Promise<void> {
  await page.locator('#session-name').fill(name)
  await page.locator('#session-password').fill(password)
  await page.getByRole('button', { name: 'Sign in', exact: true }).click()
}

describe.skipIf(!program)('users', () => {
  beforeAll(async () => {
    await start()
    server = (await serve({ master: `http://127.0.0.1:${PORT}`, prefix: '/eyes' })) as typeof server
    browser = (await launch()) as Browser
  })
  afterAll(async () => {
    await browser.close()
    server.close()
    const ended = new Promise((resolve) => master.once('exit', resolve))
    master.kill()
    await ended
    rmSync(directory, { recursive: true, force: true })
  })

  it('begin with the link that the master has logged', async () => {
    const secret = /#\/welcome\/([0-9a-f]+)/.exec(log)?.[1]
    expect(secret).toBeTruthy()
    const page = await visit(`#/welcome/${secret}`)
    await page.getByRole('heading', { name: 'Create the first administrator' }).waitFor()
    await page.getByRole('textbox', { name: 'Name' }).fill('Ada')
    const create = page.getByRole('button', { name: 'Create and sign in' })
    await page.getByLabel('New password').fill('short')
    expect(await create.isDisabled()).toBe(true)
    await page.getByLabel('New password').fill(PASSWORD)
    await page.getByLabel('The same password again').fill(PASSWORD)
    await create.click()
    await page.getByRole('button', { name: 'Ada' }).waitFor()
    expect(page.url()).not.toContain('welcome')
    await page.context().close()
    const again = await visit(`#/welcome/${secret}`)
    await again.getByRole('textbox', { name: 'Name' }).fill('Eve')
    await again.getByLabel('New password').fill(PASSWORD)
    await again.getByLabel('The same password again').fill(PASSWORD)
    await again.getByRole('button', { name: 'Create and sign in' }).click()
    await again.getByRole('alert').getByText('The link is not valid').waitFor()
    await again.context().close()
  })

  it('change something also after a reload, without a question', async () => {
    const page = await visit()
    await signIn(page, 'ada')
    await page.getByRole('button', { name: 'Ada' }).waitFor()
    await page.goto(`${server.address}#/cameras?add=1`)
    await page.reload()
    await page.getByRole('textbox', { name: 'Name', exact: true }).fill('After the reload')
    await page.getByRole('textbox', { name: 'Address', exact: true }).fill('rtsp://10.0.0.1/stream')
    await page.getByRole('button', { name: 'Save' }).click()
    await page.waitForURL(/#\/cameras\/.+/)
    await page.context().close()
  })

  it('lose nothing that they typed when their session ends', async () => {
    const page = await visit()
    await signIn(page, 'Ada')
    await page.getByRole('button', { name: 'Ada' }).waitFor()
    await page.goto(`${server.address}#/cameras?add=1`)
    await page.getByRole('textbox', { name: 'Name', exact: true }).fill('Typed before')
    await page.getByRole('textbox', { name: 'Address', exact: true }).fill('rtsp://10.0.0.2/stream')
    await page.context().clearCookies()
    await page.getByRole('button', { name: 'Save' }).click()
    const dialog = page.getByRole('dialog', { name: 'Sign in again' })
    expect(await dialog.locator('#session-name').inputValue()).toBe('Ada')
    await signIn(dialog, 'Ada')
    await page.waitForURL(/#\/cameras\/.+/)
    expect(await page.locator('main h1').innerText()).toBe('Typed before')
    await page.context().close()
  })

  it('are created, disabled and removed by an administrator, and see a wrong password refused', async () => {
    const page = await visit()
    await signIn(page, 'Ada', 'not the password')
    await page.getByRole('alert').getByText('The name or the password is wrong').first().waitFor()
    await signIn(page, 'Ada')
    await page.getByRole('link', { name: 'Settings' }).first().click()
    await page.getByRole('button', { name: 'Create a user' }).click()
    const dialog = page.getByRole('dialog', { name: 'Create a user' })
    await dialog.getByRole('textbox', { name: 'Name' }).fill('Bea')
    await dialog.getByLabel('New password').fill(PASSWORD)
    await dialog.getByLabel('The same password again').fill(PASSWORD)
    await dialog.getByRole('button', { name: 'Create user' }).click()
    const bea = page.getByRole('row', { name: /Bea/ })
    await bea.waitFor()
    const other = await visit()
    await signIn(other, 'Bea')
    await other.getByRole('button', { name: 'Bea' }).waitFor()
    await other.context().close()
    await bea.getByRole('button', { name: 'Disable' }).click()
    await bea.getByText('Disabled', { exact: true }).waitFor()
    // The last administrator cannot be removed.
    await page.getByRole('row', { name: /Ada/ }).getByRole('button', { name: 'Disable' }).click()
    await page.getByText('This is the last administrator').waitFor()
    await bea.getByRole('button', { name: 'Change' }).click()
    await page.getByRole('button', { name: 'Delete' }).click()
    const sure = page.getByRole('dialog', { name: /Bea/ }).last()
    await sure.getByRole('textbox').last().fill('Bea')
    await sure.getByRole('button', { name: 'Delete' }).last().click()
    await bea.waitFor({ state: 'detached' })
    await page.context().close()
  })

  it('change their password, and sign out everywhere', async () => {
    run('user', 'create', '--name', 'Cy', '--scope', 'viewer')
    const page = await visit()
    await signIn(page, 'Cy')
    const other = await visit()
    await signIn(other, 'Cy')
    await other.getByRole('button', { name: 'Cy' }).waitFor()
    await page.getByRole('button', { name: 'Cy' }).click()
    await page.getByRole('menuitem', { name: 'Change password' }).click()
    const dialog = page.getByRole('dialog', { name: 'Change password' })
    await dialog.getByLabel('Current password').fill(PASSWORD)
    await dialog.getByLabel('New password').fill('another password')
    await dialog.getByLabel('The same password again').fill('another password')
    await dialog.getByRole('button', { name: 'Change password' }).click()
    await dialog.waitFor({ state: 'detached' })
    await other.reload()
    await other.getByRole('heading', { name: 'Sign in' }).waitFor()
    await signIn(other, 'Cy', 'another password')
    await other.getByRole('button', { name: 'Cy' }).click()
    await other.getByRole('menuitem', { name: 'Sign out everywhere' }).click()
    await other.getByRole('heading', { name: 'Sign in' }).waitFor()
    await page.reload()
    await page.getByRole('heading', { name: 'Sign in' }).waitFor()
    await page.context().close()
    await other.context().close()
  })
})
