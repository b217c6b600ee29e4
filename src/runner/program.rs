//! Finds the program that a process is to be, and says why one cannot be: in words that name the program, its interpreter
//! or its folder. Asked by whoever calls `exec` or has it called, so that what may not be reached is judged with the
//! rights of the user that the process runs as. Starts nothing.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::unistd::{AccessFlags, access};

use super::base_env::PATH;

/// How much of a file is looked at for the line that names its interpreter; Linux looks at less.
const FIRST_LINE: u64 = 512;

/// What is to be started, and with what.
#[derive(Clone, Debug)]
pub(super) struct Start<'a> {
    /// A file of ours that is the program; `argv` are its arguments then.
    pub(super) script: Option<&'a Path>,
    pub(super) argv: &'a [String],
    pub(super) env: &'a BTreeMap<String, String>,
    pub(super) dir: &'a Path,
}

/// Why there is no process.
#[derive(PartialEq, Eq, Debug)]
pub(super) enum Failed {
    /// The machine has no room for one just now.
    Busy(String),
    /// It cannot be.
    Never(String),
}

/// A program that was found, and how it is called.
#[derive(Debug)]
pub(super) struct Program<'a> {
    /// What it is told to be its name.
    pub(super) name: Cow<'a, str>,
    pub(super) path: PathBuf,
    pub(super) arguments: &'a [String],
}

/// The program that is to be started.
pub(super) fn resolve<'a>(start: &Start<'a>) -> Result<Program<'a>, Failed> {
    let (name, path, arguments) = match (start.script, start.argv.split_first()) {
        (Some(script), _) => (script.to_string_lossy(), script.to_owned(), start.argv),
        (None, Some((name, arguments))) if !name.is_empty() => {
            let path = start.env.get("PATH").map_or(PATH, String::as_str);
            let program = find(name, path, start.dir).ok_or_else(|| not_found(name, path, start.dir))?;
            (Cow::Borrowed(name.as_str()), program, arguments)
        }
        (None, _) => return Err(Failed::Never("there is no program to start".to_owned())),
    };
    Ok(Program { name, path, arguments })
}

/// Refuses what no process can be given.
pub(super) fn check(start: &Start<'_>) -> Result<(), Failed> {
    match nul(start) {
        Some(what) => Err(Failed::Never(format!("{what} holds a NUL byte, which no process can be given"))),
        None => Ok(()),
    }
}

/// What holds a NUL byte; which is named, and what it says is not shown.
fn nul(start: &Start<'_>) -> Option<String> {
    let argument = start.argv.iter().position(|word| word.contains('\0'));
    let argument = argument.map(|at| if at == 0 { "the program's name".to_owned() } else { format!("argument {at}") });
    let variable = || {
        let (name, _) = start.env.iter().find(|(name, value)| name.contains('\0') || value.contains('\0'))?;
        Some(format!("the variable `{}`", name.replace('\0', "\\0")))
    };
    let dir = || start.dir.as_os_str().as_encoded_bytes().contains(&0).then(|| "the working directory".to_owned());
    argument.or_else(variable).or_else(dir)
}

/// The program that `name` means, as `execvp` finds it: a name with a slash as it is, any other in the folders of
/// `path`, where a relative folder is meant from `dir`.
fn find(name: &str, path: &str, dir: &Path) -> Option<PathBuf> {
    if name.contains('/') {
        return Some(PathBuf::from(name));
    }
    let runs =
        |file: &PathBuf| file.metadata().is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0);
    path.split(':').map(|folder| dir.join(folder).join(name)).find(runs)
}

/// The interpreter that the file names in its first line.
fn interpreter(file: &Path) -> Option<String> {
    let mut first = Vec::new();
    File::open(file).ok()?.take(FIRST_LINE).read_to_end(&mut first).ok()?;
    let line = first.strip_prefix(b"#!")?.split(|byte| *byte == b'\n').next()?;
    let line = String::from_utf8_lossy(line);
    // The kernel parts at blanks only, so that a line end as of Windows belongs to the name, and is not found.
    line.trim_matches([' ', '\t']).split([' ', '\t']).next().map(str::to_owned)
}

fn not_found(name: &str, path: &str, dir: &Path) -> Failed {
    if !dir.is_dir() {
        return Failed::Never(no_dir(dir));
    }
    Failed::Never(format!("`{name}` not found in PATH (`{path}`)"))
}

fn no_dir(dir: &Path) -> String {
    let dir_shown = dir.display();
    match dir.metadata() {
        Ok(_) => format!("the working directory `{dir_shown}` is not a folder"),
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            format!("the working directory `{dir_shown}` cannot be reached: permission denied")
        }
        Err(_) => format!("the working directory `{dir_shown}` does not exist"),
    }
}

/// Why the kernel would not let that program run, or its folder be entered.
pub(super) fn explain(error: &io::Error, program: &Path, start: &Start<'_>) -> Failed {
    let dir = start.dir;
    let shown = match start.script {
        Some(_) => "the script".to_owned(),
        None => format!("`{}`", program.display()),
    };
    let whole = dir.join(program);
    let errno = error.raw_os_error().map(Errno::from_raw);
    match errno {
        // A file is busy for a moment if another process was started while it was being written.
        Some(Errno::EAGAIN | Errno::ENOMEM | Errno::EMFILE | Errno::ENFILE | Errno::ETXTBSY) => {
            Failed::Busy(format!("{shown} cannot be started: {error}"))
        }
        Some(Errno::ENOENT | Errno::ENOTDIR | Errno::EACCES) if !dir.is_dir() => Failed::Never(no_dir(dir)),
        Some(Errno::EACCES) if access(dir, AccessFlags::X_OK).is_err() => {
            Failed::Never(format!("the working directory `{}` may not be entered: permission denied", dir.display()))
        }
        Some(Errno::ENOENT) if whole.exists() => Failed::Never(match interpreter(&whole) {
            Some(name) => format!("{shown} is to be run by the interpreter {name:?}, which does not exist"),
            None => format!("{shown} is to be run by an interpreter that does not exist"),
        }),
        Some(Errno::ENOENT | Errno::ENOTDIR) => Failed::Never(format!("{shown} not found")),
        Some(Errno::EACCES) if whole.is_dir() => Failed::Never(format!("{shown} is a folder and no program")),
        Some(Errno::EACCES) if access(&whole, AccessFlags::X_OK).is_ok() => {
            Failed::Never(format!("{shown} may be run, but what it is to be run by may not: permission denied"))
        }
        Some(Errno::EACCES) => Failed::Never(format!("{shown} may not be executed: permission denied")),
        Some(Errno::ENOEXEC) => Failed::Never(format!("{shown} is no program, and names no interpreter with `#!`")),
        Some(Errno::E2BIG) => Failed::Never(format!("{shown} cannot be given so many arguments and variables")),
        _ => Failed::Never(format!("{shown} cannot be started: {error}")),
    }
}
