// What the tests in a browser have in common: the console below a path prefix, and its texts.
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import type { Browser, BrowserContext, Page } from 'playwright-core'
import { afterAll, beforeAll } from 'vitest'
import en from '@/locales/en'
import zh from '@/locales/zh'
// The scripts are plain JavaScript, because they also run by themselves.
// @ts-expect-error The script has no types.
import { launch, open } from '../../scripts/browser.mjs'
// @ts-expect-error The script has no types.
import { serve } from '../../scripts/serve.mjs'

export const LANGUAGES = ['en', 'zh'] as const
export type Language = (typeof LANGUAGES)[number]

/** The texts of the console. */
export const TEXTS = { en, zh }

/** The pages that every master has. */
export const PAGES = [
  '/',
  '/cameras',
  '/cameras?view=wall',
  '/tasks',
  '/tasks/new',
  '/runs',
  '/replay',
  '/plugins',
  '/nodes',
  '/settings',
  '/settings/audit',
]

export interface Look {
  language?: Language
  theme?: 'light' | 'dark'
  width?: number
  height?: number
}
export interface Opened {
  page: Page
  context: BrowserContext
  /** What the browser complained about. */
  faults: string[]
  /** Waits until the page has what it asked for, and shows it. */
  settle: () => Promise<void>
}

/** The console of a master, in a browser of its own for each file of tests. */
export function useConsole(master: () => string, prefix: string) {
  let browser: Browser
  let server: { address: string; close: () => void }
  const contexts: BrowserContext[] = []

  beforeAll(async () => {
    server = (await serve({ master: master(), prefix })) as typeof server
    browser = (await launch()) as Browser
  })
  afterAll(async () => {
    await browser?.close()
    server?.close()
  })

  /** Opens a page of the console, such as `/cameras`. */
  async function at(path: string, look: Look = {}): Promise<Opened> {
    const opened = (await open(browser, look)) as Opened
    contexts.push(opened.context)
    await opened.page.goto(`${server.address}#${path}`)
    return opened
  }
  /** Leads an open page to another address of the console. */
  async function go(page: Page, path: string): Promise<void> {
    await page.goto(`${server.address}#${path}`)
  }
  return { at, go, browser: () => browser, address: () => server.address, close: closer(contexts) }
}

/** Closes the pages that a test has opened, also where it has failed. */
function closer(contexts: BrowserContext[]): () => Promise<void> {
  return async () => {
    await Promise.all(contexts.splice(0).map((context) => context.close()))
  }
}

/** Puts values into a text of the console, of which the forms for one and many are the same. */
export function filled(text: string, values: Record<string, string | number>): string {
  return Object.entries(values).reduce((sum, [name, value]) => sum.replaceAll(`{${name}}`, String(value)), text)
}

/** True if a page has to be scrolled sideways. */
export function isTooWide(page: Page): Promise<boolean> {
  return page.evaluate(() => {
    const parts = [document.documentElement, document.querySelector('main')]
    return parts.some((one) => one !== null && one.scrollWidth > one.clientWidth)
  })
}

const CHECKER = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

/** Loads a page again, with the checker of accessibility, which the page's policy does not concern. */
export async function withChecker(page: Page): Promise<void> {
  await page.addInitScript({ content: CHECKER })
  await page.reload()
}

interface Violation {
  id: string
  impact: string
  nodes: { html: string }[]
}

/** The serious faults of accessibility of a page that was opened with the checker. */
export async function violations(page: Page): Promise<string[]> {
  const found = await page.evaluate(() => {
    const { axe } = window as unknown as { axe: { run: () => Promise<{ violations: Violation[] }> } }
    return axe.run().then((answer) => answer.violations)
  })
  return found
    .filter((one) => one.impact === 'serious' || one.impact === 'critical')
    .map((one) => `${one.id}: ${one.nodes.map((node) => node.html.slice(0, 160)).join(' | ')}`)
}
