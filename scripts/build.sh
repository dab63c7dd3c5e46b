#!/usr/bin/env bash
# Builds target/release/cardume: first the browser's side, then the server with the bundle inside.
# `--bundle-only` stops after the first half.
set -euo pipefail
cd "$(dirname "$0")/.."
source scripts/places.sh
scripts/install-build-tools.sh

echo "Building the browser's side"
RUSTC_BOOTSTRAP=1 cargo build --config .cargo/browser.toml \
  --lib --target wasm32-unknown-unknown --profile wasm-release --no-default-features --features hydrate
node scripts/bundle.mjs "$TARGET/wasm32-unknown-unknown/wasm-release/cardume.wasm" "$WASM_BINDGEN" "$WASM_SPLIT"
if [ "${1:-}" = --bundle-only ]; then exit 0; fi

echo "Building the server"
cargo build --release --bin cardume
if ! [ "$TARGET/release/cardume" -ef target/release/cardume ]; then
  # Cargo builds elsewhere; the documented place is there all the same. A new file, as the old one may be running.
  mkdir -p target/release
  cp "$TARGET/release/cardume" target/release/cardume.new
  mv -f target/release/cardume.new target/release/cardume
fi
node scripts/sizes.mjs
