// Prints what a user downloads and what a host stores.

import { readFileSync, statSync } from 'node:fs';

const manifest = JSON.parse(readFileSync('target/site/manifest.json', 'utf8'));
const size = (path) => statSync(path, { throwIfNoEntry: false })?.size ?? 0;
const kilobytes = (bytes) => `${(bytes / 1000).toFixed(0).padStart(7)} kB`;

let firstLoad = 0;
for (const [kind, url] of Object.entries(manifest)) {
  const file = `target/site${url}`;
  const sent = size(`${file}.br`) || size(file);
  firstLoad += sent;
  console.log(`${kind.padEnd(11)}${kilobytes(size(file))}  brotli ${kilobytes(sent)}`);
}
console.log(`first load                brotli ${kilobytes(firstLoad)}  (and the page itself)`);
console.log(`binary     ${kilobytes(size('target/release/cardume'))}  target/release/cardume`);
