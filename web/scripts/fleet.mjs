// A master and a worker of their own, for browser tests and screenshots: the built programs, in a data directory that is
// removed at the end.
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { createInterface } from 'node:readline'

const target = resolve(import.meta.dirname, '../../target')
const programs = process.env.EASYSIGHT_BIN_DIR ?? join(target, 'debug')
/** The folder of the standard plugins. */
export const plugins = process.env.EASYSIGHT_PLUGINS_DIR ?? join(target, 'plugins')
const clips = process.env.EASYSIGHT_CLIPS_DIR ?? join(target, 'demo')

/** A port where nothing listens, or everything is discarded. */
const NOWHERE = 'rtsp://127.0.0.1:9/live'

/** Fails if something that the fleet needs is missing. */
export function check() {
  const needed = [
    ...['easysight-master', 'easysight-worker', 'easysight'].map((name) => join(programs, name)),
    join(plugins, 'brightness.wasm'),
    clip('healthy'),
  ]
  const missing = needed.filter((path) => !existsSync(path))
  if (missing.length)
    throw new Error(`${missing.join(', ')}: missing. \`cargo xtask browser\` builds what these tests need.`)
}

/** The path of a synthetic camera's clip. */
export function clip(name) {
  return join(clips, `${name}.mp4`)
}

/** The path of a plugin. */
export function plugin(name) {
  return join(plugins, `${name}.wasm`)
}

export function directory() {
  const path = mkdtempSync(join(tmpdir(), 'easysight-console-'))
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) }
}

/** Runs a program to its end. Returns what it printed. */
export function run(program, line, options = {}) {
  return execFileSync(join(programs, program), line, {
    encoding: 'utf8',
    stdio: ['pipe', 'pipe', 'pipe'],
    ...options,
  }).trim()
}

/** A server that is started and stopped by signals. */
class Server {
  #line
  #child
  log = ''
  /** The address at which the server listens. */
  url = ''

  constructor(program, line) {
    this.#line = [program, line]
  }

  /** Starts the server, and waits until it says where it listens. */
  async start() {
    const [program, line] = this.#line
    this.#child = spawn(join(programs, program), line, { stdio: ['ignore', 'ignore', 'pipe'] })
    const ended = once(this.#child, 'exit')
    const lines = createInterface({ input: this.#child.stderr })
    const listens = new Promise((resolve) => {
      lines.on('line', (text) => {
        this.log += `${text}\n`
        const url = /: listening on (\S+)/.exec(text)?.[1]
        if (url) resolve(url)
      })
    })
    const url = await Promise.race([listens, ended.then(() => undefined)])
    if (!url) throw new Error(`${program} ended before it listened:\n${this.log}`)
    this.url = url
    return this
  }

  async stop() {
    const ended = once(this.#child, 'exit')
    this.#child.kill()
    await ended
  }

  /** Starts the server again at the same address. */
  async restart() {
    const at = this.#line[1].indexOf('--listen') + 1
    this.#line[1][at] = this.#line[1][at].replace(/:\d+$/, `:${new URL(this.url).port}`)
    await this.start()
  }
}

export function startMaster(path, { listen = '127.0.0.1:0', more = [] } = {}) {
  const line = ['--listen', listen, '--data-dir', join(path, 'master'), '--log-level', 'WARN', ...more]
  return new Server('easysight-master', line).start()
}

export function startWorker(path, master, { name = 'worker-1' } = {}) {
  const line = ['--master-url', master, '--node-name', name, '--log-level', 'WARN']
  return new Server('easysight-worker', [
    ...line,
    ...['--listen', '127.0.0.1:0', '--data-dir', join(path, name)],
  ]).start()
}

/** Requests to a master that answers everybody. */
export async function ask(master, path, body, method = body === undefined ? 'GET' : 'POST') {
  const headers = body === undefined ? {} : { 'content-type': 'application/json' }
  const answer = await fetch(new URL(path, master), { method, headers, body: body && JSON.stringify(body) })
  if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`)
  return answer.status === 204 ? undefined : answer.json()
}

/** Publishes and activates plugins: those of the names, or all. */
export function push(master, names) {
  const files = readdirSync(plugins).filter((name) => name.endsWith('.wasm'))
  const chosen = files.filter((name) => !names || names.includes(name.replace('.wasm', '')))
  const paths = chosen.map((name) => join(plugins, name))
  run('easysight', ['plugin', 'push', '--activate', ...paths, '--master', master])
}

/** Adds cameras: a clip's name, or undefined for a camera that never answers, makes the address. */
export async function addCameras(master, cameras) {
  for (const { id, name, groups, shows } of cameras) {
    const source = shows ? clip(shows) : NOWHERE
    await ask(master, '/api/v1/diagnosis/cameras', { id, name, groups, source })
  }
}

/** Runs a task, and waits for its end. */
export function submit(master, task) {
  run('easysight', ['task', 'submit', task, '--wait', '--exit-zero', '--master', master])
}
