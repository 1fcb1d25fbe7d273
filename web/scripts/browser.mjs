// Debian's Chromium, for tests and screenshots.
import { once, EventEmitter } from 'node:events'
import { chromium } from 'playwright-core'

/** An address (for documentation, RFC 5737) that leads to this machine: a page of it lacks what needs https. */
export const PLAIN = '192.0.2.1'

export function launch() {
  return chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-gpu', `--host-resolver-rules=MAP ${PLAIN} 127.0.0.1`],
  })
}

/** A slow machine needs its time. */
const PATIENCE_MS = 100_000

/**
 * Opens a page with these preferences. Errors of the page are collected in `faults`. `settle` waits until the page has
 * what it asked for, and shows it.
 */
export async function open(browser, { language = 'en', theme = 'light', width = 1366, height = 768 } = {}) {
  const context = await browser.newContext({
    viewport: { width, height },
    locale: language === 'zh' ? 'zh-CN' : 'en-GB',
    colorScheme: theme,
  })
  await context.addInitScript(
    ([language, theme]) =>
      localStorage.getItem('easysight.preferences') ??
      localStorage.setItem('easysight.preferences', JSON.stringify({ language, theme })),
    [language, theme],
  )
  context.setDefaultTimeout(PATIENCE_MS)
  const page = await context.newPage()
  const faults = []
  page.on('pageerror', (error) => faults.push(`error: ${error.message}`))
  page.on('console', (message) => {
    if (message.type() === 'error' && !/Failed to load resource/.test(message.text()))
      faults.push(`console: ${message.text()}`)
  })
  return { page, context, faults, settle: settling(page) }
}

/** Notes the requests of a page from now on. The returned function waits until all of them are answered and shown. */
function settling(page) {
  const running = new Set()
  const news = new EventEmitter()
  page.on('request', (request) => {
    // The stream of events never ends.
    if (!new URL(request.url()).pathname.endsWith('/api/v1/events')) running.add(request)
  })
  const ended = (request) => running.delete(request) && news.emit('ended')
  page.on('requestfinished', ended)
  page.on('requestfailed', ended)
  return async () => {
    await page.waitForSelector('main h1, main .empty')
    do {
      while (running.size) await once(news, 'ended')
      // An answer that is shown may cause further requests.
      await page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve))))
    } while (running.size)
    await page.waitForFunction(() => !document.querySelector('main [aria-busy=true]'))
    await page.evaluate(() => {
      const ending = document.getAnimations().filter((one) => one.effect?.getComputedTiming().endTime !== Infinity)
      return Promise.allSettled(ending.map((one) => one.finished))
    })
  }
}
