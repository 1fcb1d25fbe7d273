// From a replay of past checks to a task with the new value, in both languages.
import { afterEach, describe, expect, inject, it } from 'vitest'
import { filled, LANGUAGES, TEXTS, useConsole } from './console'
// @ts-expect-error The script has no types.
import { ask } from '../../scripts/fleet.mjs'

const master = inject('master')
const { at, close } = useConsole(() => master, '/site/console')
const TASK = '/api/v1/diagnosis/tasks/hourly'
/** Darker than the dark camera, so that its alarm would go. */
const LIMIT = 10

afterEach(close)

async function config(): Promise<unknown> {
  return (await ask(master, TASK)).config ?? {}
}

describe.each(LANGUAGES)('in the language %s', (language) => {
  const texts = TEXTS[language]

  it('a replay shows the camera that changes, and its value is taken over into a task', async () => {
    const { page, settle, faults } = await at('/replay?diagnosis=brightness&days=7', { language })
    await settle()
    await page.getByText(texts.replay.move, { exact: true }).waitFor()
    const field = page.getByLabel(texts.replay.alarm.below)
    await field.fill(String(LIMIT))
    await field.press('Enter')
    await page.waitForURL(/threshold=10\b/)
    const changed = page.getByRole('region', { name: texts.replay.cameras })
    await changed.getByRole('link', { name: 'Loading dock' }).waitFor()
    await changed.getByText(texts.replay.becomesNormal).first().waitFor()
    expect(await changed.getByRole('heading', { level: 3 }).allInnerTexts()).toEqual(['Loading dock'])
    const next = page.getByRole('region', { name: texts.replay.next })
    await next.getByRole('link', { name: 'Everything', exact: true }).click()
    await page.waitForURL(/#\/tasks\/hourly/)
    await page.getByText(filled(texts.tasks.filled, { setting: 'dark_p95', value: LIMIT })).waitFor()
    // The setting is shown, and nothing is saved yet.
    const setting = page.locator('#brightness-dark_p95')
    await setting.waitFor()
    expect(await setting.inputValue()).toBe(String(LIMIT))
    expect(await config()).toEqual({})
    try {
      await page.getByRole('button', { name: texts.action.save }).click()
      await page.getByText(texts.tasks.unsaved, { exact: true }).waitFor({ state: 'detached' })
      expect(await config()).toEqual({ brightness: { dark_p95: LIMIT } })
      // The person takes it back in the same form.
      const row = page.locator('.field', { has: setting })
      await row.getByRole('button', { name: texts.schema.reset }).click()
      await page.getByText(texts.tasks.unsaved, { exact: true }).waitFor()
      await page.getByRole('button', { name: texts.action.save }).click()
      await page.getByText(texts.tasks.unsaved, { exact: true }).waitFor({ state: 'detached' })
      expect(await config()).toEqual({})
    } finally {
      const { name, groups } = await ask(master, TASK)
      await ask(master, TASK, { name, groups }, 'PUT')
    }
    expect(faults).toEqual([])
  })
})
