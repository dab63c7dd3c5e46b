// Makes target/site, which the server embeds: the browser's bundle and styles under names that carry a hash of their
// contents, the files of public/ under their own, a compressed twin beside each, and manifest.json, which names what a
// page loads.
//
// The program is cut into parts: what every page needs, for each page what it alone needs (src/ui/pages/part.rs), and
// what no page needs before somebody asks for it.
//
//   node scripts/bundle.mjs CARDUME_WASM WASM_BINDGEN WASM_SPLIT [--quick]
//
// `--quick` leaves out what only makes it smaller, for those who watch their changes.
// Does nothing where nothing that goes into it has changed. Compiles no Rust: scripts/build.sh does that.

import { build } from 'esbuild';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, extname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';
import { hollow } from './hollow.mjs';
import { withImportsExported } from './wasm.mjs';

process.chdir(fileURLToPath(new URL('..', import.meta.url)));

const [compiledWasm, wasmBindgen, wasmSplit, ...flags] = process.argv.slice(2);
const quick = flags.includes('--quick');
const site = 'target/site';
const scripts = ['bundle.mjs', 'hollow.mjs', 'wasm.mjs', 'parts.js'].map((name) => `scripts/${name}`);
/** Written after all else: which inputs the site was made of. */
const stamp = 'target/site.inputs';
/** What every browser of the last years takes. Naming them keeps wasm-opt from using what it does not. */
const wasmFeatures = [
  'bulk-memory', 'reference-types', 'sign-ext', 'mutable-globals', 'nontrapping-float-to-int', 'multivalue',
].map((feature) => `--enable-${feature}`);
/**
 * A page is never taken over by what can wait, and never from a template; but the compiler makes the code for that
 * of every piece. It also merges functions that are alike and keeps one name, so this leaves alone what is so short that
 * another may be like it. The names are Rust's of version 0 (.cargo/browser.toml).
 */
const isNeverCalled = (name, bytes) =>
  /^_R(NC)*INvNv.*?8into_any13hydrate_async/.test(name) ||
  (bytes >= 150 && /^_R(NC)+NvX.*10RenderHtml13hydrate_async0(s\w*_0|0)*(B\w+_|Cs\w+)?$/.test(name)) ||
  /^_RINvNvX.*?13into_any_attr21hydrate_from_template/.test(name);
/** Parts that no page needs at first. */
const later = new Set(['dialogs']);
/** In bytes: less than this is not worth a file. */
const TINY = 8_000;
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
    [compiledWasm, ...scripts, 'package-lock.json', ...filesUnder('style'), ...filesUnder('public')]
      .map((path) => `${path} ${hash(readFileSync(path))}\n`)
      .join('') + wasmBindgen + wasmSplit + quick,
  );

const inputs = hashOfInputs();
if (existsSync(stamp) && existsSync(site) && readFileSync(stamp, 'utf8') === inputs) {
  console.log('The bundle is up to date');
  process.exit(0);
}

console.log(quick ? 'Bundling' : 'Bundling: wasm-split, wasm-bindgen, wasm-opt, esbuild, brotli');
const work = mkdtempSync(join(tmpdir(), 'cardume-bundle-'));
const files = new Map(); // path in the site → contents
try {
  const css = add('cardume', '.css', await styles());
  const manifest = { css, ...(await browserSide()) };
  for (const path of filesUnder('public')) files.set(relative('public', path), readFileSync(path));
  if (!quick) for (const [path, data] of [...files]) compress(path, data);
  files.set('manifest.json', Buffer.from(`${JSON.stringify(manifest, null, 2)}\n`));
  replaceSite();
  writeFileSync(stamp, inputs);
} finally {
  rmSync(work, { recursive: true });
}

/** The program's parts, made small, and the script that starts it; answers their URLs. */
async function browserSide() {
  const program = join(work, 'program.wasm');
  const compiled = readFileSync(compiledWasm);
  writeFileSync(program, quick ? compiled : hollow(compiled, isNeverCalled));
  run(wasmSplit, ['--target', 'web', '--out-name', 'cardume', program, work]);
  const bindings = ['--target', 'web', '--no-typescript', '--out-dir', work, '--out-name', 'cardume'];
  // The parts rely on what the linker exports, and on the names of functions.
  run(wasmBindgen, [...bindings, '--keep-lld-exports', '--no-demangle', join(work, 'cardume.wasm')]);

  shorten('cardume');
  const script = readFileSync(join(work, '__wasm_split.js'), 'utf8');
  const parts = partsByName(script);
  let main = 'cardume_bg';
  if (!quick) {
    // What pages share belongs to what is always there: in one piece it compresses better. So does what is tiny.
    const ofPages = [...parts].filter(([name]) => !later.has(name)).flatMap(([, files]) => files);
    const isShared = (file, place) => ofPages.indexOf(file) < place || statSync(join(work, `${file}.wasm`)).size < TINY;
    for (const shared of new Set(ofPages.filter(isShared))) {
      main = merged(main, shared);
      for (const [name, files] of parts) parts.set(name, files.filter((other) => other !== shared));
    }
    // And what a page shares with what comes later belongs to the page.
    for (const files of [...parts].filter(([name]) => !later.has(name)).map(([, files]) => files)) {
      const whole = files.reduce(joined);
      for (const [name, others] of parts) {
        parts.set(name, [...new Set(others.map((file) => (files.includes(file) ? whole : file)))]);
      }
    }
  }
  const urls = new Map();
  for (const file of [main, ...new Set([...parts.values()].flat())]) {
    const name = file === main ? 'cardume' : file.replace(/^.*split_/, '');
    urls.set(file, add(name, '.wasm', optimized(file)));
  }
  const addresses = [...parts].map(([name, files]) => [name, files.map((file) => urls.get(file))]);
  const [pages, others] = [false, true].map((isLater) =>
    Object.fromEntries(addresses.filter(([name]) => later.has(name) === isLater)),
  );
  const js = add('cardume', '.js', await starter({ ...pages, ...others }, canary(script)));
  return { js, wasm: urls.get(main), parts: pages, later: others };
}

/** Which files wasm-split made for each part, told by the script with which it would load them. */
function partsByName(script) {
  const chunks = new Map();
  for (const [, name, file] of script.matchAll(/const (__chunk_\d+) = .*?"\.\/(\w+)\.wasm"/gs)) chunks.set(name, file);
  const loaders = [...script.matchAll(/export const __wasm_split_load_(\w+) = .*?, \[([^\]]*)\]\)\);/gs)];
  if (loaders.length === 0) throw new Error('wasm-split has found nothing to cut off.');
  const parts = loaders.map(([, name, needed]) => {
    const shared = needed.split(', ').filter(Boolean).map((chunk) => chunks.get(chunk));
    return [name, [...shared, `split_${name}`].filter((file) => existsSync(join(work, `${file}.wasm`)))];
  });
  return new Map(parts.sort());
}

/** What the parts of a debug build want to see, so that they are not loaded beside the main part of another build. */
function canary(script) {
  return /__wasm_split: \{([^}]*)\}/.exec(script)?.[1].trim() ?? '';
}

/** The main part with another one inside, which so far would import from it. */
function merged(main, part) {
  const name = `${main}_${part}`;
  const files = [join(work, `${main}.wasm`), '__wasm_split', join(work, `${part}.wasm`), part];
  run('node_modules/.bin/wasm-merge', [...files, '-o', join(work, `${name}.wasm`), ...wasmFeatures]);
  return name;
}

/** Two parts in one. Both import the same things from the main part; so the second takes them from the first. */
function joined(first, second) {
  const name = `${first}_${second}`;
  const [own, shared] = ['__wasm_main_', '__wasm_split'];
  const provider = withImportsExported(renamed(readFileSync(join(work, `${first}.wasm`)), shared, own));
  writeFileSync(join(work, `${first}.provider.wasm`), provider);
  const files = [join(work, `${first}.provider.wasm`), shared, join(work, `${second}.wasm`), second];
  run('node_modules/.bin/wasm-merge', [...files, '-o', join(work, `${name}.merged.wasm`), ...wasmFeatures]);
  writeFileSync(join(work, `${name}.wasm`), renamed(readFileSync(join(work, `${name}.merged.wasm`)), own, shared));
  return name;
}

/** The module with another name for a module that it imports from, as long as the old one. */
function renamed(wasm, from, to) {
  const name = (text) => Buffer.concat([Buffer.from([text.length]), Buffer.from(text)]).toString('latin1');
  return Buffer.from(wasm.toString('latin1').replaceAll(name(from), name(to)), 'latin1');
}

/** wasm-bindgen ends its names in hashes, which no compression makes small. Numbers of the same length do as well. */
function shorten(name) {
  const [script, wasm] = ['.js', '_bg.wasm'].map((ending) => join(work, name + ending));
  const numbers = new Map();
  const short = (text) =>
    text.replace(/(__wbg_\w+_)([0-9a-f]{16})(?!\w)/g, (whole, start, hash) => {
      if (!numbers.has(whole)) numbers.set(whole, numbers.size);
      return start + String(numbers.get(whole)).padStart(hash.length, '0');
    });
  writeFileSync(script, short(readFileSync(script, 'utf8')));
  writeFileSync(wasm, short(readFileSync(wasm, 'latin1')), 'latin1');
}

function optimized(part) {
  const file = join(work, `${part}.wasm`);
  if (!quick) {
    // Inlined code is fewer bytes and fewer functions, each of which the browser compiles by itself; but where more than
    // small ones are inlined, what is left compresses worse. (And what -Oz makes of it compresses worse than this.)
    const options = ['-Os', '--one-caller-inline-max-function-size=18', '--strip-producers', ...wasmFeatures];
    run('node_modules/.bin/wasm-opt', [...options, file, '-o', file]);
  }
  return readFileSync(file);
}

/** The script that starts the program and loads its parts, in one file with the snippets that crates bring along. */
async function starter(parts, canary) {
  const loaders = Object.entries(parts).map(
    ([page, urls]) => `export const __wasm_split_load_${page} = loader(exports, ${JSON.stringify(urls)});\n`,
  );
  const ours = JSON.stringify(resolve('scripts/parts.js'));
  const imports = `import { initSync } from './cardume.js';\nimport { loader } from ${ours};\n`;
  // Once the program is there, this only answers what it exports.
  const exports = `const exports = () => ({ ${canary} ...initSync() });\n`;
  writeFileSync(join(work, '__wasm_split.js'), imports + exports + loaders.join(''));
  const entry = join(work, 'start.js');
  writeFileSync(entry, `export { default, hydrate } from './cardume.js';\nexport { expect } from ${ours};\n`);
  return bundled({ entryPoints: [entry], format: 'esm', target: 'es2022' });
}

/** What a tool remarks is of interest only where it fails; then it is part of the error. */
function run(program, options) {
  execFileSync(program, options, { stdio: ['ignore', 'ignore', 'pipe'] });
}

/** All of style/, in one file. */
async function styles() {
  return bundled({ entryPoints: ['style/main.css'] });
}

async function bundled(options) {
  const { outputFiles } = await build({
    ...{ bundle: true, minify: !quick, write: false, logLevel: 'warning' },
    // wasm-bindgen names a script once for each function that it takes from it.
    logOverride: { 'duplicate-object-key': 'silent' },
    ...options,
  });
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
