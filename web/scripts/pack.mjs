// Copies the built files to where the master embeds them, compressed.
//
//   node scripts/pack.mjs FOLDER          replaces the files of FOLDER
//   node scripts/pack.mjs --check FOLDER  fails if FOLDER was packed from other files
//
// Text is kept as `name.br` and `name.gz` only. The page itself is kept as it is, because it is small.
import fs from 'node:fs'
import path from 'node:path'
import { brotliCompressSync, brotliDecompressSync, constants, gunzipSync, gzipSync } from 'node:zlib'

const from = path.resolve(import.meta.dirname, '../dist')
const check = process.argv.includes('--check')
const to = process.argv.slice(2).find((word) => word !== '--check')
if (!to) throw new Error('usage: pack.mjs [--check] FOLDER')

const isText = (name) => /\.(js|css)$/.test(name)
const list = (folder) =>
  fs
    .readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.relative(folder, path.join(entry.parentPath, entry.name)))
    .sort()

if (check) {
  const files = list(from)
  const expected = files.flatMap((name) => (isText(name) ? [`${name}.br`, `${name}.gz`] : [name])).sort()
  const differs = JSON.stringify(list(to)) !== JSON.stringify(expected)
  const read = (name) => fs.readFileSync(path.join(to, name))
  const same = (name) => {
    const bytes = fs.readFileSync(path.join(from, name))
    if (!isText(name)) return bytes.equals(read(name))
    return bytes.equals(brotliDecompressSync(read(`${name}.br`))) && bytes.equals(gunzipSync(read(`${name}.gz`)))
  }
  if (differs || !files.every(same)) {
    console.error(`${to} was packed from other files than those in dist`)
    process.exit(1)
  }
} else {
  fs.rmSync(to, { recursive: true, force: true })
  for (const name of list(from)) {
    const bytes = fs.readFileSync(path.join(from, name))
    const target = path.join(to, name)
    fs.mkdirSync(path.dirname(target), { recursive: true })
    if (isText(name)) {
      const params = { [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length }
      fs.writeFileSync(`${target}.br`, brotliCompressSync(bytes, { params }))
      fs.writeFileSync(`${target}.gz`, gzipSync(bytes, { level: 9 }))
    } else {
      fs.writeFileSync(target, bytes)
    }
  }
}
