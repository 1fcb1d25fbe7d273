// The life of a plugin, from the file to its end, with a master and a worker of its own.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { filled, isTooWide, LANGUAGES, TEXTS, useConsole } from './console'
// @ts-expect-error The script has no types.
import { addCameras, ask, directory, plugins, push, startMaster, startWorker, submit } from '../../scripts/fleet.mjs'

const { path, remove } = directory()
const servers: { url: string; stop: () => Promise<void> }[] = []
let master: string

beforeAll(async () => {
  const started = await startMaster(path)
  master = started.url
  servers.push(started, await startWorker(path, master))
  push(master, ['brightness'])
  await addCameras(master, [{ id: 'healthy', name: 'Main gate', groups: ['gates'], shows: 'healthy' }])
  const task = { id: 'all', name: 'All', groups: ['gates'], schedule: { kind: 'manual' } }
  await ask(master, '/api/v1/diagnosis/tasks', task)
})
afterAll(async () => {
  for (const server of servers.reverse()) await server.stop()
  remove()
})
const { at, go, close } = useConsole(() => master, '/eyes')
afterEach(close)

interface Published {
  name: string
  version: string
  digest: string
  active_for: string[]
}
async function published(name: string): Promise<Published[]> {
  return ((await ask(master, '/api/v1/plugins')) as Published[]).filter((one) => one.name === name)
}

/** A component, and the same one as another version: a plugin states its version in its data, after its name. */
function versions(name: string): [Buffer, Buffer] {
  const file = readFileSync(join(plugins, `${name}.wasm`))
  const found = new RegExp(`${name}(\\d+\\.\\d+\\.)(\\d)(?!\\d)`).exec(file.toString('latin1'))
  if (!found) throw new Error(`${name}.wasm does not state its version after its name`)
  const other = Buffer.from(file)
  other[found.index + found[0].length - 1] = found[2] === '9' ? 0x38 : 0x39
  return [file, other]
}

/** Each language has a plugin of its own, because published versions stay. */
const NAMES = { en: 'contrast', zh: 'stripe' } as const

describe.each(LANGUAGES)('in the language %s', (language) => {
  const texts = TEXTS[language]
  const name = NAMES[language]
  const button = (page: Page, words: string) => page.locator('main').getByRole('button', { name: words, exact: true })
  async function upload(page: Page, buffer: Buffer): Promise<void> {
    await go(page, '/plugins')
    await page.locator('input[type=file]').setInputFiles({ name: `${name}.wasm`, mimeType: 'application/wasm', buffer })
  }
  async function look(page: Page): Promise<void> {
    await page.getByText(texts.plugins.accepted).waitFor()
    await page.getByRole('link', { name: texts.plugins.toActivate }).click()
    await page.waitForURL(new RegExp(`#/plugins/${name}\\?version=`))
    await page.getByText(texts.plugins.reach, { exact: true }).waitFor()
  }
  async function deactivate(page: Page): Promise<void> {
    await button(page, texts.plugins.deactivate).click()
    await page.locator('.el-popconfirm:visible').getByRole('button', { name: texts.plugins.deactivate }).click()
    await button(page, texts.plugins.activate).waitFor()
  }

  it('a plugin is uploaded, vetted, activated, tried in another version, and rolled back', async () => {
    const { page, settle, faults } = await at('/plugins', { language })
    await settle()
    const [first, second] = versions(name)

    // The master takes its time; meanwhile, the page says what happens.
    let answer = (): void => undefined
    const held = new Promise<void>((resolve) => (answer = resolve))
    await page.route('**/api/v1/plugins', async (route) => {
      if (route.request().method() === 'POST') await held
      await route.continue()
    })
    await upload(page, first)
    const progress = page.getByRole('progressbar', { name: `${name}.wasm` })
    await progress.waitFor()
    await page.getByText(texts.plugins.sending).or(page.getByText(texts.plugins.vetting)).first().waitFor()
    answer()
    await look(page)
    await page.unroute('**/api/v1/plugins')

    // Without an active version, there is nothing to compare with.
    await button(page, texts.plugins.activate).waitFor()
    expect(await button(page, texts.plugins.beginShadow).count()).toBe(0)
    const [own] = await published(name)
    const refused = await fetch(new URL(`/api/v1/plugins/${own?.digest}/shadow`, master), {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{}',
    })
    expect(refused.status).toBe(409)
    await button(page, texts.plugins.activate).click()
    await button(page, texts.plugins.deactivate).waitFor()
    expect((await published(name))[0]?.active_for).toEqual([name])

    // The same file again is known.
    await upload(page, first)
    await page.getByText(texts.plugins.knownActive).waitFor()

    // Another version judges the same clips, without counting.
    await upload(page, second)
    await look(page)
    const card = page.getByRole('region', { name: texts.shadow.title })
    await card.getByText(texts.shadow.none).waitFor()
    await button(page, texts.plugins.beginShadow).click()
    await button(page, texts.plugins.endShadow).waitFor()
    submit(master, 'all')
    const agreed = filled(texts.shadow.agreed.split(' | ')[0] ?? '', { agreed: 1, compared: 1 })
    while (!(await card.getByText(agreed).isVisible())) {
      await page.reload()
      await settle()
    }

    // It takes the place of the first version, which then comes back.
    await button(page, texts.plugins.activate).click()
    await button(page, texts.plugins.rollBack).waitFor()
    const active = async () => (await published(name)).filter((one) => one.active_for.length).map((one) => one.digest)
    expect(await active()).not.toEqual([own?.digest])
    await button(page, texts.plugins.rollBack).click()
    await button(page, texts.plugins.activate).waitFor()
    expect(await active()).toEqual([own?.digest])
    await go(page, `/plugins/${name}`)
    await button(page, texts.plugins.deactivate).waitFor()
    await deactivate(page)
    expect(await active()).toEqual([])
    expect(faults).toEqual([])
  })

  it('a roll back without an earlier version is not offered', async () => {
    const { page, settle } = await at('/plugins/brightness', { language })
    await settle()
    await button(page, texts.plugins.deactivate).waitFor()
    expect(await button(page, texts.plugins.rollBack).count()).toBe(0)
  })
})

const LONG = 'Very long words without any end. '.repeat(300)
const MANY = 200

/** What a plugin's schema may contain beside what the standard plugins have. */
const ODD = {
  $defs: { side: { type: 'string', enum: ['left', 'right'] }, ring: { $ref: '#/$defs/ring' } },
  properties: {
    referred: { $ref: '#/$defs/side' },
    nowhere: { $ref: '#/$defs/none' },
    elsewhere: { $ref: 'https://example.org/schema.json' },
    ring: { $ref: '#/$defs/ring' },
    either: { oneOf: [{ type: 'number' }, { type: 'object', properties: { a: { type: 'integer' } } }] },
    untyped: { description: 'Anything.' },
    anything: true,
    nested: {
      type: 'object',
      default: { inner: { deep: [1, 2] } },
      properties: { inner: { type: 'object', properties: { deep: { type: 'array', items: { type: 'integer' } } } } },
    },
    list: { type: 'array', items: { type: 'string' } },
    'with space/and "quotes"': { type: 'string' },
    long: { type: 'number', title: LONG, description: LONG },
    ...Object.fromEntries(Array.from({ length: MANY }, (_, at) => [`field_${at}`, { type: 'integer', default: at }])),
  },
}
const ODDER = [
  ['without properties', { type: 'object' }],
  [
    'that only refers',
    { $ref: '#/$defs/all', $defs: { all: { type: 'object', properties: { a: { type: 'integer' } } } } },
  ],
  ['of choices', { oneOf: [{ properties: { a: {} } }, { properties: { b: {} } }] }],
  ['that allows anything', true],
] as const

describe('a plugin with an unusual schema', () => {
  const texts = TEXTS.en
  async function withSchema(path: string, schema: unknown) {
    const opened = await at('/nodes')
    await opened.settle()
    await opened.page.route('**/api/v1/plugins', async (route) => {
      const answer = await route.fetch()
      const list = (await answer.json()) as { name: string; config_schema: unknown }[]
      const json = list.map((one) => (one.name === 'brightness' ? { ...one, config_schema: schema } : one))
      await route.fulfill({ response: answer, json })
    })
    await go(opened.page, path)
    await opened.page.reload()
    await opened.settle()
    return opened
  }
  const summary = (page: Page) => page.locator('details.one summary', { hasText: 'Brightness' })

  it('has a form with a field of JSON for what is nested', async () => {
    const { page, faults } = await withSchema('/tasks/new', ODD)
    await summary(page).click()
    const form = page.locator('details.one[open] .fields')
    await form.locator('#brightness-field_199').waitFor()
    expect(await form.locator('.field').count()).toBe(Object.keys(ODD.properties).length)
    const nested = form.locator('#brightness-nested')
    await nested.fill('{"inner": ')
    await form.getByText(texts.schema.faults.json).waitFor()
    await nested.fill('{"inner": {"deep": [3]}}')
    await form.getByText(texts.schema.faults.json).waitFor({ state: 'detached' })
    await form.locator('#brightness-either').fill('{"a": 1}')
    await form.locator('#brightness-untyped').fill('[null]')
    await page
      .locator('details.one[open] summary')
      .getByText(filled(texts.schema.changed.split(' | ')[1] ?? '', { n: 3 }))
      .waitFor()
    expect(await isTooWide(page)).toBe(false)
    expect(faults).toEqual([])
  })

  it('is shown on the page of the plugin', async () => {
    const { page, faults } = await withSchema('/plugins/brightness', ODD)
    await page.getByRole('heading', { name: texts.plugins.settings }).waitFor()
    await page.getByText('field_199').first().waitFor()
    expect(await isTooWide(page)).toBe(false)
    expect(faults).toEqual([])
  })

  it.each(ODDER)('leaves no page blank: one %s', async (_, schema) => {
    const { page, faults } = await withSchema('/tasks/new', schema)
    await summary(page).click()
    await page.locator('details.one[open] .fields').waitFor()
    await page.locator('#task-name').fill('Still here')
    // The page asks whether what was typed may be lost.
    page.on('dialog', (dialog) => void dialog.accept())
    await go(page, '/plugins/brightness')
    await page.getByRole('heading', { name: 'Brightness' }).first().waitFor()
    expect(faults).toEqual([])
  })
})
