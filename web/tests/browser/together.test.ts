// Two administrators edit the same object: the second one is told, sees what differs, and chooses.
import type { Page } from 'playwright-core'
import { afterEach, describe, expect, inject, it } from 'vitest'
import { LANGUAGES, TEXTS, useConsole } from './console'
// @ts-expect-error The script has no types.
import { ask } from '../../scripts/fleet.mjs'

const master = inject('master')
const { at, close } = useConsole(() => master, '/site/console')

afterEach(close)

describe.each(LANGUAGES)('in the language %s', (language) => {
  const texts = TEXTS[language]
  const save = (page: Page) => page.getByRole('button', { name: texts.action.save, exact: true })
  const notice = (page: Page) => page.getByRole('alert').filter({ hasText: texts.conflict.title })
  /** The notice compares the two values of this field. */
  async function compares(page: Page, field: string, theirs: string, mine: string): Promise<void> {
    const row = notice(page).getByRole('row').filter({ hasText: field })
    await row.waitFor()
    expect(await row.getByRole('cell').allInnerTexts()).toEqual([theirs, mine])
  }

  it('a task that another person has changed is overwritten or taken over, as the person chooses', async () => {
    const path = '/api/v1/diagnosis/tasks/together'
    const name = async (): Promise<string> => (await ask(master, path)).name
    const task = { id: 'together', name: 'Together', groups: ['gates'], schedule: { kind: 'manual' } }
    await ask(master, '/api/v1/diagnosis/tasks', task)
    try {
      const [one, two] = [await at('/tasks/together', { language }), await at('/tasks/together', { language })]
      for (const { page } of [one, two]) await page.getByRole('heading', { name: 'Together', level: 1 }).waitFor()
      const unsaved = (page: Page) => page.getByText(texts.tasks.unsaved, { exact: true })
      await two.page.locator('#task-name').fill('Of the second')
      await one.page.locator('#task-name').fill('Of the first')
      await save(one.page).click()
      await one.page.getByRole('heading', { name: 'Of the first', level: 1 }).waitFor()
      await save(two.page).click()
      await compares(two.page, texts.tasks.name, 'Of the first', 'Of the second')
      // Nothing was changed, and nothing typed is lost.
      expect(await name()).toBe('Of the first')
      expect(await two.page.locator('#task-name').inputValue()).toBe('Of the second')
      await two.page.getByRole('button', { name: texts.conflict.force }).click()
      await unsaved(two.page).waitFor({ state: 'detached' })
      expect(await name()).toBe('Of the second')

      // The first one does not know that yet, and gives in.
      await one.page.locator('#task-name').fill('Of the first again')
      await save(one.page).click()
      await compares(one.page, texts.tasks.name, 'Of the second', 'Of the first again')
      await one.page.getByRole('button', { name: texts.conflict.take }).click()
      await unsaved(one.page).waitFor({ state: 'detached' })
      expect(await one.page.locator('#task-name').inputValue()).toBe('Of the second')
      expect(await name()).toBe('Of the second')
      expect([...one.faults, ...two.faults]).toEqual([])
    } finally {
      await ask(master, path, undefined, 'DELETE')
    }
  })

  it('a camera that another person has changed is taken over or overwritten, as the person chooses', async () => {
    const path = '/api/v1/diagnosis/cameras/together'
    const name = async (): Promise<string> => (await ask(master, path)).name
    const camera = { id: 'together', name: 'Together', groups: ['gates'], source: 'rtsp://127.0.0.1:9/together' }
    await ask(master, '/api/v1/diagnosis/cameras', camera)
    try {
      const open = async () => {
        const opened = await at('/cameras/together', { language })
        await opened.page.getByRole('heading', { name: 'Together', level: 1 }).waitFor()
        await opened.page.getByRole('button', { name: texts.action.edit, exact: true }).click()
        const dialog = opened.page.getByRole('dialog', { name: texts.camera.editTitle })
        const field = dialog.getByRole('textbox', { name: texts.cameras.name, exact: true })
        await field.waitFor()
        return { ...opened, dialog, field }
      }
      const [one, two] = [await open(), await open()]
      await two.field.fill('Of the second')
      await one.field.fill('Of the first')
      await save(one.page).click()
      await one.dialog.waitFor({ state: 'detached' })
      await save(two.page).click()
      await compares(two.page, texts.tasks.name, 'Of the first', 'Of the second')
      expect(await name()).toBe('Of the first')
      expect(await two.field.inputValue()).toBe('Of the second')
      await two.page.getByRole('button', { name: texts.conflict.take }).click()
      await notice(two.page).waitFor({ state: 'detached' })
      expect(await two.field.inputValue()).toBe('Of the first')
      // Meanwhile, a third change is made. The second person overwrites it after all.
      await one.page.getByRole('button', { name: texts.action.edit, exact: true }).click()
      await one.field.fill('Of the first again')
      await save(one.page).click()
      await one.dialog.waitFor({ state: 'detached' })
      await two.field.fill('Of the second after all')
      await save(two.page).click()
      await compares(two.page, texts.tasks.name, 'Of the first again', 'Of the second after all')
      await two.page.getByRole('button', { name: texts.conflict.force }).click()
      await two.dialog.waitFor({ state: 'detached' })
      expect(await name()).toBe('Of the second after all')
      expect([...one.faults, ...two.faults]).toEqual([])
    } finally {
      await ask(master, path, undefined, 'DELETE')
    }
  })
})
