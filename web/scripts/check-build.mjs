// Checks that the built files work with a strict Content-Security-Policy, that they name no other host, and that the
// first view loads few bytes.
import { readFileSync, readdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync, brotliCompressSync } from 'node:zlib'

const MOST_FIRST_VIEW_BYTES = JSON.parse(
  readFileSync(new URL('../budgets.json', import.meta.url), 'utf8'),
).first_view_script_bytes

const dist = join(dirname(fileURLToPath(import.meta.url)), '../dist')
const page = readFileSync(join(dist, 'index.html'), 'utf8')
const faults = []

if (/<script(?![^>]*\ssrc=)/i.test(page)) faults.push('index.html has an inline script')
if (/<style|\sstyle=|\son[a-z]+=/i.test(page)) faults.push('index.html has an inline style or handler')
if (/(?:src|href)="(?!\.\/)/.test(page)) faults.push('index.html names a file by an address that is not relative')

const files = readdirSync(dist, { recursive: true, encoding: 'utf8' }).filter((name) => /\.(js|css)$/.test(name))
for (const name of files) {
  const text = readFileSync(join(dist, name), 'utf8')
  // Names of XML namespaces, and links in messages of libraries, cause no requests.
  if (/(?:@import|url\()\s*["']?(?:https?:)?\/\//.test(text)) faults.push(`${name} fetches from another host`)
  if (/\bnew Function\(|[^.\w]eval\(/.test(text)) faults.push(`${name} makes code of text`)
  if (!/-[\w-]{8}\.(js|css)$/.test(name)) faults.push(`${name} has no hash in its name`)
}

/** The scripts of the first view: those that the page names, and those that they import. */
const first = new Set()
function follow(name) {
  if (first.has(name)) return
  first.add(name)
  const text = readFileSync(join(dist, 'assets', name), 'utf8')
  for (const [, found] of text.matchAll(/(?:from|^import|[;}]import)\s*["']\.\/([\w.-]+\.js)["']/gm)) follow(found)
}
for (const [, name] of page.matchAll(/(?:src|href)="\.\/assets\/([\w.-]+\.js)"/g)) follow(name)

const size = (names, compress) =>
  names.reduce((sum, name) => sum + compress(readFileSync(join(dist, 'assets', name))).length, 0)
const gzip = (bytes) => gzipSync(bytes, { level: 9 })
const scripts = [...first]
const styles = [...page.matchAll(/href="\.\/assets\/([\w.-]+\.css)"/g)].map((hit) => hit[1])
const all = files.map((name) => name.replace(/^assets\//, ''))
const firstBytes = size(scripts, gzip)
const kB = (bytes) => `${(bytes / 1000).toFixed(1)} kB`
console.log(
  `first view: ${scripts.length} scripts ${kB(firstBytes)} gzip, ${kB(size(scripts, brotliCompressSync))} brotli; styles ${kB(size(styles, gzip))} gzip`,
)
console.log(`all: ${all.length} files ${kB(size(all, gzip))} gzip`)
if (firstBytes > MOST_FIRST_VIEW_BYTES)
  faults.push(`the first view has ${firstBytes} bytes of scripts (gzip), more than ${MOST_FIRST_VIEW_BYTES}`)

if (faults.length) {
  console.error(faults.join('\n'))
  process.exit(1)
}
