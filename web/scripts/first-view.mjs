// How long the first view of a console takes, in milliseconds: from its address until the sentence of the overview is
// shown, in a browser that has no file of it yet. The master must be open.
//
//   node scripts/first-view.mjs URL
//
// `cargo xtask bench console` starts this with a master of ten thousand cameras.
import { launch, open } from './browser.mjs'

/** Several times, because the machine may be busy with something else. The median is printed. */
const VIEWS = 5

const [url] = process.argv.slice(2)
if (!url) throw new Error('expected the address of the console')
const browser = await launch()
const times = []
try {
  for (let view = 0; view < VIEWS; view += 1) {
    const { page, context } = await open(browser)
    const began = performance.now()
    await page.goto(url)
    await page.waitForSelector('h1.sentence')
    times.push(performance.now() - began)
    await context.close()
  }
} finally {
  await browser.close()
}
console.log(Math.round(times.sort((a, b) => a - b)[VIEWS >> 1]))
