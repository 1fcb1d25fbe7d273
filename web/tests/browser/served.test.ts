// The console as a master serves it: its own files, its headers, and behind nginx with the sample in `deploy/`. The files
// are those that were built into the master, which may be older than the sources here.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer, connect } from 'node:net'
import { join } from 'node:path'
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { PAGES, TEXTS } from './console'
// @ts-expect-error The script has no types.
import { launch, open } from '../../scripts/browser.mjs'
// @ts-expect-error The script has no types.
import { ask, directory } from '../../scripts/fleet.mjs'
// @ts-expect-error The script has no types.
import { POLICY } from '../../scripts/serve.mjs'

const master = inject('master')
const NGINX = '/usr/sbin/nginx'
let browser: Browser

beforeAll(async () => {
  browser = (await launch()) as Browser
})
afterAll(async () => {
  await browser?.close()
})

/** Leads through the pages of a console, and returns which hosts it asked. */
async function walk(address: string): Promise<string[]> {
  const { page, context, faults, settle } = await open(browser)
  try {
    const hosts = new Set<string>()
    context.on('request', (request: { url: () => string }) => hosts.add(new URL(request.url()).host))
    for (const path of [...PAGES, '/cameras/dark', '/tasks/hourly', '/plugins/brightness']) {
      await page.goto(`${address}#${path}`)
      await settle()
    }
    await page.reload()
    await settle()
    expect(faults).toEqual([])
    return [...hosts]
  } finally {
    await context.close()
  }
}

/** The addresses of the files that a page loads at first. */
async function files(address: string): Promise<string[]> {
  const html = await (await fetch(address)).text()
  return [...html.matchAll(/(?:src|href)="([^"]+\.(?:js|css|svg))"/g)].map((hit) => new URL(hit[1] ?? '', address).href)
}

describe('a master', () => {
  it('serves the console with a strict policy, and answers nothing else in its place', async () => {
    const page = await fetch(`${master}/`)
    expect(page.status).toBe(200)
    expect(page.headers.get('content-type')).toMatch(/^text\/html/)
    expect(page.headers.get('content-security-policy')).toBe(POLICY)
    expect(page.headers.get('x-content-type-options')).toBe('nosniff')
    expect(page.headers.get('cache-control')).toBe('no-cache')
    const tag = page.headers.get('etag') ?? ''
    expect((await fetch(`${master}/`, { headers: { 'if-none-match': tag } })).status).toBe(304)
    expect((await fetch(`${master}/no/such/page`)).status).toBe(404)
    expect((await fetch(`${master}/assets/none.js`)).status).toBe(404)
  })

  it.each(['br', 'gzip', 'identity'])('sends the files as %s, to be kept for ever', async (coding) => {
    const all = await files(`${master}/`)
    expect(all.length).toBeGreaterThan(1)
    const plain = new Map<string, number>()
    for (const file of all) {
      const answer = await fetch(file, { headers: { 'accept-encoding': coding } })
      expect(answer.status, file).toBe(200)
      expect(answer.headers.get('cache-control'), file).toMatch(/immutable/)
      expect(answer.headers.get('vary') ?? '', file).toMatch(/accept-encoding/i)
      const isSmall = (await answer.arrayBuffer()).byteLength < 1_000
      if (coding !== 'identity' && !isSmall) expect(answer.headers.get('content-encoding'), file).toBe(coding)
      if (coding === 'identity') expect(answer.headers.get('content-encoding'), file).toBeNull()
      plain.set(file, 1)
    }
    expect(plain.size).toBe(all.length)
  })

  it('shows every page without a complaint of the browser, and asks no other host', async () => {
    expect(await walk(`${master}/`)).toEqual([new URL(master).host])
  })
})

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  server.close()
  await once(server, 'close')
  return port
}

describe.skipIf(!existsSync(NGINX))('nginx with the sample', () => {
  const { path, remove } = directory()
  let address: string
  let end: () => Promise<void> = () => Promise.resolve()

  beforeAll(async () => {
    const port = await freePort()
    const host = new URL(master).host
    const sample = readFileSync(join(import.meta.dirname, '../../../deploy/nginx/masters.conf'), 'utf8')
    const site = sample
      .replace('listen 80;', `listen 127.0.0.1:${port};`)
      .replace('master-1:8000', host)
      .replace(/^.*master-2:8000.*$/m, '')
    expect(site).not.toMatch(/master-\d|listen 80;/)
    writeFileSync(join(path, 'site.conf'), site)
    const folders = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
      .map((name) => `${name}_temp_path ${path}/${name};`)
      .join(' ')
    const main = `daemon off; pid ${path}/pid; error_log stderr; worker_processes 1; events {} http { access_log off; ${folders} include ${path}/site.conf; }`
    writeFileSync(join(path, 'nginx.conf'), process.getuid?.() === 0 ? `user root; ${main}` : main)
    const line = ['-e', 'stderr', '-c', join(path, 'nginx.conf')]
    const nginx = spawn(NGINX, line, { stdio: ['ignore', 'ignore', 'pipe'] })
    let log = ''
    nginx.stderr.on('data', (text: Buffer) => (log += text.toString()))
    const exit = once(nginx, 'exit')
    end = async () => {
      nginx.kill('SIGTERM')
      await exit
    }
    address = `http://127.0.0.1:${port}/easysight/`
    while (!(await listens(port))) {
      if (nginx.exitCode !== null) throw new Error(log)
    }
  })
  afterAll(async () => {
    await end()
    remove()
  })

  it('serves every page below its path prefix, and asks no other host', async () => {
    expect((await fetch(address)).headers.get('content-security-policy')).toBe(POLICY)
    expect(await walk(address)).toEqual([new URL(address).host])
  })

  it('passes events and changes on', async () => {
    const { page, context, faults, settle } = await open(browser)
    try {
      const streams = page.waitForResponse((answer: { url: () => string }) => /\/api\/v1\/events/.test(answer.url()))
      await page.goto(`${address}#/runs`)
      expect((await streams).status()).toBe(200)
      await settle()
      const run = await ask(master, '/api/v1/diagnosis/tasks/hourly/submit', {})
      await page.waitForSelector(`main a[href="#/runs/${run.id}"]`)
      await page.goto(`${address}#/cameras?add=1`)
      await page.getByRole('textbox', { name: TEXTS.en.cameras.name, exact: true }).fill('Through nginx')
      await page.getByRole('textbox', { name: TEXTS.en.cameras.source, exact: true }).fill('rtsp://127.0.0.1:9/nginx')
      await page.getByRole('button', { name: TEXTS.en.action.save }).click()
      await page.waitForURL(/#\/cameras\/.+/)
      const id = decodeURIComponent(page.url().split('/').at(-1) ?? '')
      await ask(master, `/api/v1/diagnosis/cameras/${id}`, undefined, 'DELETE')
      expect(faults).toEqual([])
    } finally {
      await context.close()
    }
  })
})

function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.on('connect', () => (socket.destroy(), resolve(true)))
    socket.on('error', () => setTimeout(() => resolve(false), 50))
  })
}
