// Pictures of every page, in both languages and themes, of a master with healthy and faulty synthetic cameras.
//
//   node scripts/screenshots.mjs --out DIR [page …]
//
// `cargo xtask report screenshots` builds what this needs, and starts it.
import { copyFileSync, mkdirSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { launch, open } from './browser.mjs'
import { ask, clip, directory, push, startMaster, startWorker, submit } from './fleet.mjs'
import { serve } from './serve.mjs'

const SITE = [
  { id: 'gate-main', view: 'street', en: 'Main gate', zh: '大门', group: 'gates' },
  { id: 'gate-north', view: 'left', fault: 'left-dark', en: 'North gate', zh: '北门', group: 'gates' },
  { id: 'gate-south', view: 'corner', en: 'South gate', zh: '南门', group: 'gates' },
  { id: 'yard-east', view: 'houses', en: 'Yard, east side', zh: '货场东侧', group: 'yard' },
  { id: 'yard-west', view: 'houses', fault: 'houses-blurred', en: 'Yard, west side', zh: '货场西侧', group: 'yard' },
  { id: 'dock-1', view: 'road', en: 'Loading dock 1', zh: '1 号装卸台', group: 'yard' },
  { id: 'dock-2', view: 'road', fault: 'road-covered', en: 'Loading dock 2', zh: '2 号装卸台', group: 'yard' },
  { id: 'park-1', view: 'pavement', en: 'Car park, entrance', zh: '停车场入口', group: 'street' },
  { id: 'park-2', view: 'pavement', fault: 'pavement-noisy', en: 'Car park, exit', zh: '停车场出口', group: 'street' },
  { id: 'crossing', view: 'corner', fault: 'corner-frozen', en: 'Crossing', zh: '十字路口', group: 'street' },
  { id: 'bus-stop', view: 'left', en: 'Bus stop', zh: '公交车站', group: 'street' },
  { id: 'back-door', en: 'Back door', zh: '后门', group: 'gates' },
]
const GROUPS = {
  gates: { en: 'gates', zh: '出入口' },
  yard: { en: 'yard', zh: '货场' },
  street: { en: 'street', zh: '道路' },
}
const TASKS = [
  { id: 'all', en: 'Whole site, hourly', zh: '全厂每小时检测', groups: ['gates', 'yard', 'street'], cron: '0 * * * *' },
  {
    id: 'gates',
    en: 'Gates, every quarter of an hour',
    zh: '出入口每刻钟检测',
    groups: ['gates'],
    cron: '*/15 * * * *',
  },
]
/** Checks of a healthy site, so that the plugins know what is usual, and of the same site with its faults. */
const HEALTHY_CHECKS = 4
const FAULTY_CHECKS = 3

const PAGES = {
  overview: '/',
  cameras: '/cameras',
  wall: '/cameras?view=wall',
  camera: '/cameras/dock-2',
  lost: '/cameras/back-door',
  add: '/cameras?add=1',
  import: '/cameras?import=1',
  tasks: '/tasks',
  task: '/tasks/all',
  runs: '/runs',
  run: undefined,
  replay: '/replay',
  plugins: '/plugins',
  plugin: '/plugins/occlusion',
  nodes: '/nodes',
  settings: '/settings',
  audit: '/settings/audit',
}
const MAIN = ['overview', 'cameras', 'wall', 'camera', 'tasks', 'runs', 'nodes']
const LANGUAGES = ['en', 'zh']
const THEMES = ['light', 'dark']
const WIDE = { width: 1366, height: 768 }
const PHONE = { width: 390, height: 844 }
/** A page that is longer than this is cut. */
const TALLEST = 2_400
const { values, positionals } = parseArgs({ options: { out: { type: 'string' } }, allowPositionals: true })
const out = resolve(values.out ?? 'screenshots')
const unknown = positionals.filter((name) => !(name in PAGES))
if (unknown.length) throw new Error(`no such page: ${unknown.join(', ')}; there are ${Object.keys(PAGES).join(', ')}`)

/** Gives everything its name in a language. */
async function name(master, language, sources) {
  for (const { id, group, [language]: name } of SITE) {
    const camera = { name, source: sources.get(id), groups: [GROUPS[group][language]] }
    await ask(master, `/api/v1/diagnosis/cameras/${id}`, camera, 'PUT')
  }
  for (const { id, groups, cron, [language]: name } of TASKS) {
    const schedule = { kind: 'cron', expression: cron, time_zone: 'Asia/Shanghai' }
    const task = { name, groups: groups.map((one) => GROUPS[one][language]), schedule }
    await ask(master, `/api/v1/diagnosis/tasks/${id}`, task, 'PUT')
  }
}

/** Adds the site, checks it while it is healthy, and then with its faults. */
async function furnish(master, folder) {
  const sources = new Map(
    SITE.map(({ id, view }) => [id, view ? join(folder, `${id}.mp4`) : 'rtsp://127.0.0.1:9/live']),
  )
  for (const { id, view } of SITE) if (view) copyFileSync(clip(view), sources.get(id))
  push(master)
  for (const { id } of SITE) await ask(master, '/api/v1/diagnosis/cameras', { id, name: id, source: sources.get(id) })
  const everything = SITE.map((one) => one.id)
  for (const { id } of TASKS) await ask(master, '/api/v1/diagnosis/tasks', { id, name: id, cameras: everything })
  await name(master, LANGUAGES[0], sources)
  for (let checks = 0; checks < HEALTHY_CHECKS; checks += 1) submit(master, 'all')
  for (const { id, fault } of SITE) if (fault) copyFileSync(clip(fault), sources.get(id))
  for (let checks = 0; checks < FAULTY_CHECKS; checks += 1) submit(master, checks === 1 ? 'gates' : 'all')
  return sources
}

async function shoot(browser, address, look, names) {
  const { page, faults, settle } = await open(browser, look)
  for (const name of names) {
    await page.goto(`${address}#${PAGES[name]}`)
    await settle()
    // The whole page, which scrolls within the window.
    const needed = await page.evaluate(() => {
      const main = document.querySelector('main')
      return main ? main.scrollHeight + (window.innerHeight - main.clientHeight) : 0
    })
    await page.setViewportSize({ width: look.width, height: Math.min(Math.max(look.height, needed), TALLEST) })
    await settle()
    await page.screenshot({ path: join(out, `${name}-${look.language}-${look.theme}-${look.width}.png`) })
    await page.setViewportSize({ width: look.width, height: look.height })
  }
  await page.context().close()
  if (faults.length) throw new Error(`the browser complained: ${[...new Set(faults)].join('; ')}`)
}

const { path, remove } = directory()
const started = []
try {
  mkdirSync(out, { recursive: true })
  const master = await startMaster(path)
  started.push(master, await startWorker(path, master.url, { name: 'north' }))
  started.push(await startWorker(path, master.url, { name: 'south' }))
  const sources = await furnish(master.url, path)
  PAGES.run = `/runs/${(await ask(master.url, '/api/v1/diagnosis/runs?task_id=all&limit=1')).items[0].id}`
  const { address, close } = await serve({ master: master.url, prefix: '/console' })
  const browser = await launch()
  const names = positionals.length ? positionals : Object.keys(PAGES)
  for (const language of LANGUAGES) {
    await name(master.url, language, sources)
    for (const theme of THEMES) {
      await shoot(browser, address, { language, theme, ...WIDE }, names)
      await shoot(
        browser,
        address,
        { language, theme, ...PHONE },
        names.filter((one) => MAIN.includes(one)),
      )
    }
  }
  console.log(`pictures: ${out}`)
  await browser.close()
  close()
} finally {
  for (const server of started.reverse()) await server.stop()
  remove()
}
