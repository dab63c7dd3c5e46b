// Makes target/site, which the server embeds: the browser's bundle and styles under names that carry a hash of their
// contents, the files of public/ under their own, a compressed twin beside each, and manifest.json, which names the
// three that a page loads.
//
//   node scripts/bundle.mjs CARDUME_WASM WASM_BINDGEN [--quick]
//
// `--quick` leaves out what only makes it smaller, for those who watch their changes.
// Does nothing where nothing that goes into it has changed. Compiles no Rust: scripts/build.sh does that.

import { build } from 'esbuild';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, extname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';

process.chdir(fileURLToPath(new URL('..', import.meta.url)));

const [compiledWasm, wasmBindgen, ...flags] = process.argv.slice(2);
const quick = flags.includes('--quick');
const site = 'target/site';
/** Written after all else: which inputs the site was made of. */
const stamp = 'target/site.inputs';
/** What every browser of the last years takes. Naming them keeps wasm-opt from using what it does not. */
const wasmFeatures = [
  'bulk-memory', 'reference-types', 'sign-ext', 'mutable-globals', 'nontrapping-float-to-int', 'multivalue',
];
const compressible = new Set(['.css', '.html', '.js', '.json', '.svg', '.txt', '.wasm', '.webmanifest']);

const filesUnder = (folder) =>
  !existsSync(folder)
    ? []
    : readdirSync(folder, { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map((entry) => join(entry.parentPath ?? entry.path, entry.name))
        .sort();
const hash = (data) => createHash('sha256').update(data).digest('hex');
const hashOfInputs = () =>
  hash(
    [compiledWasm, 'scripts/bundle.mjs', 'package-lock.json', ...filesUnder('style'), ...filesUnder('public')]
      .map((path) => `${path} ${hash(readFileSync(path))}\n`)
      .join('') + wasmBindgen + quick,
  );

const inputs = hashOfInputs();
if (existsSync(stamp) && existsSync(site) && readFileSync(stamp, 'utf8') === inputs) {
  console.log('The bundle is up to date');
  process.exit(0);
}

console.log(quick ? 'Bundling' : 'Bundling: wasm-bindgen, wasm-opt, esbuild, brotli');
const work = mkdtempSync(join(tmpdir(), 'cardume-bundle-'));
const files = new Map(); // path in the site → contents
try {
  const { js, wasm } = await browserSide();
  const manifest = {
    css: add('cardume', '.css', await styles()),
    js: add('cardume', '.js', js),
    wasm: add('cardume', '.wasm', wasm),
  };
  for (const path of filesUnder('public')) files.set(relative('public', path), readFileSync(path));
  if (!quick) for (const [path, data] of [...files]) compress(path, data);
  files.set('manifest.json', Buffer.from(`${JSON.stringify(manifest, null, 2)}\n`));
  replaceSite();
  writeFileSync(stamp, inputs);
} finally {
  rmSync(work, { recursive: true });
}

/** The wasm, made small, and the script that starts it. */
async function browserSide() {
  execFileSync(wasmBindgen, ['--target', 'web', '--no-typescript', '--out-dir', work, '--out-name', 'cardume', compiledWasm], {
    stdio: 'inherit',
  });
  const wasm = join(work, 'cardume_bg.wasm');
  if (!quick) {
    const features = wasmFeatures.map((feature) => `--enable-${feature}`);
    // Inlined code is fewer bytes, but bytes that compress worse: 10 % more of them would travel.
    const options = ['-Oz', '--one-caller-inline-max-function-size=1', ...features];
    execFileSync('node_modules/.bin/wasm-opt', [...options, wasm, '-o', wasm], { stdio: 'inherit' });
  }
  // Bundled, because snippets that crates bring along are scripts of their own.
  const options = { entryPoints: [join(work, 'cardume.js')], format: 'esm', target: 'es2022' };
  return { js: await bundled(options), wasm: readFileSync(wasm) };
}

/** All of style/, in one file. */
async function styles() {
  return bundled({ entryPoints: ['style/main.css'] });
}

async function bundled(options) {
  const { outputFiles } = await build({ bundle: true, minify: !quick, write: false, logLevel: 'warning', ...options });
  return Buffer.from(outputFiles[0].contents);
}

/** Adds a file under a name that changes with its contents; answers its URL. */
function add(name, extension, data) {
  const path = `pkg/${name}.${hash(data).slice(0, 16)}${extension}`;
  files.set(path, data);
  return `/${path}`;
}

function compress(path, data) {
  if (!compressible.has(extname(path))) return;
  const params = { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: data.length };
  const twins = { '.br': brotliCompressSync(data, { params }), '.gz': gzipSync(data, { level: 9 }) };
  for (const [suffix, twin] of Object.entries(twins)) {
    if (twin.length < data.length) files.set(path + suffix, twin);
  }
}

/** Puts the new site where the old one was, so that nothing of the old one stays. */
function replaceSite() {
  const fresh = `${site}.new`;
  rmSync(fresh, { recursive: true, force: true });
  for (const [path, data] of files) {
    mkdirSync(dirname(join(fresh, path)), { recursive: true });
    writeFileSync(join(fresh, path), data);
  }
  rmSync(site, { recursive: true, force: true });
  renameSync(fresh, site);
}
