//! Sees to it that the bundle's folder exists, so that the server compiles before the browser's side was ever built,
//! that a release of the server is compiled again when the bundle has changed, and that the browser's side can be cut
//! into parts. Makes code of the page's words in each language.

use std::env;
use std::error::Error;
use std::fs;
use std::path::Path;

use leptos_i18n_parser::parse_locales::options::{Config, ParseOptions};
use leptos_i18n_parser::parse_locales::parse_locales;

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=build.rs");
    make_words()?;
    // What scripts/bundle.mjs cuts it by: which function and which datum names which.
    if env::var("CARGO_CFG_TARGET_ARCH").as_deref() == Ok("wasm32") {
        println!("cargo::rustc-link-arg-cdylib=--emit-relocs");
    }
    // Only the server embeds the bundle. The browser's side makes it, and must not be rebuilt because of it.
    if env::var_os("CARGO_FEATURE_SSR").is_none() {
        return Ok(());
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
    Ok(())
}

/// `i18n.rs`, of `locales/`. With leptos_i18n's own parts: leptos_i18n_build, which is meant for this, would bring along
/// all of ICU's data, for formats that are not used here.
fn make_words() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=locales");
    // Words with something to fill in can become plain strings.
    let options = ParseOptions::new().interpolate_display(true);
    let config = Config::new("en")?.add_locale("pt-BR")?.parse_options(options);
    let code = leptos_i18n_codegen::gen_code(&parse_locales(None, config)?, None, true, None, false)?;
    fs::write(Path::new(&env::var("OUT_DIR")?).join("i18n.rs"), code.to_string())?;
    Ok(())
}
