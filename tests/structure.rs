//! The rules of the house that a machine can judge, held over the text of the project.
//!
//! `scan` reads Rust well enough to know code from strings, comments and tests, and to spell out every path that a `use`
//! tree or an expression names. `rules` says what may not be, and what to do instead. `pages` holds the documents to the
//! tree. `cases` feeds the rules small wrong inputs, so that each of them is known to be able to fail.
//!
//! It is no compiler: an alias or a macro can hide from it. It is there for the honest mistake.

#[path = "structure/cases.rs"]
mod cases;
#[path = "structure/pages.rs"]
mod pages;
#[path = "structure/rules.rs"]
mod rules;
#[path = "structure/scan.rs"]
mod scan;

use std::fmt;
use std::path::{Path, PathBuf};

/// One place that breaks a rule, and what to do about it.
#[derive(Debug, PartialEq, Eq)]
struct Finding {
    path: String,
    line: usize,
    what: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.path, self.line, self.what)
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every file below `folder` with that extension, sorted; hidden folders and build products aside.
fn files(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let Ok(entries) = std::fs::read_dir(folder) else { return found };
    for entry in entries {
        let path = entry.expect("because the folder can be listed").path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_dir() {
            if !name.starts_with('.') && name != "target" {
                found.extend(files(&path, extension));
            }
        } else if path.extension().is_some_and(|found| found == extension) {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// The path below the project, and the text.
fn read(path: &Path) -> (String, String) {
    let name = path.strip_prefix(root()).expect("because it was found below the root").display().to_string();
    (name, std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display())))
}

fn sources() -> Vec<(String, String)> {
    ["src", "tests", "benches"].iter().flat_map(|folder| files(&root().join(folder), "rs")).map(|p| read(&p)).collect()
}

fn hold(found: &[Finding]) {
    let list: Vec<_> = found.iter().map(Finding::to_string).collect();
    assert!(list.is_empty(), "{} places break a rule:\n{}\n", list.len(), list.join("\n"));
}

#[test]
fn the_code_keeps_the_rules_of_the_house() {
    hold(&rules::check(&sources()));
}

#[test]
fn the_architecture_page_names_what_exists_and_all_of_it() {
    let page = read(&root().join("ARCHITECTURE.md"));
    let (_, lib) = read(&root().join("src/lib.rs"));
    hold(&pages::architecture(&page, &lib, &|path| root().join(path).exists()));
}

#[test]
fn every_relative_link_of_a_page_leads_somewhere() {
    let all: Vec<_> = files(root(), "md").iter().map(|path| read(path)).collect();
    hold(&pages::links(&all, &|path| root().join(path).exists()));
}
