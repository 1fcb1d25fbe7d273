// Pictures of every page, in both languages and themes, at three widths.
//
//   MASTER_URL=http://127.0.0.1:8000 node scripts/screenshots.mjs [page …]
import { mkdirSync } from 'node:fs'
import { launch, open } from './browser.mjs'
import { serve } from './serve.mjs'

const master = process.env.MASTER_URL
if (!master) throw new Error('MASTER_URL: the address of a master with cameras is needed')
const ask = async (path) => (await fetch(new URL(path, master))).json()
const cameras = (await ask('/api/v1/diagnosis/cameras?limit=1000')).items
const faulty = cameras.find((one) => one.status === 'error' || one.status === 'critical') ?? cameras[0]
const task = (await ask('/api/v1/diagnosis/tasks')).items[0]
const run = (await ask('/api/v1/diagnosis/runs')).items[0]
const plugin = (await ask('/api/v1/plugins'))[0]

const PAGES = {
  overview: '/',
  cameras: '/cameras',
  wall: '/cameras?view=wall',
  camera: faulty && `/cameras/${faulty.id}`,
  tasks: '/tasks',
  task: task && `/tasks/${task.id}`,
  runs: '/runs',
  run: run && `/runs/${run.id}`,
  plugins: '/plugins',
  plugin: plugin && `/plugins/${plugin.name}`,
  nodes: '/nodes',
  settings: '/settings',
}
const LOOKS = [
  { language: 'zh', theme: 'light', width: 1366, height: 768 },
  { language: 'en', theme: 'dark', width: 1366, height: 768 },
  { language: 'en', theme: 'light', width: 390, height: 844 },
]
const wanted = process.argv.slice(2)
const full = process.env.FULL !== undefined

mkdirSync('screenshots', { recursive: true })
const { address, close } = await serve({ master, prefix: '/console' })
const browser = await launch()
for (const look of LOOKS) {
  const { page, faults } = await open(browser, look)
  for (const [name, path] of Object.entries(PAGES)) {
    if (!path || (wanted.length && !wanted.includes(name))) continue
    await page.goto(`${address}#${path}`)
    await page.waitForLoadState('load')
    // The stream of events never ends, so the network is never idle.
    await page.waitForTimeout(1_800)
    if (full) {
      const needed = await page.evaluate(() => document.querySelector('main')?.scrollHeight ?? 0)
      await page.setViewportSize({ width: look.width, height: Math.min(Math.max(look.height, needed + 60), 4_000) })
      await page.waitForTimeout(400)
    }
    await page.screenshot({ path: `screenshots/${name}-${look.language}-${look.theme}-${look.width}.png` })
    if (full) await page.setViewportSize({ width: look.width, height: look.height })
  }
  if (faults.length) console.error(look, [...new Set(faults)])
  await page.context().close()
}
await browser.close()
close()
