//! What the documents may not say: names that are not there, links that lead nowhere, and too much.

use std::path::{Component, Path, PathBuf};

use crate::Finding;

const MAX_ARCHITECTURE_LINES: usize = 250;

/// Folders whose paths the architecture page may name only if they exist.
const CHECKED: &[&str] = &["src/", "tests/", "migrations/", "docs/", "benches/", "systemd/"];

/// The architecture page is short, names only paths that exist, and shows every module of `lib`.
pub(crate) fn architecture(page: &(String, String), lib: &str, exists: &dyn Fn(&str) -> bool) -> Vec<Finding> {
    let (path, text) = page;
    let finding = |line, what| Finding { path: path.clone(), line, what };
    let mut found = Vec::new();
    let n_lines = text.lines().count();
    if n_lines > MAX_ARCHITECTURE_LINES {
        found.push(finding(MAX_ARCHITECTURE_LINES, format!("{n_lines} lines: move detail to the file it is about")));
    }
    for (line, name) in quoted(text) {
        if CHECKED.iter().any(|folder| name.starts_with(folder)) && !exists(name) {
            found.push(finding(line, format!("`{name}` does not exist: say what is there now")));
        }
    }
    for module in lib.lines().filter_map(|line| line.strip_prefix("pub mod ")).map(|rest| rest.trim_end_matches(';')) {
        let shown = quoted(text).any(|(_, name)| {
            let rest = name.strip_prefix("src/").and_then(|name| name.strip_prefix(module));
            rest.is_some_and(|rest| rest == ".rs" || rest.starts_with('/'))
        });
        if !shown {
            found.push(finding(n_lines, format!("the code map lacks `src/{module}.rs`")));
        }
    }
    found
}

/// What stands between backticks, with its line.
fn quoted(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines().enumerate().flat_map(|(index, line)| line.split('`').skip(1).step_by(2).map(move |q| (index + 1, q)))
}

/// Every relative link of `pages` leads to something that exists; one into a page leads to one of its headings.
pub(crate) fn links(pages: &[(String, String)], exists: &dyn Fn(&str) -> bool) -> Vec<Finding> {
    let mut found = Vec::new();
    for (path, text) in pages {
        for (line, target) in targets(text) {
            if target.contains("://") || target.starts_with("mailto:") {
                continue;
            }
            let (file, heading) = target.split_once('#').unwrap_or((target, ""));
            let there = if file.is_empty() { path.clone() } else { resolve(path, file) };
            let finding = |what| Finding { path: path.clone(), line, what };
            if !exists(&there) {
                found.push(finding(format!("the link `{target}` leads nowhere: {there} does not exist")));
            } else if let Some((_, text)) = pages.iter().find(|page| page.0 == there)
                && !heading.is_empty()
                && !headings(text).any(|slug| slug == heading)
            {
                found.push(finding(format!("the link `{target}` leads nowhere: {there} has no such heading")));
            }
        }
    }
    found
}

/// The lines of a page outside its code blocks.
fn prose(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut in_code = false;
    text.lines().enumerate().filter_map(move |(index, line)| {
        let is_fence = line.trim_start().starts_with("```");
        in_code ^= is_fence;
        (!in_code && !is_fence).then_some((index + 1, line))
    })
}

fn targets(text: &str) -> impl Iterator<Item = (usize, &str)> {
    prose(text).flat_map(|(number, line)| {
        let links = line.split("](").skip(1).filter_map(|rest| rest.split_once(')'));
        links.map(move |(target, _)| (number, target))
    })
}

fn headings(text: &str) -> impl Iterator<Item = String> {
    prose(text).filter(|(_, line)| line.starts_with('#')).map(|(_, line)| {
        let title = line.trim_start_matches('#').trim().to_lowercase();
        let kept = title.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
        kept.map(|c| if c == ' ' { '-' } else { c }).collect()
    })
}

/// Where `link`, found on the page `from`, leads.
fn resolve(from: &str, link: &str) -> String {
    let mut path = PathBuf::new();
    for part in Path::new(from).parent().unwrap_or(Path::new("")).join(link).components() {
        if part == Component::ParentDir {
            path.pop();
        } else if part != Component::CurDir {
            path.push(part);
        }
    }
    path.display().to_string()
}
