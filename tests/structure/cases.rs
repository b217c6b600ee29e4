//! Small wrong inputs: each rule must be able to fail, and what looks alike and is right must pass.

use crate::rules::check;
use crate::scan::Source;
use crate::{Finding, pages};

/// What the rules say about one file, as `line: what`; the opening comment is given.
fn say(path: &str, code: &str) -> Vec<String> {
    let files = [(path.to_owned(), format!("//! Here.\n{code}"))];
    check(&files).iter().map(|found| format!("{}: {}", found.line, found.what)).collect()
}

/// `code` at `path` breaks one rule, at `line` (the opening comment is line 1), and the finding says `words`.
fn refused(path: &str, code: &str, line: usize, words: &str) {
    let said = say(path, code);
    let fits = said.len() == 1 && said[0].starts_with(&format!("{line}: ")) && said[0].contains(words);
    assert!(fits, "{path}: `{code}` should be refused at line {line} with `{words}`, but: {said:#?}");
}

fn passes(path: &str, code: &str) {
    assert_eq!(say(path, code), [""; 0], "{path}: `{code}`");
}

#[test]
fn arrows_go_down_only() {
    for (path, code, line, words) in [
        ("src/model/x.rs", "use crate::store::Tx;", 2, "`model` (L1) names `store` (L2)"),
        ("src/model/x.rs", "fn f() -> crate::engine::Step {}", 2, "`model` (L1) names `engine` (L3)"),
        ("src/store/x.rs", "use crate::{\n    model::id,\n    engine::{Effect, Handle},\n};", 4, "names `engine`"),
        ("src/engine/x.rs", "use super::super::driver::turn;", 2, "`engine` (L3) names `driver` (L5)"),
        ("src/engine/x.rs", "mod a { use super::super::super::api::x; }", 2, "names `api`"),
        ("src/runner/x.rs", "use crate::hooks::send;", 2, "sibling `hooks` on L4"),
        ("src/api.rs", "use crate::runner;", 2, "sibling `runner` on L4"),
        ("src/query.rs", "use crate::engine::Handle;", 2, "sibling `engine` on L3"),
        ("src/store.rs", "use crate::files::read;", 2, "sibling `files` on L2"),
        ("src/clock.rs", "use crate::store::x;", 2, "sibling `store` on L2"),
        ("src/sim.rs", "use crate::driver::x;", 2, "sibling `driver` on L5"),
        ("src/wire.rs", "use crate::Wild;", 2, "`crate::Wild` is on no floor"),
        ("src/wire.rs", "macro_rules! m { () => { $crate::api::x() } }", 2, "names `api`"),
        ("src/novel.rs", "", 1, "`novel` has no floor"),
    ] {
        refused(path, code, line, words);
    }
    passes("src/store/x.rs", "use crate::{clock, environment::var, model::{id::RunId, time}};\nuse super::open;");
    passes("src/cli/x.rs", "use crate::{ctl, daemon::Words};\nfn f() { crate::print::data(\"crate::nothing\") }");
    passes("src/engine/x.rs", "// crate::api::x\n/* crate::api */ use self::y::z;\nuse crate::engine::{self, pass};");
    passes("src/model/x.rs", "fn f() { crate::pages::hold(r#\"crate::api::\"x\"#) }\nmod tests { use super::*; }");
    passes("src/sim.rs", "fn f() { crate::seed!() }");
    passes("src/lib.rs", "pub use crate::driver::x;");
}

#[test]
fn the_lower_floors_are_pure() {
    for (path, code, words) in [
        ("src/model/x.rs", "use std::fs::File;", "std::fs::File"),
        ("src/model/x.rs", "use std::{fmt, net::IpAddr};", "std::net"),
        ("src/model.rs", "use std::time::SystemTime;", "SystemTime"),
        ("src/model/x.rs", "use tokio::sync::watch;", "tokio"),
        ("src/model/x.rs", "fn f(_: &rusqlite::Connection) {}", "rusqlite"),
        ("src/engine/x.rs", "fn f() { g.await }", "async code"),
        ("src/engine/x.rs", "async fn f() {}", "async code"),
        ("src/engine.rs", "use tokio::net::TcpStream;", "tokio::net"),
        ("src/engine/x.rs", "use crate::{clock, model};", "crate::clock"),
    ] {
        refused(path, code, 2, words);
    }
    passes("src/engine/x.rs", "use tokio::sync::{oneshot, watch};\n/// Does not `.await`.\nfn f() {}");
    passes("src/model/x.rs", "use std::time::Duration;\nuse std::{collections::BTreeMap, fmt};");
}

#[test]
fn what_one_file_may_no_other_does() {
    for (path, code, words) in [
        ("src/driver.rs", "fn f() { std::time::Instant::now(); }", "only src/clock.rs"),
        ("src/sim.rs", "use std::time::*;\nfn f() { SystemTime::now(); }", "only src/clock.rs"),
        ("src/driver.rs", "use nix::time::{ClockId, clock_gettime};", "only src/clock.rs"),
        ("src/engine/x.rs", "fn f() { jiff::Timestamp::now(); }", "only src/clock.rs"),
        ("src/store/x.rs", "fn f() { rusqlite::Connection::open(p); }", "only src/store/sqlite/open.rs"),
        ("src/query.rs", "use SQLITE_OPEN_READ_ONLY;\nfn f() { Connection::open_in_memory(); }", "open.rs"),
        ("src/query.rs", "fn f() { Connection::open_with_flags(p, SQLITE_OPEN_READ_WRITE); }", "open.rs"),
        ("src/hooks.rs", "use std::process::Command;\nfn f() { Command::new(a); }", "only src/runner/spawn.rs"),
        ("src/secret.rs", "use std::env::{args, var_os};", "only src/environment.rs"),
        ("src/daemon.rs", "use std::env;\nfn f() { env::vars(); }", "only src/environment.rs"),
        ("src/ctl.rs", "fn f() { std::io::stdout().lock(); }", "only src/print.rs"),
        ("src/ctl.rs", "fn f() { println!(\"x\"); }", "only src/print.rs"),
        ("src/ctl.rs", "fn f() { eprintln!(\"x\"); }", "only src/print.rs"),
        (
            "src/api.rs",
            "fn f(r: R) -> u16 { match r {\nRefused::Stopping { .. } => 503,\n_ => x } }",
            "src/wire/code.rs",
        ),
    ] {
        let line = 1 + code.lines().count().min(2);
        refused(path, code, line, words);
    }
    passes("src/query.rs", "fn f() { Connection::open_with_flags(p, OpenFlags::SQLITE_OPEN_READ_ONLY); }");
    passes("src/store/sqlite/open.rs", "fn f() { Connection::open_with_flags(p, SQLITE_OPEN_READ_WRITE); }");
    passes("src/runner/spawn.rs", "fn f() { std::process::Command::new(a).stdout(Stdio::piped()); }");
    passes("src/wire/code.rs", "fn f(r: R) -> u16 { match r { Refused::Stopping => 503 } }");
    passes("src/store.rs", "#[cfg(test)]\nmod tests {\n    fn f() { Connection::open_in_memory(); println!(); }\n}");
    passes("src/print.rs", "fn f() { println!(); std::io::stdout(); }");
}

#[test]
fn names_say_something() {
    for (path, words) in [
        ("src/engine/mod.rs", "no `mod.rs`"),
        ("src/engine/util.rs", "`util` says nothing"),
        ("src/store/common/x.rs", "`common` says nothing"),
        ("tests/helpers.rs", "`helpers` says nothing"),
    ] {
        refused(path, "", 1, words);
    }
    refused("src/engine/x.rs", "mod types {}", 2, "module `types` says nothing");
    let bare = check(&[("src/engine/x.rs".to_owned(), "fn f() {}".to_owned())]);
    assert!(bare.len() == 1 && bare[0].what.contains("open the file with `//!`"), "{bare:?}");
    passes("src/engine/handle.rs", "mod common_prefix {}");
}

#[test]
fn files_and_functions_end() {
    let body = |n: usize| "    x();\n".repeat(n);
    refused("src/engine/x.rs", &format!("\nfn f() {{\n{}}}", body(69)), 3, "`f` has 71 lines");
    refused("tests/x.rs", &format!("fn f(a: [u8; 2])\nwhere\n{{\n{}}}", body(70)), 2, "has 74 lines");
    refused("src/engine/x.rs", &"// more\n".repeat(500), 500, "501 lines");
    refused("src/engine/x.rs", &format!("fn f() {{\n    // no table\n{}}}", body(70)), 2, "has 73 lines");
    passes("src/engine/x.rs", &format!("fn f() {{\n{}}}\nfn g() {{}}", body(68)));
    passes("src/engine/x.rs", &format!("fn f() {{\n    match x {{ // table\n{}}}}}", body(90)));
    passes("src/engine/x.rs", &format!("fn f() {{\n    match (x, y) {{\n        // table\n{}}}}}", body(90)));
    passes("src/engine/x.rs", &format!("fn f() {{ '{{'; \"{{\"; }}\n// }} {{\n{}", body(90)));
}

#[test]
fn nothing_is_put_off_and_no_test_is_left_to_luck() {
    for (path, code, line, words) in [
        ("src/engine/x.rs", "fn f() { todo!() }", 2, "write it"),
        ("tests/x.rs", "fn f() { unimplemented!() }", 2, "write it"),
        ("tests/x.rs", "#[test]\n#[ignore = \"slow\"]\nfn f() {}", 3, "no test is ignored"),
        ("tests/x.rs", "fn f() { std::thread::sleep(d); }", 2, "no test sleeps"),
        ("src/sim.rs", "#[cfg(test)]\nmod tests {\n    use tokio::time::sleep;\n}", 4, "no test sleeps"),
        ("src/sim.rs", "fn f() { g().unwrap() }\n#[cfg(test)]\nmod t { fn h() { g().unwrap() } }", 2, "`expect("),
        ("src/sim.rs", "#[cfg(test)]\nuse a::{b, c};\nfn f() { g().unwrap() }", 4, "`expect("),
    ] {
        refused(path, code, line, words);
    }
    passes("src/sim.rs", "/// `x.unwrap()`, todo!()\nfn f() { \"#[ignore] println!()\"; b'\"'; x.unwrap_or(1) }");
    let parent = ("src/sim.rs".to_owned(), "//! P.\n#[cfg(test)]\nmod cases;\n".to_owned());
    let child = ("src/sim/cases.rs".to_owned(), "//! C.\nfn f() { g().unwrap(); println!() }".to_owned());
    assert_eq!(check(&[parent, child.clone()]), []);
    assert_eq!(check(&[child]).len(), 2);
}

#[test]
fn paths_are_spelt_out() {
    let source = Source::new("src/a/b.rs", "use crate::{x::{self, y as z}, w};\nmod c { use super::super::q::*; }");
    let found: Vec<_> = source.paths().iter().map(|path| path.segments.join("::")).collect();
    assert_eq!(found, ["crate::x", "crate::x::y", "crate::w", "crate::a::q::*"]);
}

#[test]
fn documents_name_what_exists() {
    let exists = |path: &str| ["src/a.rs", "docs/x.md", "README.md", "docs"].contains(&path);
    let say = |found: Vec<Finding>| found.iter().map(Finding::to_string).collect::<Vec<_>>().join("\n");
    let page = |text: &str| ("A.md".to_owned(), text.to_owned());
    let architecture = |text: &str| say(pages::architecture(&page(text), "pub mod a;\n", &exists));
    assert_eq!(architecture("see `src/a.rs` and `engine::step`"), "");
    assert!(architecture("`src/a.rs`\n`src/gone.rs`").starts_with("A.md:2: `src/gone.rs` does not exist"));
    assert!(architecture("nothing").contains("the code map lacks `src/a.rs`"));
    assert!(architecture(&"`src/a.rs`\n".repeat(251)).contains("251 lines"));

    let links = |text: &str| say(pages::links(&[("docs/x.md".to_owned(), text.to_owned())], &exists));
    assert_eq!(links("# A b\n[x](../README.md) [h](https://h) [s](#a-b) [t](x.md#a-b) [up](../docs)"), "");
    assert_eq!(links("```\n[x](gone.md)\n```"), "");
    assert!(links("\n[x](gone.md)").starts_with("docs/x.md:2: the link `gone.md` leads nowhere"));
    assert!(links("# A\n[x](#b)").contains("no such heading"));
}
