// Debian's Chromium, for tests and screenshots.
import { chromium } from 'playwright-core'

export function launch() {
  return chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-gpu'],
  })
}

/** Opens a page with these preferences. Errors of the page are collected in `faults`. */
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
  const page = await context.newPage()
  const faults = []
  page.on('pageerror', (error) => faults.push(`error: ${error.message}`))
  page.on('console', (message) => {
    if (message.type() === 'error' && !/Failed to load resource/.test(message.text()))
      faults.push(`console: ${message.text()}`)
  })
  return { page, context, faults }
}
