// Prints what a user downloads and what a host stores. Fails where a page has grown over its budget.

import { readFileSync, statSync } from 'node:fs';

/** In bytes, as they travel: the program's main part; all that a first visit to a page loads. */
const MAIN_MAX = 250_000;
const FIRST_LOAD_MAX = 320_000;
/** What a page's HTML is allowed of that; the demo's board, compressed as it is sent, takes 4 kB. */
const HTML = 6_000;

const { parts, later, ...common } = JSON.parse(readFileSync('target/site/manifest.json', 'utf8'));
const size = (path) => statSync(path, { throwIfNoEntry: false })?.size ?? 0;
const stored = (url) => size(`target/site${url}`);
const sent = (url) => size(`target/site${url}.br`) || stored(url);
const sum = (urls) => urls.reduce((total, url) => total + sent(url), 0);
const kilobytes = (bytes) => `${(bytes / 1000).toFixed(0).padStart(7)} kB`;
const line = (name, url) => console.log(`${name.padEnd(12)}${kilobytes(stored(url))}  brotli ${kilobytes(sent(url))}`);

for (const [kind, url] of Object.entries({ ...common, icon: '/favicon.svg' })) line(kind, url);
for (const [part, urls] of Object.entries({ ...parts, ...later })) for (const url of urls) line(`wasm, ${part}`, url);
const needed = [...Object.values(common), '/favicon.svg'];
const budgets = [['the main wasm', sent(common.wasm), MAIN_MAX]];
for (const [page, urls] of Object.entries(parts)) {
  const total = HTML + sum([...needed, ...urls]);
  budgets.push([`the first load of the ${page}'s page`, total, FIRST_LOAD_MAX]);
  console.log(`first load  ${page.padEnd(10)}  brotli ${kilobytes(total)}  (${HTML / 1000} kB of it for the HTML)`);
}
console.log(`binary      ${kilobytes(size('target/release/cardume'))}  target/release/cardume`);

for (const [what, bytes, max] of budgets.filter(([, bytes, max]) => bytes > max)) {
  console.error(`Over budget: ${what} takes ${kilobytes(bytes).trim()}, and may take ${kilobytes(max).trim()}.`);
  process.exitCode = 1;
}
