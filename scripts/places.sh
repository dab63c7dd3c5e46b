# Sourced by the other scripts: where things are.

# Where cargo builds. The bundle stays in target/site all the same, because the server embeds it from there.
TARGET="${CARGO_TARGET_DIR:-target}"

# Tools that cargo installs live outside the clone, so that the next clone finds them.
TOOLS="${XDG_CACHE_HOME:-$HOME/.cache}/cardume"
WASM_BINDGEN_VERSION="$(grep -A1 '^name = "wasm-bindgen"$' Cargo.lock | sed -n 's/^version = "\(.*\)"$/\1/p')"
WASM_BINDGEN_ROOT="$TOOLS/wasm-bindgen-$WASM_BINDGEN_VERSION"
WASM_BINDGEN="$WASM_BINDGEN_ROOT/bin/wasm-bindgen"
WASM_SPLIT_VERSION=0.2.4
WASM_SPLIT_ROOT="$TOOLS/wasm-split-$WASM_SPLIT_VERSION"
WASM_SPLIT="$WASM_SPLIT_ROOT/bin/wasm-split-cli"
