//! Commands that end by themselves, over files of a folder.

use std::process::{Command, Stdio};

/// What one has said.
#[derive(Debug, PartialEq)]
pub(crate) struct Said {
    pub(crate) code: i32,
    pub(crate) data: String,
    pub(crate) talk: String,
}

/// Waits for its end.
pub(crate) fn said(mut command: Command) -> Said {
    let output = command.stdin(Stdio::null()).output().expect("the binary starts");
    let text = |bytes| String::from_utf8(bytes).expect("it writes text");
    Said { code: output.status.code().expect("no signal"), data: text(output.stdout), talk: text(output.stderr) }
}

/// A folder with these files, in folders of their own where their names say so.
pub(crate) fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder can be made");
    for (name, text) in files {
        let path = folder.path().join(name);
        let within = path.parent().map(std::fs::create_dir_all).transpose();
        within.and_then(|_| std::fs::write(path, text)).expect("a file can be written");
    }
    folder
}
