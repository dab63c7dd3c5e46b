// Builds both sides without optimisation, serves the board, and does it again whenever a source changes. Arguments go
// to `cardume serve`. Running agents live on through each restart, as they always do.

import { spawn } from 'node:child_process';
import { existsSync, watch } from 'node:fs';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

process.chdir(fileURLToPath(new URL('..', import.meta.url)));

const watched = ['src', 'style', 'public', 'migrations', 'prompts', 'Cargo.toml'].filter((path) => existsSync(path));
const build = `
  source scripts/places.sh
  cargo build --lib --target wasm32-unknown-unknown --no-default-features --features hydrate
  node scripts/bundle.mjs "$TARGET/wasm32-unknown-unknown/debug/cardume.wasm" "$WASM_BINDGEN" "$WASM_SPLIT" --quick
  cargo build --bin cardume
`;
const binary = `${process.env.CARGO_TARGET_DIR ?? 'target'}/debug/cardume`;
/** Editors write in bursts. */
const settleMs = 150;

let server;
let building = false;
let changed = true;
let timer;

for (const path of watched) {
  watch(path, { recursive: true }, () => {
    changed = true;
    clearTimeout(timer);
    timer = setTimeout(next, settleMs);
  });
}
for (const signal of ['SIGINT', 'SIGTERM']) {
  process.on(signal, async () => {
    await stop();
    process.exit(0);
  });
}
await next();

async function next() {
  if (building) return;
  building = true;
  while (changed) {
    changed = false;
    const [status] = await once(spawn('bash', ['-euo', 'pipefail', '-c', build], { stdio: 'inherit' }), 'exit');
    if (status !== 0) {
      console.log('That did not build; the server that runs is the one from before.');
    } else if (!changed) {
      await stop();
      server = spawn(binary, ['serve', '--demo', ...process.argv.slice(2)], { stdio: 'inherit' });
    }
  }
  building = false;
}

async function stop() {
  if (!server || server.exitCode !== null || server.signalCode !== null) return;
  server.kill('SIGTERM');
  await once(server, 'exit');
}
