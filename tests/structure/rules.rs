//! What may not be in the code, and what to do instead. Every rule is a function from one source to its findings.

use crate::Finding;
use crate::scan::Source;

/// The floors, from the ground up. Arrows go down only.
const FLOORS: &[(u8, &[&str])] = &[
    (1, &["model"]),
    (
        2,
        &[
            "store",
            "files",
            "wire",
            "logs",
            "outbound",
            "metrics",
            "secret",
            "clock",
            "tzdb",
            "print",
            "environment",
            "plain_file",
            "failpoint",
            "account",
        ],
    ),
    (3, &["engine", "query"]),
    (4, &["runner", "request", "agent", "hooks", "api"]),
    (5, &["driver", "sim"]),
    (6, &["daemon", "local", "ctl"]),
    (7, &["cli"]),
];

/// The modules of the second floor that its other modules may name: each is one door to the machine. Everywhere else
/// siblings do not know each other; what two of them need goes down a floor, or is handed to them from above.
const DOORS: &[&str] = &["account", "clock", "environment", "failpoint", "plain_file", "print", "secret", "tzdb"];

/// The crate's root, its binary and the holder of generated pages stand outside the floors.
const OUTSIDE: &[&str] = &["src/lib.rs", "src/main.rs", "src/pages.rs"];

const FORBIDDEN_NAMES: &[&str] =
    &["util", "utils", "common", "helper", "helpers", "core", "types", "manager", "handler", "service", "misc", "mod"];

const MAX_FILE_LINES: usize = 500;
const MAX_FUNCTION_LINES: usize = 70;

/// A power that one file has.
struct One {
    /// Paths that use it.
    uses: &'static [&'static str],
    /// Who has it.
    file: &'static str,
    /// What everybody else does.
    instead: &'static str,
    /// Test code is held to it too.
    in_tests: bool,
}

const ONES: &[One] = &[
    One {
        uses: &[
            "SystemTime::now",
            "Instant::now",
            "Timestamp::now",
            "Zoned::now",
            "Utc::now",
            "Local::now",
            "clock_gettime",
        ],
        file: "src/clock.rs",
        instead: "take `now` as an argument, or let `driver` ask `clock`",
        in_tests: true,
    },
    One {
        uses: &["Connection::open*"],
        file: "src/store/sqlite/open.rs",
        instead: "ask `store` for a connection; only `query` may open one itself, read-only",
        in_tests: false,
    },
    One {
        uses: &["Command::new", "posix_spawn*", "unistd::fork"],
        file: "src/runner/spawn.rs",
        instead: "let `runner::spawn` start it",
        in_tests: false,
    },
    One {
        uses: &["unistd::exec*"],
        file: "src/runner/shim.rs",
        instead: "let `runner::spawn` start it; only what becomes a task's program replaces itself",
        in_tests: false,
    },
    One {
        uses: &["env::var*", "env::set_var", "env::remove_var"],
        file: "src/environment.rs",
        instead: "ask `environment`, or better, take the value as an argument",
        in_tests: true,
    },
    One {
        uses: &["io::stdout", "anstream::stdout"],
        file: "src/print.rs",
        instead: "return the text; `print::data` writes it",
        in_tests: false,
    },
];

/// All findings in these files, each a path below the project and its text.
pub(crate) fn check(files: &[(String, String)]) -> Vec<Finding> {
    let mut sources: Vec<_> = files.iter().map(|(path, text)| Source::new(path, text)).collect();
    let tests: Vec<_> = sources.iter().flat_map(|source| source.test_modules.clone()).collect();
    for source in &mut sources {
        let stem = source.path.trim_end_matches(".rs");
        if tests.iter().any(|test| stem == test || stem.starts_with(&format!("{test}/"))) {
            source.make_test();
        }
    }
    let rules = [names, sizes, words, floors, purity, ones, maps_errors];
    let mut found: Vec<_> = sources.iter().flat_map(|source| rules.iter().flat_map(|rule| rule(source))).collect();
    found.dedup();
    found
}

impl Source {
    fn finding(&self, line: usize, what: impl Into<String>) -> Finding {
        Finding { path: self.path.clone(), line, what: what.into() }
    }

    fn in_src(&self) -> bool {
        self.path.starts_with("src/")
    }
}

fn floor(module: &str) -> Option<u8> {
    FLOORS.iter().find(|(_, modules)| modules.contains(&module)).map(|(floor, _)| *floor)
}

/// Files and modules are named after a noun or a verb, and every file says what it owns.
fn names(source: &Source) -> Vec<Finding> {
    let mut found = Vec::new();
    if !source.text.starts_with("//!") {
        found.push(source.finding(1, "open the file with `//!`: what it owns, what it refuses to own, its invariant"));
    }
    for part in source.path.trim_end_matches(".rs").split('/') {
        if part == "mod" {
            found.push(source.finding(1, "no `mod.rs`: name the file after its module and put it beside the folder"));
        } else if FORBIDDEN_NAMES.contains(&part) {
            found.push(source.finding(1, format!("`{part}` says nothing: name it after its main type or verb")));
        }
    }
    for pair in source.tokens().windows(2) {
        if pair[0].text == "mod" && FORBIDDEN_NAMES.contains(&pair[1].text) {
            let what = format!("module `{}` says nothing: name it after its main type or verb", pair[1].text);
            found.push(source.finding(source.line(pair[0].at), what));
        }
    }
    found
}

/// Files end at 500 lines, functions at 70 unless they are a table.
fn sizes(source: &Source) -> Vec<Finding> {
    let mut found = Vec::new();
    let lines: Vec<_> = source.text.lines().collect();
    let code: Vec<_> = source.code.lines().collect();
    if lines.len() > MAX_FILE_LINES {
        let what = format!("{} lines; at {MAX_FILE_LINES} a file is split by noun or verb", lines.len());
        found.push(source.finding(MAX_FILE_LINES, what));
    }
    let is_table = |at: usize| {
        let marked = lines[at].contains("// table") && !code[at].contains("table");
        marked && code[at.saturating_sub(1)..=at].iter().any(|line| line.split(' ').any(|word| word == "match"))
    };
    for function in source.functions() {
        let n_lines = function.last - function.first + 1;
        if n_lines > MAX_FUNCTION_LINES && !(function.first - 1..function.last).any(is_table) {
            let what = format!(
                "`{}` has {n_lines} lines; at {MAX_FUNCTION_LINES} a function is split, unless it is one `match` \
                 marked `// table`",
                function.name
            );
            found.push(source.finding(function.first, what));
        }
    }
    found
}

/// Words that promise later, hide failure, print past `print`, or make a test a matter of luck.
fn words(source: &Source) -> Vec<Finding> {
    let tokens = source.tokens();
    let mut found = Vec::new();
    for (i, token) in tokens.iter().enumerate() {
        let next = |n: usize| tokens.get(i + n).map_or("", |token| token.text);
        let is_test = source.is_test(token.at);
        let what = match (token.text, next(1)) {
            ("todo" | "unimplemented", "!") => "write it, or leave it out and say so in CHANGELOG.md",
            ("unwrap", "(") if next(2) == ")" && !is_test => "`expect(\"because …\")` states the invariant, or `?`",
            ("print" | "println" | "eprint" | "eprintln" | "dbg", "!") if !is_test && source.path != "src/print.rs" => {
                "only src/print.rs prints: return the text, or call `print::data` or `print::talk`"
            }
            ("#", "[") if next(2) == "ignore" => "no test is ignored: mend it or delete it",
            _ => continue,
        };
        found.push(source.finding(source.line(token.at), what));
    }
    for path in source.paths() {
        if source.is_test(path.at) && (path.has("thread::sleep*") || path.has("time::sleep*")) {
            found.push(source.finding(source.line(path.at), "no test sleeps: wait for the event, or simulate"));
        }
    }
    found
}

/// A file names only lower floors and its own module.
fn floors(source: &Source) -> Vec<Finding> {
    let mut found = Vec::new();
    if !source.in_src() || OUTSIDE.contains(&source.path.as_str()) {
        return found;
    }
    let module = source.module();
    let own = module[0].as_str();
    let Some(height) = floor(own) else {
        return vec![source.finding(1, format!("`{own}` has no floor: give it one in tests/structure/rules.rs"))];
    };
    let tokens = source.tokens();
    for path in source.paths().iter().filter(|path| path.segments[0] == "crate" && path.segments.len() > 1) {
        let other = path.segments[1].as_str();
        let is_macro = path.segments.len() == 2
            && tokens.iter().skip_while(|token| token.at <= path.at).nth(2).is_some_and(|token| token.text == "!");
        if other == own || other == "pages" || is_macro {
            continue;
        }
        let what = match floor(other) {
            Some(there) if there < height => continue,
            Some(2) if height == 2 && DOORS.contains(&other) => continue,
            Some(there) if there == height => format!(
                "`{own}` names its sibling `{other}` on L{height}: move what both need down a floor, or let the floor \
                 above hand it over"
            ),
            Some(there) => format!(
                "`{own}` (L{height}) names `{other}` (L{there}): arrows go down only; take it as an argument, or move \
                 this up"
            ),
            None => format!("`crate::{other}` is on no floor: name the module that it comes from"),
        };
        found.push(source.finding(source.line(path.at), what));
    }
    found
}

/// `model` knows only its arguments; `engine` waits for nothing and asks nobody.
fn purity(source: &Source) -> Vec<Finding> {
    let model = &["std::fs", "std::net", "std::process", "std::env", "std::thread", "SystemTime", "tokio", "rusqlite"];
    let engine =
        &["crate::clock", "tokio::net", "tokio::time", "tokio::task", "std::net", "std::process", "SystemTime"];
    let (forbidden, instead): (&[&str], _) = match source.path.trim_start_matches("src/").split(['/', '.']).next() {
        Some("model") => (model, "`model` knows no clock, IO, async or SQL: take the value as an argument"),
        Some("engine") => (engine, "`engine` knows no clock and no network: take `now`, return an effect"),
        _ => return Vec::new(),
    };
    if !source.in_src() {
        return Vec::new();
    }
    let mut found = Vec::new();
    for path in source.paths() {
        // `std::time::SystemTime` may be hidden below a group; a crate's name counts only at the front.
        let hit = |pattern: &&str| match *pattern {
            "tokio" | "rusqlite" => path.segments[0] == *pattern,
            pattern => path.has(pattern),
        };
        if forbidden.iter().any(hit) {
            found.push(source.finding(source.line(path.at), format!("`{}`: {instead}", path.segments.join("::"))));
        }
    }
    for pair in source.tokens().windows(2) {
        if (pair[0].text == "." && pair[1].text == "await") || pair[0].text == "async" {
            found.push(source.finding(source.line(pair[0].at), format!("async code: {instead}")));
        }
    }
    found
}

/// One file reads the clock, one opens the database, one starts processes, one reads the environment, one prints.
fn ones(source: &Source) -> Vec<Finding> {
    let mut found = Vec::new();
    if !source.in_src() {
        return found;
    }
    let reads_only = source.path.trim_start_matches("src/").starts_with("query")
        && source.code.contains("SQLITE_OPEN_READ_ONLY")
        && !source.code.contains("SQLITE_OPEN_READ_WRITE");
    for path in source.paths() {
        for one in ONES.iter().filter(|one| one.file != source.path) {
            let hit = one.uses.iter().any(|pattern| path.has(pattern));
            let is_read = reads_only && path.has("Connection::open_with_flags*");
            if hit && !is_read && (one.in_tests || !source.is_test(path.at)) {
                let what = format!("`{}`: only {} may; {}", path.segments.join("::"), one.file, one.instead);
                found.push(source.finding(source.line(path.at), what));
            }
        }
    }
    found
}

/// One table maps refusals to exit codes and statuses. Judged by its look: an arm from `Refused::…` to a number.
fn maps_errors(source: &Source) -> Vec<Finding> {
    let mut found = Vec::new();
    if !source.in_src() || source.path == "src/wire/code.rs" {
        return found;
    }
    for (index, line) in source.code.lines().enumerate() {
        let arm = line.split_once("=>").filter(|(pattern, _)| pattern.contains("Refused::"));
        let to_number = |(_, value): (&str, &str)| value.trim_start().starts_with(|c: char| c.is_ascii_digit());
        if arm.is_some_and(to_number) {
            found.push(source.finding(index + 1, "only src/wire/code.rs maps refusals to numbers: ask it"));
        }
    }
    found
}
