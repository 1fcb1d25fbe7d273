// What people do on each page, in both languages.
import { afterEach, describe, expect, inject, it } from 'vitest'
import { filled, LANGUAGES, TEXTS, useConsole } from './console'
// @ts-expect-error The script has no types.
import { ask } from '../../scripts/fleet.mjs'

const master = inject('master')
const { at, go, close } = useConsole(() => master, '/site/console')

afterEach(close)

async function camera(id: string): Promise<{ enabled: boolean; groups: string[] }> {
  return ask(master, `/api/v1/diagnosis/cameras/${id}`)
}

describe.each(LANGUAGES)('in the language %s', (language) => {
  const texts = TEXTS[language]

  it('the overview says who needs someone, shows why, and leads to the camera', async () => {
    const { page, settle } = await at('/', { language })
    await settle()
    expect(await page.locator('h1').innerText()).toContain('3')
    const lines = page.getByRole('region', { name: texts.overview.act }).getByRole('listitem')
    // The most urgent come first.
    expect(await lines.count()).toBe(3)
    await lines.filter({ hasText: texts.loss.reason['connection-refused'] }).waitFor()
    const line = lines.filter({ hasText: 'Loading dock' })
    await line.locator('img').first().waitFor()
    await line.getByRole('link', { name: 'Loading dock' }).click()
    await page.waitForURL(/#\/cameras\/dark/)
    expect(await page.locator('main h1').innerText()).toBe('Loading dock')
  })

  it('a camera shows the fault, its pictures and its time line, and is diagnosed again', async () => {
    const { page, settle } = await at('/cameras/dark', { language })
    await settle()
    const pictures = page.locator('section', { has: page.getByRole('heading', { name: texts.camera.pictures }) })
    await pictures.locator('img').first().waitFor()
    // A click enlarges a picture in place.
    await pictures.locator('.picture button.open').last().click()
    await page.locator('dialog[open] img').waitFor()
    await page.keyboard.press('Escape')
    // The first check has a row for each diagnosis, and the arrow keys lead to the latest one.
    const checks = (await ask(master, '/api/v1/diagnosis/results?camera_id=dark&limit=1000')).items
    await go(page, `/cameras/dark?check=${checks.at(-1).job_id}`)
    await page.getByRole('button', { name: texts.camera.toLatest }).waitFor()
    await page.locator('.timeline[role=slider]').press('End')
    await page.getByRole('button', { name: texts.camera.toLatest }).waitFor({ state: 'detached' })
    expect(page.url()).not.toContain('check=')
    await page.getByRole('button', { name: texts.camera.diagnoseNow }).click()
    await page.getByText(texts.diagnose.done).waitFor()
  })

  it('the list of cameras finds, filters and pauses', async () => {
    const { page, settle } = await at('/cameras', { language })
    await settle()
    const rows = page.getByRole('table').getByRole('row')
    expect(await rows.count()).toBe(5)
    await page.getByPlaceholder(texts.cameras.search).fill('car park')
    await page.waitForURL(/q=car/)
    await settle()
    expect(await rows.count()).toBe(2)
    await page.getByRole('checkbox', { name: filled(texts.cameras.selectOne, { name: 'Car park' }) }).check()
    const bar = page.getByRole('region', { name: texts.bulk.title })
    await bar.getByRole('button', { name: texts.bulk.pause, exact: true }).click()
    await bar.waitFor({ state: 'detached' })
    expect((await camera('frozen')).enabled).toBe(false)
    await rows.filter({ hasText: texts.mark.muted }).waitFor()
    await page.getByRole('checkbox', { name: filled(texts.cameras.selectOne, { name: 'Car park' }) }).check()
    await bar.getByRole('button', { name: texts.bulk.enable, exact: true }).click()
    await bar.waitFor({ state: 'detached' })
    expect((await camera('frozen')).enabled).toBe(true)
    await page.getByPlaceholder(texts.cameras.search).fill('nothing like this')
    await page.getByRole('button', { name: texts.cameras.clearFilters }).click()
    await page.waitForURL((url) => !url.hash.includes('q='))
    await page.getByRole('button', { name: texts.cameras.wall }).click()
    await page.waitForURL(/view=wall/)
    await settle()
    expect(await page.locator('.tile').count()).toBe(4)
  })

  it('a task is planned, run and deleted', async () => {
    const { page, settle } = await at('/tasks/new', { language })
    await settle()
    await page.locator('#task-name').fill('Gates')
    await page.locator('#task-groups').press('ArrowDown')
    await page.locator('.el-select-dropdown__item:visible', { hasText: 'gates' }).click()
    await page.keyboard.press('Escape')
    await page.getByText(texts.schedule.kinds.interval, { exact: true }).click()
    await page.getByRole('button', { name: texts.action.save }).click()
    await page.waitForURL(/#\/tasks\/(?!new)/)
    const id = decodeURIComponent(page.url().split('/').at(-1) ?? '')
    expect((await ask(master, `/api/v1/diagnosis/tasks/${id}`)).schedule).toMatchObject({
      kind: 'interval',
      every_s: 3_600,
    })
    await page.getByRole('button', { name: texts.tasks.runNow }).click()
    await page.waitForURL(/#\/runs\//)
    await page.getByText(texts.runs.state.finished, { exact: true }).first().waitFor()
    await page
      .getByText(filled(texts.runs.allDone.split(' | ').at(-1) ?? '', { n: 2 }))
      .first()
      .waitFor()
    await page.locator('main tbody tr').nth(1).waitFor()
    expect(await page.locator('main tbody tr').count()).toBe(2)
    await go(page, `/tasks/${encodeURIComponent(id)}`)
    await page.getByRole('button', { name: texts.action.delete }).click()
    const dialog = page.getByRole('dialog')
    await dialog.getByRole('textbox').fill('Gates')
    await dialog.getByRole('button', { name: texts.action.delete }).click()
    await page.waitForURL(/#\/tasks$/)
    await page.getByRole('link', { name: 'Everything' }).waitFor()
    // The list is shown as it was until the master has answered.
    await page.getByRole('link', { name: 'Gates', exact: true }).waitFor({ state: 'detached' })
  })

  it('runs are listed and lead to their checks', async () => {
    const { page, settle } = await at('/runs', { language })
    await settle()
    await page.locator('main tbody tr').filter({ hasText: 'Everything' }).first().getByRole('link').first().click()
    await page.waitForURL(/#\/runs\/.+/)
    await page.locator('main tbody tr').filter({ hasText: 'Loading dock' }).getByRole('link').click()
    await page.waitForURL(/#\/cameras\/dark\?check=/)
    await page.getByRole('heading', { name: texts.camera.findings }).waitFor()
  })

  it('a plugin shows what it finds and costs, and is switched off and on', async () => {
    const { page, settle } = await at('/plugins', { language })
    await settle()
    await page.locator('main a[href="#/plugins/noise"]').first().click()
    await page.waitForURL(/#\/plugins\/noise/)
    await page.getByText(texts.plugins.reach, { exact: true }).waitFor()
    await page.getByRole('heading', { name: texts.plugins.settings }).waitFor()
    await page.getByRole('button', { name: texts.plugins.deactivate, exact: true }).click()
    await page.locator('.el-popconfirm:visible').getByRole('button', { name: texts.plugins.deactivate }).click()
    await page.getByText(texts.plugins.idle).first().waitFor()
    await page.getByRole('button', { name: texts.plugins.activate, exact: true }).click()
    await page.getByText(texts.plugins.active, { exact: true }).first().waitFor()
    const active = (await ask(master, '/api/v1/plugins/diagnoses')) as { diagnosis: string }[]
    expect(active.map((one) => one.diagnosis)).toContain('noise')
  })

  it('the nodes show who works and what they have done, and are drained and resumed', async () => {
    const { page, settle } = await at('/nodes', { language })
    await settle()
    const node = page.getByRole('listitem').filter({ hasText: 'worker-1' })
    await node.getByText(texts.nodes.state.online).waitFor()
    await node.getByText(new RegExp(filled(texts.nodes.totals, { finished: '[1-9]\\d*', failed: 0 }))).waitFor()
    await node.getByRole('button', { name: texts.nodes.drain, exact: true }).click()
    await page.locator('.el-popconfirm:visible').getByRole('button', { name: texts.nodes.drain, exact: true }).click()
    await node.getByText(texts.nodes.isEmpty).waitFor()
    await node.getByRole('button', { name: texts.nodes.resume, exact: true }).click()
    await node.getByText(texts.nodes.state.online).waitFor()
    expect((await ask(master, '/api/v1/diagnosis/workers/distributed'))[0].status).toBe('online')
  })

  it('the settings say what is stored, and change the language and the theme at once', async () => {
    const { page, settle } = await at('/settings', { language })
    await settle()
    const storage = page.getByRole('region', { name: texts.storage.title })
    await storage.getByText('SQLite').waitFor()
    const other = language === 'en' ? 'zh' : 'en'
    // The menus of the frame offer the same, but are closed.
    const main = page.getByRole('main')
    await main.getByText(other === 'en' ? 'English' : '中文', { exact: true }).click()
    await page.getByRole('heading', { name: TEXTS[other].page.settings, level: 1 }).waitFor()
    await main.getByText(TEXTS[other].frame.themes.dark, { exact: true }).click()
    await page.waitForSelector('html[data-theme=dark]')
    await page.reload()
    await page.waitForSelector('html[data-theme=dark]')
    await page.getByRole('heading', { name: TEXTS[other].page.settings, level: 1 }).waitFor()
  })

  it('the audit log says who changed what', async () => {
    const { page, settle } = await at('/settings/audit', { language })
    await settle()
    const rows = page.locator('main tbody tr')
    const added = rows.filter({ hasText: texts.audit.actions.camera.create }).filter({ hasText: 'dark' })
    await added.first().getByText(texts.audit.anybody).waitFor()
    await added.first().getByRole('button').first().click()
    await page.getByRole('dialog').getByText(texts.audit.outcomes.done).waitFor()
    await page.getByRole('dialog').getByText('Loading dock').first().waitFor()
  })
})
