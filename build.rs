//! Sees to it that the bundle's folder exists, so that the server compiles before the browser's side was ever built,
//! that a release of the server is compiled again when the bundle has changed, and that the browser's side can be cut
//! into parts.

use std::env;
use std::fs;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    // What scripts/bundle.mjs cuts it by: which function and which datum names which.
    if env::var("CARGO_CFG_TARGET_ARCH").as_deref() == Ok("wasm32") {
        println!("cargo::rustc-link-arg-cdylib=--emit-relocs");
    }
    // Only the server embeds the bundle. The browser's side makes it, and must not be rebuilt because of it.
    if env::var_os("CARGO_FEATURE_SSR").is_none() {
        return;
    }
    // Build scripts run in the crate's own folder. This one stands there even where CARGO_TARGET_DIR points elsewhere.
    let site = "target/site";
    if let Err(error) = fs::create_dir_all(site) {
        println!("cargo::error=cannot make the folder {site}: {error}");
    }
    // A debug build reads the files from disk when it is asked for them.
    if env::var("PROFILE").as_deref() == Ok("release") {
        println!("cargo::rerun-if-changed={site}");
    }
}
