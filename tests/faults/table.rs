//! The README's table and the tests belong together.

use std::fs;
use std::path::Path;

#[test]
fn every_row_of_the_table_names_tests_that_are_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let readme = fs::read_to_string(root.join("README.md")).unwrap();
    let table: Vec<&str> = readme.lines().filter(|line| line.starts_with("| ") && line.contains("`row_")).collect();
    for row in 1..=22 {
        assert!(table.iter().any(|line| line.starts_with(&format!("| {row} |"))), "the table has no row {row}");
    }
    let files = fs::read_dir(root.join("tests/faults")).unwrap().flatten();
    let tests = files.filter(|file| file.file_name() != "table.rs");
    let sources: String = tests.map(|file| fs::read_to_string(file.path()).unwrap()).collect();
    let named: Vec<&str> =
        table.iter().flat_map(|line| line.split('`')).filter(|word| word.starts_with("row_")).collect();
    for name in &named {
        assert!(sources.contains(&format!("fn {name}(")), "the table names {name}, and there is no such test");
    }
    for name in sources.split("fn row_").skip(1).map(|rest| format!("row_{}", rest.split('(').next().unwrap())) {
        assert!(named.contains(&&*name), "{name} is in no row of the table");
    }
}
