// Serves `dist` as a master does: below a path prefix, with a strict Content-Security-Policy, beside the API of a
// running master. For browser tests and screenshots.
//
//   node scripts/serve.mjs --port 8080 --master http://127.0.0.1:8000 --prefix /watch
import { createServer, request } from 'node:http'
import { readFileSync, existsSync } from 'node:fs'
import { dirname, extname, join, normalize } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

const TYPES = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.svg': 'image/svg+xml',
}
export const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
  "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
const dist = join(dirname(fileURLToPath(import.meta.url)), '../dist')

export function serve({ port = 0, master, prefix = '' }) {
  const target = new URL(master)
  const server = createServer((incoming, outgoing) => {
    const path = new URL(incoming.url, 'http://x').pathname
    if (!path.startsWith(`${prefix}/`)) {
      outgoing.writeHead(404).end()
      return
    }
    const inner = incoming.url.slice(prefix.length)
    if (/^\/(api|docs|metrics|healthz)/.test(inner)) {
      const headers = { ...incoming.headers, 'x-forwarded-host': incoming.headers.host }
      const passed = request(
        { host: target.hostname, port: target.port, path: inner, method: incoming.method, headers },
        (answer) => {
          outgoing.writeHead(answer.statusCode, answer.headers)
          answer.pipe(outgoing)
        },
      )
      passed.on('error', () => (outgoing.headersSent ? outgoing.destroy() : outgoing.writeHead(502).end()))
      outgoing.on('close', () => passed.destroy())
      incoming.pipe(passed)
      return
    }
    const file = join(dist, normalize(path.slice(prefix.length) === '/' ? '/index.html' : path.slice(prefix.length)))
    if (!file.startsWith(dist) || !existsSync(file)) {
      outgoing.writeHead(404).end()
      return
    }
    outgoing.writeHead(200, {
      'content-type': TYPES[extname(file)] ?? 'application/octet-stream',
      'content-security-policy': POLICY,
      'x-content-type-options': 'nosniff',
    })
    outgoing.end(readFileSync(file))
  })
  return new Promise((resolve) => {
    server.listen(port, '127.0.0.1', () => {
      const address = `http://127.0.0.1:${server.address().port}${prefix}/`
      resolve({ address, close: () => (server.closeAllConnections(), server.close()) })
    })
  })
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { values } = parseArgs({
    options: { port: { type: 'string' }, master: { type: 'string' }, prefix: { type: 'string' } },
  })
  const { address } = await serve({
    port: Number(values.port ?? 8080),
    master: values.master ?? 'http://127.0.0.1:8000',
    prefix: values.prefix ?? '',
  })
  console.log(address)
}
