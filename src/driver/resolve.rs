//! Completes a process just before it is launched: what it inherits, the files of its variables, the texts that its
//! references to secrets stand for, each read anew. It reads files, which may take any time; `launches` says on which
//! thread. The texts of secrets go nowhere but into the process, there also as what is to be masked.

use std::collections::BTreeMap;

use super::env_file;
use crate::model::definition::Value;
use crate::model::definition::value::{Place, Reference};
use crate::model::process::Process;
use crate::{environment, secret};

/// Whether anything has to be read for it.
pub(super) fn is_needed(process: &Process) -> bool {
    let refers = |value: &Value| matches!(value, Value::Secret(_));
    !process.env_files.is_empty() || !process.env_inherit.is_empty() || process.env.values().any(refers)
}

/// The files that are read for it.
pub(super) fn files(process: &Process) -> Vec<String> {
    let bare = |path: &String| path.strip_prefix('-').unwrap_or(path).to_owned();
    let of_secrets = process.env.values().filter_map(|value| match value {
        Value::Secret(Reference { place: Place::File(path) | Place::Credential(path), .. }) => Some(path.clone()),
        Value::Secret(Reference { place: Place::Env(_), .. }) | Value::Plain(_) => None,
    });
    process.env_files.iter().map(bare).chain(of_secrets).collect()
}

/// Puts what is meant in the place of what is named; otherwise says what cannot be found, and where it is named.
pub(super) fn resolve(process: &mut Process) -> Result<(), String> {
    let mut found: BTreeMap<String, String> = BTreeMap::new();
    for name in std::mem::take(&mut process.env_inherit) {
        let Some(value) = environment::var_os(&name) else { continue };
        let value = value.into_string().map_err(|_| format!("`env_inherit`: `{name}` is not UTF-8"))?;
        found.insert(name, value);
    }
    for path in std::mem::take(&mut process.env_files) {
        env_file::read(&path, &mut found)?;
    }
    for (name, value) in &mut process.env {
        if let Value::Secret(_) = value {
            let secret = secret::resolve(value).map_err(|error| format!("`env.{name}`: {error}"))?;
            process.masked.push(secret.bare().to_owned());
            *value = Value::Plain(secret.expose().to_owned());
        }
    }
    for (name, value) in found {
        process.env.entry(name).or_insert(Value::Plain(value));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::id::Launch;

    fn process() -> Process {
        Process::new(Launch(1), vec!["true".to_owned()], "logs/1.log".to_owned())
    }

    fn file_secret(path: &std::path::Path, prefix: &str) -> Value {
        let place = Place::File(path.display().to_string());
        Value::Secret(Reference { place, prefix: prefix.to_owned() })
    }

    #[test]
    fn what_is_nearer_to_the_task_goes_over_what_is_farther() {
        let folder = tempfile::tempdir().unwrap();
        let (one, two) = (folder.path().join("one"), folder.path().join("two"));
        std::fs::write(&one, "A=one\nB=one\nC=one\nPATH=/one\n").unwrap();
        std::fs::write(&two, "B=two\nC=two\n").unwrap();
        let mut process = process();
        process.env_inherit = vec!["PATH".to_owned(), "CARGO_MANIFEST_DIR".to_owned(), "NO_SUCH_VARIABLE".to_owned()];
        process.env_files = vec![one.display().to_string(), two.display().to_string()];
        process.env.insert("C".to_owned(), "env".into());
        assert!(is_needed(&process));
        resolve(&mut process).unwrap();
        assert!(!is_needed(&process), "there is nothing left to be found");
        let shown: Vec<String> = process.env.iter().map(|(name, value)| format!("{name}={}", value.shown())).collect();
        let inherited = format!("CARGO_MANIFEST_DIR={}", env!("CARGO_MANIFEST_DIR"));
        assert_eq!(shown, ["A=one", "B=two", "C=env", &inherited, "PATH=/one"]);
        assert!(process.masked.is_empty());
    }

    #[test]
    fn a_secret_is_read_anew_and_masked_without_its_prefix() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        for text in ["hunter2", "hunter3"] {
            std::fs::write(&path, format!("{text}\n")).unwrap();
            let mut process = process();
            process.env.insert("TOKEN".to_owned(), file_secret(&path, "Bearer "));
            resolve(&mut process).unwrap();
            assert_eq!(process.env["TOKEN"], Value::Plain(format!("Bearer {text}")));
            assert_eq!(process.masked, [text]);
        }
    }

    #[test]
    fn what_cannot_be_found_is_named_with_its_place() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("none");
        let mut process = process();
        process.env.insert("TOKEN".to_owned(), file_secret(&path, ""));
        let path = path.display();
        let expected =
            format!("`env.TOKEN`: secret file `{path}` cannot be read: No such file or directory (os error 2)");
        assert_eq!(resolve(&mut process), Err(expected));
    }
}
