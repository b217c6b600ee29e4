//! What a page of the documentation shows: its blocks, with what is said about each behind its opening fence.

use std::path::{Path, PathBuf};

/// One block between fences.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Block {
    /// The line it begins on.
    pub(crate) line: usize,
    /// What stands behind the fence: the language, and for us whatever follows it.
    pub(crate) info: String,
    /// What it shows.
    pub(crate) text: String,
}

impl Block {
    /// The path in its first line, `# PATH`: it is to be saved there.
    pub(crate) fn path(&self) -> Option<&str> {
        let path = self.text.lines().next()?.strip_prefix("# ")?;
        (path.contains('.') && !path.contains(' ')).then_some(path)
    }

    /// Whether it is the configuration and not a job.
    pub(crate) fn is_config(&self) -> bool {
        self.path().is_some_and(|path| path.ends_with("campanile.toml"))
    }
}

/// The blocks of a page, in order.
pub(crate) fn blocks(page: &str) -> Vec<Block> {
    let mut found = Vec::new();
    let mut open: Option<Block> = None;
    for (index, line) in page.lines().enumerate() {
        match (open.as_mut(), line.strip_prefix("```")) {
            (None, Some(info)) => open = Some(Block { line: index + 1, info: info.to_owned(), text: String::new() }),
            (None, None) => {}
            (Some(block), None) => {
                block.text.push_str(line);
                block.text.push('\n');
            }
            (Some(_), Some(_)) => found.extend(open.take()),
        }
    }
    found
}

/// Every page of the project, sorted: the README and what is below docs/.
pub(crate) fn all(root: &Path) -> Vec<PathBuf> {
    let mut found = vec![root.join("README.md")];
    let mut folders = vec![root.join("docs")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("because the folder exists") {
            let path = entry.expect("because it can be listed").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "md") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}
