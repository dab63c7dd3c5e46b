//! Holds the house's rules by reading the sources: who may import whom, where a side of the code begins, and how long a
//! file may be. `ARCHITECTURE.md` says why.

use std::fs;
use std::path::{Path, PathBuf};

/// Which of our modules a module's code may name. The longest path that fits a file counts.
const MAY_IMPORT: &[(&str, &[&str])] = &[
    ("domain", &["domain"]),
    ("api", &["api", "domain", "server"]),
    ("ui", &["ui", "api", "domain"]),
    ("client", &["client", "domain"]),
    ("server/store", &["server::store", "domain"]),
    ("server/process", &["server::process", "domain"]),
    ("server/git", &["server::git", "server::process", "domain"]),
    ("server/secrets", &["server::secrets"]),
    ("server/agents", &["server::agents", "server::process", "server::secrets", "domain"]),
    (
        "server/engine",
        &[
            "server::engine",
            "server::store",
            "server::agents",
            "server::git",
            "server::process",
            "server::secrets",
            "server::now",
            "domain",
        ],
    ),
];

/// Where `cfg(feature …)` may stand: where a side begins. Folders end in a slash.
const SIDES_BEGIN: &[&str] = &["lib.rs", "api/failure.rs", "domain/", "ui/hooks/"];

/// No file is longer.
const LINES_MAX: usize = 500;

#[test]
fn modules_import_only_what_lies_below_them() {
    let mut faults = vec![];
    for source in sources() {
        let Some((module, allowed)) =
            MAY_IMPORT.iter().filter(|(module, _)| source.is_in(module)).max_by_key(|(module, _)| module.len())
        else {
            continue;
        };
        for (number, line) in source.code() {
            for import in imports(line) {
                let is_allowed = allowed.iter().any(|path| import == *path || import.starts_with(&format!("{path}::")));
                if !is_allowed {
                    faults.push(format!("{}:{number}: {module} names crate::{import}", source.path));
                }
            }
        }
    }
    assert_none(faults);
}

#[test]
fn server_functions_name_the_server_in_their_bodies_only() {
    let mut faults = vec![];
    for source in sources().filter(|source| source.is_in("api")) {
        for (number, line) in source.code() {
            if line.starts_with("use crate::server") || line.starts_with("pub use crate::server") {
                faults.push(format!("{}:{number}: {line}", source.path));
            }
        }
    }
    assert_none(faults);
}

#[test]
fn only_the_process_module_and_those_it_serves_start_processes() {
    // HTTP records what is wanted; the engine does it.
    let may_start = ["server/process", "server/git", "server/agents", "server/engine", "client"];
    let mut faults = vec![];
    for source in sources().filter(|source| !may_start.iter().any(|module| source.is_in(module))) {
        for (number, line) in source.code() {
            if ["tokio::process", "std::process::Command", "process::Command"].iter().any(|name| line.contains(name)) {
                faults.push(format!("{}:{number}: {}", source.path, line.trim()));
            }
        }
    }
    assert_none(faults);
}

#[test]
fn the_engine_and_what_is_below_it_know_nothing_of_http() {
    let below = ["domain", "server/store", "server/process", "server/git", "server/agents", "server/engine"];
    let mut faults = vec![];
    for source in sources().filter(|source| below.iter().any(|module| source.is_in(module))) {
        for (number, line) in source.code() {
            if ["axum::", "leptos", "http::Status", "tower_http"].iter().any(|name| line.contains(name)) {
                faults.push(format!("{}:{number}: {}", source.path, line.trim()));
            }
        }
    }
    assert_none(faults);
}

#[test]
fn sql_is_the_stores_alone() {
    let mut faults = vec![];
    for source in sources().filter(|source| !source.is_in("server/store")) {
        for (number, line) in source.code() {
            if line.contains("sqlx::") {
                faults.push(format!("{}:{number}: {}", source.path, line.trim()));
            }
        }
    }
    assert_none(faults);
}

#[test]
fn every_write_goes_through_the_proof_of_the_right_to_write() {
    let may_go_round = ["server/store/connection.rs", "server/store/lease.rs", "server/store/owner.rs"];
    let mut faults = vec![];
    for source in sources().filter(|source| !may_go_round.contains(&&*source.path)) {
        for (number, line) in source.code() {
            if line.contains("begin_unproven") || line.contains("connection.writer") || line.contains(".writer()") {
                faults.push(format!("{}:{number}: {}", source.path, line.trim()));
            }
        }
    }
    assert_none(faults);
}

#[test]
fn a_side_is_chosen_only_where_it_begins() {
    let mut faults = vec![];
    for source in sources().filter(|source| !SIDES_BEGIN.iter().any(|place| source.path.starts_with(place))) {
        for (number, line) in source.code() {
            if line.contains("cfg(feature") || line.contains("cfg_attr(feature") || line.contains("cfg!(feature") {
                faults.push(format!("{}:{number}: {}", source.path, line.trim()));
            }
        }
    }
    assert_none(faults);
}

#[test]
fn every_module_opens_with_what_it_is_for() {
    let faults = sources().filter(|source| !source.text.starts_with("//! ")).map(|source| source.path).collect();
    assert_none(faults);
}

#[test]
fn no_file_is_too_long_to_hold_in_mind() {
    let count = |source: &Source| source.text.lines().count();
    let faults = sources().filter(|source| count(source) > LINES_MAX);
    assert_none(faults.map(|source| format!("{}: {} lines", source.path, count(&source))).collect());
}

#[test]
fn no_name_says_nothing() {
    let empty = ["util", "utils", "common", "manager", "service", "helper", "helpers", "misc"];
    let says_nothing = |source: &Source| source.path.split(['/', '.']).any(|part| empty.contains(&part));
    assert_none(sources().filter(says_nothing).map(|source| source.path).collect());
}

struct Source {
    /// From `src/`, with slashes.
    path: String,
    text: String,
}

impl Source {
    /// Whether this is the file of `module` (`server/store`), or lies in its folder.
    fn is_in(&self, module: &str) -> bool {
        self.path.strip_prefix(module).is_some_and(|rest| rest == ".rs" || rest.starts_with('/'))
    }

    /// Numbered lines, less comments and less the unit tests at the file's end.
    fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        let lines = self.text.lines().enumerate().map(|(index, line)| (index + 1, line));
        lines.take_while(|(_, line)| *line != "#[cfg(test)]").filter(|(_, line)| !line.trim_start().starts_with("//"))
    }
}

fn sources() -> impl Iterator<Item = Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut paths = vec![];
    collect(&root, &mut paths);
    paths.sort();
    assert!(paths.len() > 10, "the sources are not where they were: {}", root.display());
    paths.into_iter().map(move |path| Source {
        path: path.strip_prefix(&root).unwrap().to_string_lossy().replace('\\', "/"),
        text: fs::read_to_string(&path).unwrap(),
    })
}

fn collect(folder: &Path, paths: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, paths);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            paths.push(path);
        }
    }
}

/// The paths of ours that a line names after `crate::`, a braced list as one path a branch:
/// `crate::server::{App, store}` names `server::App` and `server::store`.
fn imports(line: &str) -> Vec<String> {
    let mut found = vec![];
    for (start, _) in line.match_indices("crate::") {
        let rest = &line[start + "crate::".len()..];
        // `$crate::` is a macro's way to name its own module, and `some_crate::` is none of ours.
        if line[..start].ends_with(|before: char| before.is_alphanumeric() || before == '_' || before == '$') {
            continue;
        }
        let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_' && c != ':').unwrap_or(rest.len());
        let path = rest[..end].trim_end_matches("::");
        match rest[end..].strip_prefix('{').and_then(|list| list.split('}').next()) {
            Some(list) => {
                let prefix = if path.is_empty() { String::new() } else { format!("{path}::") };
                found.extend(
                    list.split(',').map(|branch| format!("{prefix}{}", branch.trim())).filter(|path| !path.is_empty()),
                );
            }
            None => found.push(path.to_owned()),
        }
    }
    found
}

fn assert_none(faults: Vec<String>) {
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

#[test]
fn imports_are_read_from_a_line() {
    assert_eq!(imports("use crate::domain::Card;"), ["domain::Card"]);
    assert_eq!(imports("use crate::server::{App, store::Store};"), ["server::App", "server::store::Store"]);
    assert_eq!(imports("let app = expect_context::<crate::server::App>();"), ["server::App"]);
    assert_eq!(imports("$crate::domain::stage, other_crate::x"), Vec::<String>::new());
}
