// The templates of tasks: they fill in a form, and nothing is saved before the person saves it.
import { afterEach, describe, expect, inject, it } from 'vitest'
import { filled, LANGUAGES, TEXTS, useConsole, violations, withChecker } from './console'
// @ts-expect-error The script has no types.
import { ask } from '../../scripts/fleet.mjs'

const master = inject('master')
const { at, close } = useConsole(() => master, '/site/console')
const TASKS = '/api/v1/diagnosis/tasks'

afterEach(close)

describe.each(LANGUAGES)('in the language %s', (language) => {
  const texts = TEXTS[language]
  const { templates } = texts

  it('a template fills in a task, which is changed and then saved', async () => {
    const { page, settle, faults } = await at('/tasks/new', { language, theme: language === 'zh' ? 'dark' : 'light' })
    await withChecker(page)
    await settle()
    const before = (await ask(master, TASKS)).items.length
    const offers = page.getByRole('navigation', { name: templates.title })
    await offers.getByRole('link', { name: templates.tasks.morning }).click()
    await page.waitForURL(/template=morning/)
    await page.waitForFunction(
      (name) => document.querySelector<HTMLInputElement>('#task-name')?.value === name,
      templates.tasks.morning,
    )
    expect(await page.getByLabel(texts.schedule.expression).inputValue()).toBe('0 7 * * *')
    // Another template takes the place of the first one, also of its name.
    await offers.getByRole('link', { name: templates.tasks.quarterly }).click()
    await page.waitForURL(/template=quarterly/)
    const chosen = page.getByRole('button', { name: templates.sets.picture })
    await page.locator('.offer[aria-pressed=true]', { hasText: templates.sets.picture }).waitFor()
    expect(await page.locator('#task-name').inputValue()).toBe(templates.tasks.quarterly)
    // Two of the set are active here, and it says which are not.
    await chosen.getByText(/blue_screen.*stream.*clock/).waitFor()
    // The starts of the former schedule are pale until those of the new one are there.
    await settle()
    expect(await violations(page)).toEqual([])
    expect((await ask(master, TASKS)).items).toHaveLength(before)
    // It is a start: the person takes one diagnosis out, and the set is no longer chosen.
    const row = page.locator('details.one', { has: page.locator('summary strong.off') })
    const picture = ['signal_loss', 'freeze']
    expect(await row.count()).toBe(5)
    await page.locator('main .diagnosis .el-checkbox.is-checked').first().click()
    await page.locator('.offer[aria-pressed=true]', { hasText: templates.sets.picture }).waitFor({ state: 'detached' })
    await page.locator('#task-groups').press('ArrowDown')
    await page.locator('.el-select-dropdown__item:visible', { hasText: 'gates' }).click()
    await page.keyboard.press('Escape')
    await page.getByRole('button', { name: texts.action.save }).click()
    await page.waitForURL(/#\/tasks\/(?!new)/)
    const id = decodeURIComponent(page.url().split('/').at(-1) ?? '')
    try {
      const saved = await ask(master, `${TASKS}/${id}`)
      expect(saved).toMatchObject({
        name: templates.tasks.quarterly,
        groups: ['gates'],
        schedule: { kind: 'interval', every_s: 900 },
      })
      expect(saved.diagnoses).toHaveLength(1)
      expect(picture).toContain(saved.diagnoses[0])
      expect(saved.config ?? {}).toEqual({})
    } finally {
      await ask(master, `${TASKS}/${id}`, undefined, 'DELETE')
    }
    expect(faults).toEqual([])
  })

  it('a set of diagnoses is chosen, and one without an active diagnosis is not', async () => {
    const { page, settle, faults } = await at('/tasks/new', { language })
    await settle()
    const everything = page.getByRole('button', { name: templates.sets.everything })
    expect(await everything.getAttribute('aria-pressed')).toBe('true')
    expect(await page.getByRole('button', { name: templates.sets.view }).isDisabled()).toBe(true)
    await page.getByRole('button', { name: templates.sets.quality }).click()
    await page.locator('.offer[aria-pressed=true]', { hasText: templates.sets.quality }).waitFor()
    expect(await page.locator('main .diagnosis .el-checkbox.is-checked').count()).toBe(5)
    await everything.click()
    await page.locator('.offer[aria-pressed=true]', { hasText: templates.sets.everything }).waitFor()
    const n = await page.locator('details.one').count()
    await everything.getByText(filled(templates.activeNow.split(' | ').at(-1) ?? '', { n })).waitFor()
    expect(faults).toEqual([])
  })

  it('a template that was only looked at is left without a question', async () => {
    const { page, settle } = await at('/tasks/new?template=daylight', { language })
    await settle()
    await page.locator('.offer[aria-current=true]', { hasText: templates.tasks.daylight }).waitFor()
    const questions: string[] = []
    page.on('dialog', (dialog) => {
      questions.push(dialog.message())
      void dialog.accept()
    })
    await page.getByRole('link', { name: texts.page.nodes, exact: true }).first().click()
    await page.waitForURL(/#\/nodes/)
    expect(questions).toEqual([])
  })
})
