//! The guide is done as it is written: each page in a folder of its own, with the real binary.
//!
//! - A block marked `toml` whose first line is `# PATH` is saved there, and so is a `toml wrong`, which is no good file.
//! - A block marked `sh` is typed, line by line in a shell that stops at the first failure; variables and the current
//!   folder live on in the next block. One that starts with `campanile daemon` is typed in another terminal, which
//!   knows nothing of the variables of the first; the next block waits until that daemon is ready.
//! - A block marked `text` shows what the block before it writes, both streams together. `…` stands for any characters
//!   of a line, and for any lines where it stands alone; runs of blanks are one. A last line `[exit 7]` shows the exit
//!   code, which is 0 otherwise.
//! - `sh until` is typed again until it writes what is shown: for what somebody would look at twice.
//! - `sh elsewhere` needs root or another program, and is not typed.

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "a test that panics has failed, and says so")]

#[allow(dead_code, reason = "each test uses what it needs of it")]
#[path = "guide/page.rs"]
mod page;
#[path = "guide/terminal.rs"]
mod terminal;
#[allow(dead_code, reason = "each test uses what it needs of it")]
#[path = "world/world.rs"]
mod world;

use std::path::{Path, PathBuf};

use page::Block;
use terminal::Terminal;

fn pages() -> Vec<PathBuf> {
    let guide = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/guide");
    let mut pages: Vec<_> = std::fs::read_dir(guide).unwrap().map(|entry| entry.unwrap().path()).collect();
    pages.retain(|page| page.extension().is_some_and(|extension| extension == "md"));
    pages.sort();
    pages
}

/// Does what the page says. Every problem names the line of the page.
#[track_caller]
fn follow(name: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/guide").join(name);
    let blocks = page::blocks(&std::fs::read_to_string(&path).unwrap());
    let mut terminal = Terminal::new();
    let mut n_typed = 0;
    for (index, block) in blocks.iter().enumerate() {
        let place = format!("docs/guide/{name}:{}", block.line);
        let shown = blocks.get(index + 1).filter(|next| next.info == "text").map(|next| next.text.as_str());
        match block.info.as_str() {
            "toml" | "toml wrong" => {
                if let Some(path) = block.path() {
                    terminal.save(path, &block.text);
                }
            }
            "sh" if block.text.starts_with("campanile daemon") => terminal.daemon(&place, &block.text),
            "sh" => terminal.typed(&place, &block.text, shown),
            "sh until" => terminal.typed_until(&place, &block.text, shown.expect("because it waits for something")),
            "sh elsewhere" | "text" | "toml fragment" | "json" | "yaml" | "lua" | "elisp" => {}
            other => panic!("{place}: nobody knows what to do with a block marked `{other}`"),
        }
        n_typed += usize::from(block.info.starts_with("sh"));
    }
    assert!(n_typed > 0, "{name} shows nothing to type");
    terminal.close();
}

/// Pages that are explanations, or need root: every block of a shell in them is marked `sh elsewhere`.
const READ: &[&str] = &["command-line.md", "service.md"];

/// One test for each page that is done.
macro_rules! done {
    ($($test:ident: $page:literal),* $(,)?) => {
        const DONE: &[&str] = &[$($page),*];
        $(#[test] fn $test() { follow($page); })*
    };
}

done! {
    a_first_job: "first-job.md",
    an_ad_hoc_task_is_submitted_and_waited_for: "submit.md",
    a_run_that_did_not_happen_is_explained: "why.md",
    a_wrong_edit_is_noticed_and_mended: "mistake.md",
    files_are_edited_with_a_schema: "editing.md",
    a_crontab_becomes_one_file: "crontab.md",
    a_workflow_is_given_its_day: "etl.md",
    a_change_is_rehearsed_before_it_goes_live: "rehearse.md",
}

#[test]
fn every_page_of_the_guide_is_done_or_is_to_be_read() {
    for path in pages() {
        let name = path.file_name().unwrap().to_str().unwrap();
        let homes = [DONE, READ].iter().filter(|list| list.contains(&name)).count();
        assert_eq!(homes, 1, "{name} must be in one of `done!` and `READ`");
        let blocks = page::blocks(&std::fs::read_to_string(&path).unwrap());
        let is_typed = |block: &Block| block.info == "sh" || block.info == "sh until";
        assert!(!READ.contains(&name) || !blocks.iter().any(is_typed), "{name} is not typed by this test");
    }
}

#[test]
fn an_ellipsis_stands_for_what_differs() {
    for (shown, written, fits) in [
        ("a\n", "a\n", true),
        ("a  b\n", "a b\n", true),
        ("a … c\n", "a b b c\n", true),
        ("a … c\n", "a b b\n", false),
        ("…\nb\n", "x\ny\nb\n", true),
        ("…\nb\n", "b\n", true),
        ("a\n…\n", "a\n", true),
        ("a.c\n", "abc\n", false),
        ("a\n", "a\nb\n", false),
        ("run 0193…\n", "run 0193a7c4\n", true),
    ] {
        assert_eq!(terminal::fits(shown, written), fits, "{shown:?} {written:?}");
    }
}
