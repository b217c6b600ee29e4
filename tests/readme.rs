//! The job files that the pages show are job files: each block marked `toml` is given to the real `campanile check`.
//! A part of a file is shown as `toml fragment` and is left alone. What README tells to type is typed: its daemon is
//! started and its questions are asked, by the real binary in place of `cargo run`.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a test that panics has failed, and says so"
)]

#[allow(dead_code, reason = "each test uses what it needs of it")]
#[path = "world/world.rs"]
mod world;

use std::path::{Path, PathBuf};
use std::process::Command;

use world::{Daemon, World, said};

fn pages() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let guide = std::fs::read_dir(root.join("docs/guide")).expect("because the guide exists");
    let mut pages: Vec<_> = guide.map(|entry| entry.expect("because it can be listed").path()).collect();
    pages.retain(|page| page.extension().is_some_and(|extension| extension == "md"));
    pages.push(root.join("README.md"));
    pages.sort();
    pages
}

/// The blocks of a page in that language, each with the line it begins at.
fn blocks(page: &str, language: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let mut open: Option<(usize, bool, String)> = None;
    for (index, line) in page.lines().enumerate() {
        match (&mut open, line.strip_prefix("```")) {
            (None, Some(word)) => open = Some((index + 2, word == language, String::new())),
            (None, None) => {}
            (Some((_, _, text)), None) => {
                text.push_str(line);
                text.push('\n');
            }
            (Some(_), Some(_)) => found.extend(open.take().filter(|open| open.1).map(|open| (open.0, open.2))),
        }
    }
    found
}

#[test]
fn every_job_file_that_a_page_shows_is_one() {
    let folder = tempfile::tempdir().expect("because there is room for a folder");
    let mut wrong = Vec::new();
    let mut n_blocks = 0;
    for page in pages() {
        let text = std::fs::read_to_string(&page).expect("because the page was listed");
        for (line, block) in blocks(&text, "toml") {
            n_blocks += 1;
            // `check` knows the configuration by its name.
            let is_config = block.starts_with("# campanile.toml\n");
            let file = if is_config { "campanile.toml".to_owned() } else { format!("block-{n_blocks}.toml") };
            let file = folder.path().join(file);
            std::fs::write(&file, block).expect("because the folder is ours");
            #[expect(clippy::disallowed_methods, reason = "a black-box test starts the binary")]
            let mut check = Command::new(env!("CARGO_BIN_EXE_campanile"));
            let said = check.arg("check").arg(&file).output().expect("because the binary was built");
            if !said.status.success() {
                let [out, err] = [said.stdout, said.stderr].map(|text| String::from_utf8_lossy(&text).into_owned());
                wrong.push(format!("{}:{line}: {}\n{out}{err}", page.display(), said.status));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(n_blocks >= 3, "the pages show {n_blocks} job files; are they still marked `toml`?");
}

#[test]
fn only_whole_toml_blocks_are_taken() {
    let page = "a\n```toml\nx = 1\ny = 2\n```\n```sh\nls\n```\n```toml fragment\nz = 3\n```\n";
    assert_eq!(blocks(page, "toml"), [(3, "x = 1\ny = 2\n".to_owned())]);
}

#[test]
fn what_the_readme_tells_to_type_works() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let readme = std::fs::read_to_string(root.join("README.md")).unwrap();
    let world = World::new();
    std::fs::create_dir(world.path("jobs.d")).unwrap();
    for job in std::fs::read_dir(root.join("jobs.d")).unwrap() {
        let job = job.unwrap();
        std::fs::copy(job.path(), world.path("jobs.d").join(job.file_name())).unwrap();
    }
    let mut daemon = None;
    let mut verbs = Vec::new();
    let typed = blocks(&readme, "sh");
    for line in typed.iter().flat_map(|(_, block)| block.lines()) {
        let words: Vec<&str> = line.split_whitespace().collect();
        let Some(at) = words.iter().position(|word| *word == "--") else {
            assert_eq!(line, "cargo test", "a line of the README that nobody tries");
            continue;
        };
        assert!(matches!(words[..at], ["cargo", "run"] | ["cargo", "run", "-q"]), "{line}");
        let mut command = world.campanile();
        command.args(&words[at + 1..]);
        if words[at + 1] == "daemon" {
            daemon.insert(Daemon::spawn(command)).until(" ready ");
        } else {
            said(command).with(0);
            verbs.push(words[at + 4]);
        }
    }
    assert_eq!(verbs, ["status", "start", "runs"]);
    assert_eq!(daemon.map(Daemon::stop), Some(0));
}
