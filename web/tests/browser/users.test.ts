// People with names and passwords, with a master of their own.
import type { Locator, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { filled, TEXTS, useConsole, violations, withChecker } from './console'
// @ts-expect-error The script has no types.
import { directory, run, startMaster } from '../../scripts/fleet.mjs'

const PASSWORD = 'correct horse battery'
/** After so many failures, a name and address have to wait. */
const FREE_FAILURES = 5

const { path, remove } = directory()
const { en: texts } = TEXTS
let master: { url: string; log: string; stop: () => Promise<void> }

function makeUser(name: string, scope: string): void {
  const line = ['user', 'create', '--name', name, '--scope', scope, '--data-dir', `${path}/master`]
  run('easysight-master', line, { input: `${PASSWORD}\n` })
}
beforeAll(async () => {
  // A master that others reach asks for a first administrator, and logs a link.
  master = await startMaster(path, { listen: '0.0.0.0:0' })
})
afterAll(async () => {
  await master?.stop()
  remove()
})
const { at, go, close } = useConsole(() => master.url.replace('0.0.0.0', '127.0.0.1'), '/eyes')
afterEach(close)

async function visit(path = '/'): Promise<Page> {
  return (await at(path)).page
}
async function signIn(page: Page | Locator, name: string, password = PASSWORD): Promise<void> {
  await page.locator('#session-name').fill(name)
  await page.locator('#session-password').fill(password)
  await page.getByRole('button', { name: 'Sign in', exact: true }).click()
}

describe('users', () => {
  it('begin with the link that the master has logged', async () => {
    const secret = /#\/welcome\/([0-9a-f]+)/.exec(master.log)?.[1]
    expect(secret).toBeTruthy()
    const page = await visit(`/welcome/${secret}`)
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
    const again = await visit(`/welcome/${secret}`)
    await again.getByRole('textbox', { name: 'Name' }).fill('Eve')
    await again.getByLabel('New password').fill(PASSWORD)
    await again.getByLabel('The same password again').fill(PASSWORD)
    await again.getByRole('button', { name: 'Create and sign in' }).click()
    await again.getByRole('alert').getByText('The link is not valid').waitFor()
  })

  it('change something also after a reload, without a question', async () => {
    const page = await visit()
    await signIn(page, 'ada')
    await page.getByRole('button', { name: 'Ada' }).waitFor()
    await go(page, '/cameras?add=1')
    await page.reload()
    await page.getByRole('textbox', { name: 'Name', exact: true }).fill('After the reload')
    await page.getByRole('textbox', { name: 'Address', exact: true }).fill('rtsp://10.0.0.1/stream')
    await page.getByRole('button', { name: 'Save' }).click()
    await page.waitForURL(/#\/cameras\/.+/)
  })

  it('lose nothing that they typed when their session ends', async () => {
    const page = await visit()
    await signIn(page, 'Ada')
    await page.getByRole('button', { name: 'Ada' }).waitFor()
    await go(page, '/cameras?add=1')
    await page.getByRole('textbox', { name: 'Name', exact: true }).fill('Typed before')
    await page.getByRole('textbox', { name: 'Address', exact: true }).fill('rtsp://10.0.0.2/stream')
    await page.context().clearCookies()
    await page.getByRole('button', { name: 'Save' }).click()
    const dialog = page.getByRole('dialog', { name: 'Sign in again' })
    expect(await dialog.locator('#session-name').inputValue()).toBe('Ada')
    await signIn(dialog, 'Ada')
    await page.waitForURL(/#\/cameras\/.+/)
    expect(await page.locator('main h1').innerText()).toBe('Typed before')
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
  })

  it('are limited to the cameras of an area', async () => {
    const page = await visit()
    await signIn(page, 'Ada')
    await page.getByRole('button', { name: 'Ada' }).waitFor()
    await go(page, '/settings')
    await page.getByRole('button', { name: texts.users.add }).click()
    const dialog = page.getByRole('dialog', { name: texts.users.add })
    await dialog.getByRole('textbox', { name: texts.users.name, exact: true }).fill('Flo')
    await dialog.getByLabel('New password').fill(PASSWORD)
    await dialog.getByLabel('The same password again').fill(PASSWORD)
    await dialog.getByText(texts.users.someGroups, { exact: true }).click()
    const create = dialog.getByRole('button', { name: texts.users.create })
    // An area without a group would show nothing.
    expect(await create.isDisabled()).toBe(true)
    await dialog.getByRole('combobox', { name: texts.users.areaGroups }).fill('gates')
    await page.getByRole('option', { name: 'gates' }).click()
    await page.keyboard.press('Escape')
    await create.click()
    await page.getByRole('row', { name: /Flo/ }).getByText('gates', { exact: true }).waitFor()
    const other = await visit()
    await signIn(other, 'Flo')
    await other.getByRole('button', { name: 'Flo' }).click()
    await other.getByText(filled(texts.session.area, { groups: 'gates' })).waitFor()
    // Ada sees the cameras of the tests before; Flo sees none, because they are in no group.
    await go(page, '/cameras')
    await page.getByRole('link', { name: 'After the reload' }).waitFor()
    await go(other, '/cameras')
    await other.getByText(texts.overview.emptyTitle).waitFor()
  })

  it.each([
    { language: 'en', theme: 'light' },
    { language: 'zh', theme: 'dark' },
  ] as const)('have dialogs without a serious fault in $language and $theme', async (look) => {
    const { page } = await at('/', look)
    const words = TEXTS[look.language]
    await withChecker(page)
    await page.locator('#session-name').fill('Ada')
    await page.locator('#session-password').fill(PASSWORD)
    await page.getByRole('button', { name: words.session.signIn, exact: true }).click()
    await page.getByRole('button', { name: 'Ada' }).waitFor()
    await go(page, '/settings')
    const row = page.getByRole('row', { name: /Flo/ })
    await row.getByRole('button', { name: words.users.change, exact: true }).click()
    const dialog = page.getByRole('dialog', { name: filled(words.users.changeTitle, { name: 'Flo' }) })
    await dialog.getByText(words.users.areaHint).waitFor()
    // While the dialog opens, its colours are those of a mixture.
    await page.evaluate(() => Promise.allSettled(document.getAnimations().map((one) => one.finished)))
    expect(await violations(page)).toEqual([])
  })

  it('change their password, and sign out everywhere', async () => {
    makeUser('Cy', 'viewer')
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
  })
  it('have to wait after too many wrong passwords, and others do not', async () => {
    makeUser('Di', 'operator')
    makeUser('Ed', 'operator')
    const page = await visit()
    const refusal = page.getByRole('alert')
    const wait = refusal.getByText(texts.problem['too-many-sign-ins'])
    // A slow machine may outlast the first waits, which become longer.
    for (let failures = 0; failures < FREE_FAILURES || !(await wait.isVisible()); failures += 1) {
      await signIn(page, 'Di', `wrong password ${failures}`)
      await refusal.getByText(texts.problem['wrong-password']).or(wait).first().waitFor()
      if (failures < FREE_FAILURES) expect(await wait.isVisible()).toBe(false)
    }
    // The name stays, and the page can still be used.
    expect(await page.locator('#session-name').inputValue()).toBe('Di')
    const other = await visit()
    await signIn(other, 'Ed')
    await other.getByRole('button', { name: 'Ed' }).waitFor()
  })

  it('of whom one has signed in for another finish nothing in the name of the other', async () => {
    const page = await visit()
    await signIn(page, 'Ada')
    await page.getByRole('button', { name: 'Ada' }).waitFor()
    await go(page, '/cameras?add=1')
    await page.getByRole('textbox', { name: 'Name', exact: true }).fill('Of Ada')
    await page.getByRole('textbox', { name: 'Address', exact: true }).fill('rtsp://10.0.0.3/stream')
    await page.context().clearCookies()
    await page.getByRole('button', { name: 'Save' }).click()
    const dialog = page.getByRole('dialog', { name: 'Sign in again' })
    await signIn(dialog, 'Ed')
    await dialog.waitFor({ state: 'detached' })
    await page.getByRole('alert').getByText(texts.problem.unauthorized).first().waitFor()
    expect(await page.getByRole('textbox', { name: 'Name', exact: true }).inputValue()).toBe('Of Ada')
    // The second time, it is Ed's own wish.
    await page.getByRole('button', { name: 'Save' }).click()
    await page.waitForURL(/#\/cameras\/.+/)
  })
})
