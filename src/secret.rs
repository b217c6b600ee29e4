//! Resolves references to secrets, anew for each attempt; their values are never stored and never shown.
//!
//! A value is text from the daemon's environment, from a file, or from the service manager's credentials folder. What
//! comes back hides itself from `{}` and `{:?}`, and an error names the reference, never anything that was read.
//! Reading may block (a dead network file system), so asynchronous callers do it on a thread that may wait. Nothing
//! here is cached: a rotated secret is in force with the next attempt.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use crate::environment;
use crate::model::definition::Value;
use crate::model::definition::value::{Place, Reference};
use crate::plain_file::{self, Links, NotPlain};

/// The most that a secret's file may hold, in bytes.
pub const MAX_BYTES: u64 = 64 * 1024;

/// Where a service manager leaves credentials.
const CREDENTIALS_DIRECTORY: &str = "CREDENTIALS_DIRECTORY";

/// A resolved value. It shows as `***`; whoever needs the text says so with `expose`.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret {
    text: String,
    /// So much of it was put before what is secret.
    n_prefix: usize,
}

impl Secret {
    /// A value that is not to be shown.
    pub fn new(text: impl Into<String>) -> Self {
        Secret { text: text.into(), n_prefix: 0 }
    }

    /// The text itself. It goes where it is needed and nowhere else: no log, no error, no store.
    pub fn expose(&self) -> &str {
        &self.text
    }

    /// The text without the prefix of its reference: what must not be shown.
    pub fn bare(&self) -> &str {
        &self.text[self.n_prefix..]
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(***)")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// Why a reference could not be resolved.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The daemon's environment has no such text.
    #[error("environment variable `{0}` is not set, is empty or is not UTF-8")]
    Unset(String),
    /// There is no credentials folder.
    #[error("credential `{0}` cannot be read: `CREDENTIALS_DIRECTORY` is not set")]
    NoCredentials(String),
    /// The name would lead out of the credentials folder.
    #[error("credential `{0}` is not a plain file name")]
    NotAName(String),
    /// The file cannot be read.
    #[error("secret file `{path}` cannot be read: {source}")]
    Unreadable {
        /// Which.
        path: String,
        /// Why.
        source: io::Error,
    },
    /// A pipe, a device or a folder: reading it might never end.
    #[error("secret file `{0}` is not a regular file")]
    NotAFile(String),
    /// The file is larger than any secret.
    #[error("secret file `{0}` is larger than 64 KiB")]
    TooLarge(String),
    /// The file holds something other than text.
    #[error("secret file `{0}` is not UTF-8")]
    NotText(String),
}

/// The text of `value`: plain text as it is, a reference as what it points to now.
pub fn resolve(value: &Value) -> Result<Secret, SecretError> {
    resolve_in(value, environment::var)
}

fn resolve_in(value: &Value, variable: impl Fn(&str) -> Option<String>) -> Result<Secret, SecretError> {
    match value {
        Value::Plain(text) => Ok(Secret::new(text)),
        Value::Secret(Reference { place, prefix }) => {
            let found = match place {
                Place::Env(name) => variable(name).ok_or_else(|| SecretError::Unset(name.clone()))?,
                Place::File(path) => read(Path::new(path))?,
                Place::Credential(name) => read(&credential(name, variable(CREDENTIALS_DIRECTORY))?)?,
            };
            Ok(Secret { text: format!("{prefix}{found}"), n_prefix: prefix.len() })
        }
    }
}

fn credential(name: &str, folder: Option<String>) -> Result<PathBuf, SecretError> {
    if matches!(name, "" | "." | "..") || name.contains(['/', '\0']) {
        return Err(SecretError::NotAName(name.to_owned()));
    }
    let folder = folder.ok_or_else(|| SecretError::NoCredentials(name.to_owned()))?;
    Ok(Path::new(&folder).join(name))
}

fn read(path: &Path) -> Result<String, SecretError> {
    let shown = || path.display().to_string();
    let content = plain_file::read(path, MAX_BYTES, Links::Follow).map_err(|why| match why {
        NotPlain::Unreadable(source) => SecretError::Unreadable { path: shown(), source },
        NotPlain::NotAFile | NotPlain::Link => SecretError::NotAFile(shown()),
        NotPlain::TooLarge(_) => SecretError::TooLarge(shown()),
    })?;
    let mut text = String::from_utf8(content.bytes).map_err(|_| SecretError::NotText(shown()))?;
    if text.ends_with('\n') {
        text.pop();
        if text.ends_with('\r') {
            text.pop();
        }
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reference(place: Place) -> Value {
        Value::Secret(Reference { place, prefix: String::new() })
    }

    fn variables(folder: &Path) -> impl Fn(&str) -> Option<String> {
        let folder = folder.display().to_string();
        move |name| match name {
            "TOKEN" => Some("s3cret".to_owned()),
            CREDENTIALS_DIRECTORY => Some(folder.clone()),
            _ => None,
        }
    }

    #[test]
    fn each_place_gives_its_text_behind_the_prefix() {
        let folder = tempfile::tempdir().unwrap();
        for (name, content) in [("plain", "a b"), ("line", "a b\n"), ("lines", "a b\n\n"), ("dos", "a b\r\n")] {
            std::fs::write(folder.path().join(name), content).unwrap();
        }
        let file = |name: &str| Place::File(folder.path().join(name).display().to_string());
        for (place, expected) in [
            (Place::Env("TOKEN".into()), "s3cret"),
            (file("plain"), "a b"),
            (file("line"), "a b"),
            (file("lines"), "a b\n"),
            (file("dos"), "a b"),
            (Place::Credential("line".into()), "a b"),
        ] {
            let value = Value::Secret(Reference { place, prefix: "Bearer ".into() });
            let found = resolve_in(&value, variables(folder.path())).unwrap();
            assert_eq!(found.expose(), format!("Bearer {expected}"), "{}", value.shown());
            assert_eq!(found.bare(), expected);
        }
        assert_eq!(resolve(&Value::from("as it is\n")).unwrap().expose(), "as it is\n");
    }

    #[test]
    fn a_reference_that_cannot_be_resolved_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name).display().to_string();
        std::fs::write(at("large"), vec![b'x'; 64 * 1024 + 1]).unwrap();
        std::fs::write(at("binary"), [0xff, 0xfe]).unwrap();
        nix::unistd::mkfifo(at("pipe").as_str(), nix::sys::stat::Mode::S_IRWXU).unwrap();
        for (place, expected) in [
            (Place::Env("NONE".into()), "environment variable `NONE` is not set, is empty or is not UTF-8".to_owned()),
            (Place::File(at("large")), format!("secret file `{}` is larger than 64 KiB", at("large"))),
            (Place::File(at("binary")), format!("secret file `{}` is not UTF-8", at("binary"))),
            (Place::File(at("pipe")), format!("secret file `{}` is not a regular file", at("pipe"))),
            (Place::File(at("")), format!("secret file `{}` is not a regular file", at(""))),
            (
                Place::File(at("none")),
                format!("secret file `{}` cannot be read: No such file or directory (os error 2)", at("none")),
            ),
            (Place::Credential("../large".into()), "credential `../large` is not a plain file name".to_owned()),
            (Place::Credential("..".into()), "credential `..` is not a plain file name".to_owned()),
            (Place::Credential(String::new()), "credential `` is not a plain file name".to_owned()),
        ] {
            let found = resolve_in(&reference(place), variables(folder.path()));
            assert_eq!(found.unwrap_err().to_string(), expected);
        }
        let found = resolve_in(&reference(Place::Credential("x".into())), |_| None);
        assert_eq!(found.unwrap_err().to_string(), "credential `x` cannot be read: `CREDENTIALS_DIRECTORY` is not set");
    }

    #[test]
    fn a_secret_hides_itself() {
        let secret = Secret::new("s3cret");
        assert_eq!(format!("{secret} {secret:?}"), "*** Secret(***)");
    }
}
