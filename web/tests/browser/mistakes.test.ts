// What people and cameras get wrong: the console says what is wrong, and loses nothing.
import { mkdirSync, readdirSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, inject, it } from 'vitest'
import { TEXTS, useConsole } from './console'
// @ts-expect-error The script has no types.
import { ask } from '../../scripts/fleet.mjs'

const master = inject('master')
const { at, go, close } = useConsole(() => master, '/site/console')
const { en: texts, zh } = TEXTS

afterEach(close)

async function status(path: string): Promise<number> {
  return (await fetch(new URL(path, master))).status
}

describe('a camera', () => {
  it('has a name that stays text, and is deleted after its name was typed', async () => {
    const { page } = await at('/cameras?add=1')
    const name = '<b>Gate</b> & "co" <img src=x onerror=alert(1)>'
    await page.getByRole('textbox', { name: 'Name', exact: true }).fill(name)
    await page.getByRole('textbox', { name: 'Address', exact: true }).fill('rtsp://user:secret@127.0.0.1:1/stream')
    await page.getByRole('button', { name: 'Save' }).click()
    await page.waitForURL(/#\/cameras\/.+/)
    expect(await page.locator('main h1').innerText()).toBe(name)
    expect(await page.locator('main').innerText()).not.toContain('secret')
    const id = decodeURIComponent(page.url().split('/').at(-1) ?? '')
    for (const path of ['/cameras', '/cameras?view=wall']) {
      await go(page, path)
      await page.getByRole('link', { name }).waitFor()
    }
    await page.keyboard.press('/')
    await page.keyboard.type('<img')
    await page.getByRole('option', { name }).waitFor()
    expect(await page.locator('main b, main img[src=x], [role=listbox] img[src=x]').count()).toBe(0)
    await go(page, `/cameras/${id}`)
    await page.getByRole('button', { name: 'Delete' }).click()
    const sure = page.getByRole('dialog').getByRole('button', { name: 'Delete' })
    expect(await sure.isDisabled()).toBe(true)
    await page.getByRole('dialog').getByRole('textbox').fill(name)
    await sure.click()
    await page.waitForURL(/#\/cameras$/)
    expect(await status(`/api/v1/diagnosis/cameras/${id}`)).toBe(404)
  })

  it('has no name of 10,000 characters, however it is entered', async () => {
    const long = '很长的名称 '.repeat(1_700).slice(0, 10_000)
    const { page, settle } = await at('/cameras?add=1')
    const name = page.getByRole('textbox', { name: 'Name', exact: true })
    await name.fill(long)
    // The field takes what the master takes.
    const taken = (await name.inputValue()).trim()
    expect(taken.length).toBeLessThanOrEqual(200)
    await page.getByRole('textbox', { name: 'Address', exact: true }).fill('rtsp://127.0.0.1:1/stream')
    await page.getByRole('button', { name: 'Save' }).click()
    await page.waitForURL(/#\/cameras\/.+/)
    const id = decodeURIComponent(page.url().split('/').at(-1) ?? '')
    // A long name makes no page wide.
    for (const path of [`/cameras/${id}`, '/cameras', '/cameras?view=wall', '/']) {
      await go(page, path)
      await settle()
      const [scroll = 0, seen = 0] = await page.evaluate(() => {
        const main = document.querySelector('main')
        return [main?.scrollWidth, main?.clientWidth]
      })
      expect(scroll, path).toBeLessThanOrEqual(seen)
    }
    await ask(master, `/api/v1/diagnosis/cameras/${id}`, undefined, 'DELETE')
    // In a table, the line is refused with its reason.
    await go(page, '/cameras?import=1')
    await page.locator('#pasted').fill(`id,name,source\nlong-1,${long},rtsp://127.0.0.1:1/a\n`)
    await page.getByRole('button', { name: texts.import.check, exact: true }).click()
    await page.getByText(texts.import.problems).waitFor()
    await page.getByText(/200 characters/).waitFor()
    expect(await status('/api/v1/diagnosis/cameras/long-1')).toBe(404)
    // A search for it finds nothing, and is no fault.
    await go(page, '/cameras')
    await page.getByPlaceholder(texts.cameras.search).fill(long)
    await page.getByText(texts.cameras.noneFits).waitFor()
  })

  it('is told wrong addresses in words, with what was typed kept', async () => {
    const { page } = await at('/cameras?add=1')
    await page.getByRole('textbox', { name: 'Name', exact: true }).fill('Typed')
    await page.getByRole('textbox', { name: 'Address', exact: true }).fill('nonsense://x')
    await page.getByRole('button', { name: 'Save' }).click()
    await page.getByRole('alert').first().waitFor()
    expect(await page.getByRole('textbox', { name: 'Name', exact: true }).inputValue()).toBe('Typed')
    expect(await page.getByRole('textbox', { name: 'Address', exact: true }).inputValue()).toBe('nonsense://x')
  })

  it('whose pictures are no longer kept says so, and shows the rest', async () => {
    const { page, settle } = await at('/cameras/dark')
    await settle()
    await page.locator('.picture img').first().waitFor()
    const folder = join(inject('data'), 'master', 'pictures')
    const files = readdirSync(folder).filter((name) => name.endsWith('.jpg'))
    expect(files.length).toBeGreaterThan(0)
    const away = join(inject('data'), 'removed')
    mkdirSync(away, { recursive: true })
    const move = (from: string, to: string): void => {
      for (const name of files) renameSync(join(from, name), join(to, name))
    }
    move(folder, away)
    try {
      // Another browser, which has kept none of them.
      const { page: later, settle: shown } = await at('/cameras/dark')
      await later.clock.install()
      await later.reload()
      await shown()
      // A picture that has not arrived is asked for a few times.
      const gone = later.getByText(texts.picture.gone).first()
      while (!(await gone.isVisible())) {
        await later.clock.fastForward(30_000)
        await shown()
      }
      await later.getByRole('heading', { name: texts.camera.findings }).waitFor()
    } finally {
      move(away, folder)
    }
  })
})

describe('a table of cameras', () => {
  it('shows its errors before anything is written, and imports the good lines', async () => {
    const { page } = await at('/cameras?import=1')
    const lines = [
      'id,name,source,groups',
      'import-1,One,rtsp://127.0.0.1:1/a,gates',
      'import-2,Two,nonsense://x,gates',
      'import-3,,rtsp://127.0.0.1:1/c,gates',
    ]
    await page.locator('#pasted').fill(lines.join('\n'))
    await page.getByRole('button', { name: texts.import.check, exact: true }).click()
    await page.getByText(texts.import.problems).waitFor()
    const problems = page.locator('section', { hasText: texts.import.problems }).locator('tbody tr')
    expect(await problems.locator('td:first-child').allInnerTexts()).toEqual(['3', '4'])
    expect(await status('/api/v1/diagnosis/cameras/import-1')).toBe(404)
    await page.getByRole('button', { name: 'Import the 1 good line' }).click()
    await page.getByText('1 new, 0 changed.').waitFor()
    expect(await status('/api/v1/diagnosis/cameras/import-1')).toBe(200)
    expect(await status('/api/v1/diagnosis/cameras/import-3')).toBe(404)
    await page.locator('.el-drawer').getByRole('button', { name: texts.action.close }).last().click()
    await page.getByRole('link', { name: 'One', exact: true }).waitFor()
    await ask(master, '/api/v1/diagnosis/cameras/import-1', undefined, 'DELETE')
  })

  it('without the columns that are needed is refused as a whole', async () => {
    const { page } = await at('/cameras?import=1')
    await page.locator('#pasted').fill('foo;bar\n1;2\n')
    await page.getByRole('button', { name: texts.import.check, exact: true }).click()
    await page.getByRole('alert').first().waitFor()
    expect(await page.locator('#pasted').inputValue()).toBe('foo;bar\n1;2\n')
  })
})

describe('a file that is no plugin', () => {
  const bad: [string, Buffer, string][] = [
    ['a text', Buffer.from('not a plugin'), zh.problem['not-a-component']],
    ['an empty file', Buffer.alloc(0), zh.problem['not-a-component']],
    ['a bare module', Buffer.from([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0]), zh.problem['core-module']],
    ['a component with nothing in it', Buffer.from([0, 0x61, 0x73, 0x6d, 0x0d, 0, 1, 0]), zh.problem['wrong-world']],
  ]
  it.each(bad)('is refused with a reason: %s', async (_, buffer, reason) => {
    const { page } = await at('/plugins', { language: 'zh' })
    const before = ((await ask(master, '/api/v1/plugins')) as unknown[]).length
    await page.locator('input[type=file]').setInputFiles({ name: 'bad.wasm', mimeType: 'application/wasm', buffer })
    await page.getByRole('alert').getByText(reason).waitFor()
    expect(await ask(master, '/api/v1/plugins')).toHaveLength(before)
  })
})
