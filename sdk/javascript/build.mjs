// Builds a component: node build.mjs SOURCE OUTPUT [WIT]
//
// All of the engine's features are off: the component imports nothing but the contract, and is the
// same machine at every run. Paths are seen from the directory that it is started in, which must hold
// the source and all that it imports.

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
