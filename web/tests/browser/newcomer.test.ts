// The walk of a person who sees the console for the first time, by mouse alone. Only words are typed, into fields that
// were clicked before.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Locator, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from 'vitest'
import { LANGUAGES, TEXTS, useConsole } from './console'
// @ts-expect-error The script has no types.
import { ask, clip, plugin } from '../../scripts/fleet.mjs'

const master = inject('master')
const { at, close } = useConsole(() => master, '/site/console')

/** What the person calls their camera and their task, and which plugin they load: each language has its own. */
const OWN = {
  en: { camera: 'My camera', task: 'My task', plugin: 'stripe' },
  zh: { camera: '我的摄像机', task: '我的任务', plugin: 'mosaic' },
}
const NOWHERE = 'rtsp://127.0.0.1:9/live'

let files: string
beforeAll(() => {
  files = mkdtempSync(join(tmpdir(), 'easysight-newcomer-'))
})
afterAll(() => rmSync(files, { recursive: true, force: true }))

async function plugins(): Promise<Plugin[]> {
  return (await ask(master, '/api/v1/plugins')) as Plugin[]
}

/** Removes what a test has made: other tests count cameras, and run all active diagnoses. */
afterEach(async () => {
  await close()
  for (const own of Object.values(OWN)) {
    for (const [things, name] of [
      ['tasks', own.task],
      ['cameras', own.camera],
    ] as const) {
      const { items } = await ask(master, `/api/v1/diagnosis/${things}?limit=1000`)
      for (const one of (items as { id: string; name: string }[]).filter((one) => one.name === name))
        await ask(master, `/api/v1/diagnosis/${things}/${one.id}`, undefined, 'DELETE')
    }
    for (const one of await plugins())
      if (one.name === own.plugin && one.active_for.length)
        await ask(master, `/api/v1/plugins/${one.digest}/deactivate`, {})
  }
})

type Words = Record<'en' | 'zh', string>
interface Plugin {
  name: string
  digest: string
  active_for: string[]
  diagnoses: { id: string; title: Words }[]
}
interface Finding {
  diagnosis: string
  message?: Words
  suggestions?: Words[]
}

/** The middle of a target that has stopped moving, and that nothing covers. */
async function middle(target: Locator): Promise<{ x: number; y: number }> {
  await target.waitFor()
  const handle = await target.elementHandle()
  if (!handle) throw new Error('the target has gone')
  // Playwright waits until the target stands still.
  await handle.scrollIntoViewIfNeeded()
  await handle.waitForElementState('stable')
  const box = await handle.boundingBox()
  if (!box) throw new Error('the target is not seen')
  const spot = { x: box.x + box.width / 2, y: box.y + box.height / 2 }
  const cover = await handle.evaluate((element, { x, y }) => {
    const hit = document.elementFromPoint(x, y)
    if (!hit) return 'nothing: it is outside of the window'
    // A placeholder lies over its field, in the same frame.
    const frame = element.closest('.el-select, label') ?? element
    return frame.contains(hit) || hit.contains(element) ? '' : hit.outerHTML.slice(0, 200)
  }, spot)
  if (cover) throw new Error(`a click would hit ${cover}`)
  return spot
}

/** Clicks what a person sees, at its place in the window. */
async function click(page: Page, target: Locator): Promise<void> {
  const { x, y } = await middle(target)
  await page.mouse.move(x, y, { steps: 3 })
  await page.mouse.down()
  await page.mouse.up()
}
/** Clicks a field, and types instead of what stands in it. */
async function type(page: Page, field: Locator, words: string): Promise<void> {
  await click(page, field)
  await page.keyboard.press('ControlOrMeta+A')
  await page.keyboard.type(words)
}
/** Clicks an area for files, and chooses some in the dialog of the system, which is no part of the page. */
async function choose(page: Page, area: Locator, paths: string[]): Promise<void> {
  const dialog = page.waitForEvent('filechooser')
  await click(page, area)
  await (await dialog).setFiles(paths)
}

describe.each(LANGUAGES)('a newcomer, in the language %s,', (language) => {
  const texts = TEXTS[language]
  const own = OWN[language]
  const rail = (page: Page, name: string): Locator =>
    page.getByRole('navigation', { name: texts.frame.pages }).getByRole('link', { name, exact: true })

  it('finds the frozen camera and sees why it is bad', async () => {
    const { page, faults, settle } = await at('/', { language })
    await settle()
    const act = page.getByRole('region', { name: texts.overview.act })
    await click(page, act.getByRole('link', { name: 'Car park' }))
    await page.waitForURL(/#\/cameras\/frozen/)
    await settle()
    const titles = (await plugins()).flatMap((one) => one.diagnoses)
    const freeze = titles.find((one) => one.id === 'freeze')?.title[language] ?? '-'
    const { items } = await ask(master, '/api/v1/diagnosis/results?camera_id=frozen&limit=1000')
    const checks = items as Finding[]
    const finding = checks.find((one) => one.diagnosis === 'freeze' && one.suggestions?.length)
    // The fault in words, and what to do.
    const main = page.getByRole('main')
    await main
      .getByText(finding?.message?.[language] ?? '-')
      .first()
      .waitFor()
    await main
      .getByText(finding?.suggestions?.[0]?.[language] ?? '-')
      .first()
      .waitFor()
    const pictures = page.getByRole('region', { name: texts.camera.pictures })
    await click(page, pictures.locator('img').last())
    const enlarged = page.locator('dialog[open]')
    await enlarged.locator('img').waitFor()
    await click(page, enlarged.locator('img'))
    await enlarged.waitFor({ state: 'detached' })
    // A mark of the timeline leads to its check; this one is the latest, which is shown already.
    const row = page.locator('.timeline .row').filter({ hasText: freeze })
    await click(page, row.locator('rect').last())
    await page.getByRole('heading', { name: texts.camera.findings }).waitFor()
    // The finding shows the values behind it.
    const found = page.locator('.finding').filter({ hasText: freeze })
    await click(page, found.getByText(texts.finding.numbers))
    await found.getByText('changed_share').first().waitFor()
    // Another threshold is tried on past checks, also on the way back and forth, when the answers are known already.
    for (const times of [1, 2]) {
      await click(page, page.getByRole('link', { name: texts.replay.open }).first())
      await page.waitForURL(/#\/replay\?/)
      await settle()
      expect(await page.getByRole('slider').count(), `visit ${times}`).toBeGreaterThan(0)
      await page.goBack()
      await page.waitForURL(/#\/cameras\/frozen/)
      await settle()
    }
    expect(faults).toEqual([])
  })

  it('adds a camera, plans a task for it, and sees the result', async () => {
    const { page, faults, settle } = await at('/', { language })
    await settle()
    await click(page, rail(page, texts.page.cameras))
    await click(page, page.getByRole('button', { name: texts.cameras.add }))
    const dialog = page.getByRole('dialog', { name: texts.cameras.add })
    const address = dialog.getByRole('textbox', { name: texts.cameras.source, exact: true })
    const attempt = dialog.getByRole('button', { name: texts.camera.try })
    await type(page, dialog.getByRole('textbox', { name: texts.cameras.name, exact: true }), own.camera)
    // A wrong address is found before it is saved.
    await type(page, address, NOWHERE)
    await click(page, attempt)
    const tried = dialog.getByRole('status')
    await tried.getByText(texts.mark.critical).waitFor()
    expect(await tried.innerText()).not.toContain('[')
    await type(page, address, clip('healthy'))
    await tried.waitFor({ state: 'detached' })
    await click(page, attempt)
    await tried.getByText(texts.mark.normal, { exact: true }).waitFor()
    await click(page, dialog.getByRole('button', { name: texts.action.save, exact: true }))
    await page.waitForURL(/#\/cameras\/.+/)
    await settle()
    expect(await page.locator('main h1').innerText()).toBe(own.camera)
    await page.getByText(texts.mark.unchecked).first().waitFor()

    await click(page, page.getByRole('main').getByRole('button', { name: texts.page.tasks, exact: true }))
    await click(page, page.getByRole('button', { name: texts.tasks.add }))
    await page.getByText(texts.tasks.pickFirst).waitFor()
    await type(page, page.locator('#task-name'), own.task)
    await click(page, page.locator('#task-cameras'))
    // The name is enough, although the master has made an id.
    await click(page, page.getByRole('option', { name: own.camera, exact: true }))
    await click(page, page.getByRole('heading', { level: 1 }))
    await click(page, page.getByText(texts.schedule.kinds.cron, { exact: true }))
    await click(page, page.getByRole('button', { name: texts.schedule.presets.hourly, exact: true }))
    await page.locator('.starts time').first().waitFor()
    await click(page, page.getByRole('button', { name: texts.action.save, exact: true }))
    await page.waitForURL(/#\/tasks\/(?!new)/)
    const { schedule } = await ask(master, `/api/v1/diagnosis/tasks/${page.url().split('/').at(-1)}`)
    expect(schedule).toMatchObject({ kind: 'cron', expression: '0 * * * *' })
    await click(page, page.getByRole('button', { name: texts.tasks.runNow }))
    await page.waitForURL(/#\/runs\//)
    await page.getByText(texts.runs.state.finished, { exact: true }).first().waitFor()
    const row = page.locator('main tbody tr')
    await row.getByText(texts.jobs.finished, { exact: true }).waitFor()
    await click(page, row.getByRole('link', { name: own.camera }))
    await page.waitForURL(/#\/cameras\/.+\?check=/)
    await settle()
    await page.getByRole('heading', { name: texts.camera.findings }).waitFor()
    await page.getByRole('main').getByText(texts.mark.normal, { exact: true }).first().waitFor()
    expect(faults).toEqual([])
  })

  it('loads a plugin', async () => {
    const { page, faults, settle } = await at('/', { language })
    await settle()
    await click(page, rail(page, texts.page.plugins))
    await settle()
    const area = page.getByText(texts.plugins.drop)
    const wrong = join(files, 'wrong.wasm')
    writeFileSync(wrong, 'no plugin')
    await choose(page, area, [wrong])
    await page.getByRole('alert').getByText(texts.problem['not-a-component']).waitFor()
    await choose(page, area, [plugin(own.plugin)])
    await page.getByRole('alert').waitFor({ state: 'detached' })
    await page.getByText(texts.plugins.accepted).waitFor()
    await click(page, page.getByRole('link', { name: texts.plugins.toActivate }))
    await page.waitForURL(new RegExp(`#/plugins/${own.plugin}`))
    await settle()
    await page.getByText(texts.plugins.idle, { exact: true }).waitFor()
    // There is no earlier version to which the person could return.
    expect(await page.getByRole('button', { name: texts.plugins.rollBack }).count()).toBe(0)
    await click(page, page.getByRole('button', { name: texts.plugins.activate, exact: true }))
    await page.getByText(texts.plugins.active, { exact: true }).first().waitFor()
    const active = (await ask(master, '/api/v1/plugins/diagnoses')) as { diagnosis: string }[]
    expect(active.map((one) => one.diagnosis)).toContain(own.plugin)
    await click(page, rail(page, texts.page.plugins))
    await page
      .locator('main tbody tr')
      .filter({ hasText: own.plugin })
      .getByText(texts.plugins.active, { exact: true })
      .waitFor()
    expect(faults).toEqual([])
  })
})
