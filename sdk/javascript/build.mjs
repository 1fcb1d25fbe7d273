// Builds a component: node build.mjs SOURCE OUTPUT [WIT]
//
// All features of the engine are off, so the component imports only the contract and behaves the same in every run.
// Paths are relative to the working directory, which must contain the source and every module that the source
// imports.

import { writeFile } from 'node:fs/promises';

import { componentize } from '@bytecodealliance/componentize-js';

const [source, output, wit = 'vendor/wit'] = process.argv.slice(2);
if (!source || !output) {
  console.error('usage: node build.mjs SOURCE OUTPUT [WIT]');
  process.exit(2);
}
const { component } = await componentize({
  sourcePath: source,
  witPath: wit,
  worldName: 'plugin',
  disableFeatures: ['stdio', 'random', 'clocks', 'http', 'fetch-event'],
});
await writeFile(output, component);
