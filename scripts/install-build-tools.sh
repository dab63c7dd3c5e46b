#!/usr/bin/env bash
# Installs what `make build` needs besides Rust and Node, where it is missing: the wasm target, the sources of the
# standard library, the wasm-bindgen that matches Cargo.lock, wasm-split, which cuts the browser's program into parts,
# and the npm packages named in package.json. Says so before it fetches anything.
set -euo pipefail
cd "$(dirname "$0")/.."
source scripts/places.sh

if ! [ -d "$(rustc --print sysroot)/lib/rustlib/wasm32-unknown-unknown/lib" ]; then
  echo "Installing the Rust target wasm32-unknown-unknown (rustup)"
  if ! rustup target add wasm32-unknown-unknown; then
    echo "The target wasm32-unknown-unknown could not be installed. The browser's side of Cardume is compiled for it." >&2
    echo "Where Rust came from rustup, run: rustup target add wasm32-unknown-unknown" >&2
    echo "Where it came from a distribution, install its package of that standard library (Debian: libstd-rust-dev-wasm32)." >&2
    exit 1
  fi
fi

if ! [ -d "$(rustc --print sysroot)/lib/rustlib/src/rust/library" ]; then
  echo "Installing the sources of Rust's standard library (rustup's component rust-src)"
  if ! rustup component add rust-src; then
    echo "The sources of Rust's standard library could not be installed. The browser's side is compiled with them." >&2
    echo "Where Rust came from rustup, run: rustup component add rust-src" >&2
    echo "Where it came from a distribution, install its package of them (Debian: rust-src)." >&2
    exit 1
  fi
fi

if ! [ -x "$WASM_BINDGEN" ]; then
  echo "Installing wasm-bindgen-cli $WASM_BINDGEN_VERSION into $TOOLS (some 3 minutes, once)"
  # Not --locked: this is a tool for the build, and its lock file names versions that not every registry still has.
  CARGO_TARGET_DIR="$TOOLS/build" cargo install wasm-bindgen-cli --version "$WASM_BINDGEN_VERSION" --root "$WASM_BINDGEN_ROOT"
  rm -rf "$TOOLS/build"
fi

if ! [ -x "$WASM_SPLIT" ]; then
  echo "Installing wasm_split_cli_support $WASM_SPLIT_VERSION into $TOOLS (some 3 minutes, once)"
  CARGO_TARGET_DIR="$TOOLS/build" cargo install --locked wasm_split_cli_support --version "$WASM_SPLIT_VERSION" \
    --features build-binary --root "$WASM_SPLIT_ROOT"
  rm -rf "$TOOLS/build"
fi

if ! [ node_modules/.package-lock.json -nt package-lock.json ]; then
  echo "Installing the bundling tools of package.json (npm)"
  npm ci
  touch node_modules/.package-lock.json
fi
