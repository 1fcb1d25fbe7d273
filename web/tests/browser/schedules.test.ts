// What needs a real layout: the next starts of a schedule, saved filters, and a threshold that is dragged.
import { afterEach, describe, expect, inject, it } from 'vitest'
import { isTooWide, TEXTS, useConsole, violations, withChecker } from './console'

const { at, close } = useConsole(() => inject('master'), '/site/console')
const texts = TEXTS.en
const PHONE = { width: 390, height: 844 }

afterEach(close)

describe('the schedule of a task', () => {
  it('shows ten starts, and the reason of a fault at its field, and moves nothing', async () => {
    const { page, settle } = await at('/tasks/new', PHONE)
    await withChecker(page)
    await settle()
    await page.getByText(texts.schedule.kinds.cron, { exact: true }).click()
    const expression = page.getByLabel(texts.schedule.expression)
    await expression.fill('30 7 * * *')
    const starts = page.getByRole('region', { name: texts.schedule.next })
    await starts.getByText('07:30').first().waitFor()
    expect(await starts.getByRole('row').count()).toBe(11)
    expect(await violations(page)).toEqual([])
    expect(await isTooWide(page)).toBe(false)
    // The page scrolls to the field, so the place is measured from there.
    const place = async () => {
      const [field, list] = [await expression.boundingBox(), await starts.boundingBox()]
      return [(list?.y ?? NaN) - (field?.y ?? NaN), list?.height]
    }
    const before = await place()
    await expression.fill('30 27 * * *')
    await page.getByRole('alert').filter({ hasText: 'is not a cron expression' }).waitFor()
    expect(await place()).toEqual(before)
    expect(await violations(page)).toEqual([])
  })
})

describe('the filters of the list of cameras', () => {
  it('are saved, found on another machine, deleted, and brought back', async () => {
    const first = await at('/cameras?health=attention&sort=name', PHONE)
    await withChecker(first.page)
    await first.settle()
    await first.page.getByRole('button', { name: texts.saved.save }).click()
    await first.page.getByLabel(texts.saved.name).fill('Morning')
    await first.page.keyboard.press('Enter')
    await first.page.getByRole('button', { name: 'Morning', exact: true }).waitFor()
    expect(await violations(first.page)).toEqual([])
    expect(await isTooWide(first.page)).toBe(false)

    const { page, settle, faults } = await at('/cameras')
    await settle()
    await page.getByRole('button', { name: 'Morning', exact: true }).click()
    await page.waitForURL(/health=attention&sort=name/)
    await page.getByRole('button', { name: texts.action.delete, exact: true }).click()
    await page.getByText(texts.saved.deleted.replace('{name}', 'Morning')).waitFor()
    expect(await page.getByRole('button', { name: 'Morning', exact: true }).count()).toBe(0)
    await page.getByRole('button', { name: texts.saved.undo }).click()
    await page.getByRole('button', { name: 'Morning', exact: true }).waitFor()
    expect(faults).toEqual([])
  })
})

describe('the threshold of a chart', () => {
  it.each(['mouse', 'keys'])('is moved by %s, and opens a replay with the new value', async (means) => {
    const { page, settle, faults } = await at('/cameras/dark')
    await withChecker(page)
    await settle()
    const handle = page.getByRole('slider', { name: texts.camera.moveThreshold })
    await handle.waitFor()
    await handle.scrollIntoViewIfNeeded()
    expect(await violations(page)).toEqual([])
    const threshold = Number(await handle.getAttribute('aria-valuenow'))
    if (means === 'mouse') {
      const box = await handle.boundingBox()
      const [x, y] = [(box?.x ?? 0) + 12, (box?.y ?? 0) + 14]
      await page.mouse.move(x, y)
      await page.mouse.down()
      await page.mouse.move(x, y - 30, { steps: 5 })
      expect(Number(await handle.getAttribute('aria-valuenow'))).toBeGreaterThan(threshold)
      await page.mouse.up()
    } else {
      await handle.focus()
      await page.keyboard.press('PageUp')
      await page.keyboard.press('Enter')
    }
    await page.waitForURL(/#\/replay\?.*threshold=/)
    const query = new URLSearchParams(new URL(page.url()).hash.split('?')[1])
    expect(query.get('camera')).toBe('dark')
    expect(Number(query.get('threshold'))).toBeGreaterThan(threshold)
    await page.getByLabel(texts.replay.alarm.below).or(page.getByLabel(texts.replay.alarm.above)).first().waitFor()
    expect(faults).toEqual([])
  })
})
