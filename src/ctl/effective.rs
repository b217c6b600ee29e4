//! `ctl job NAME --effective`: what is in force, key by key, and where each key is written.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Session;
use super::failure::Failure;
use super::format::Format;
use super::render::{self, Shown};
use super::view::View;
use crate::print;
use crate::print::plain;
use crate::wire::Page;

/// One key of a definition.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(crate) struct Key {
    /// With those above it, as in `tasks.main.shell`.
    key: String,
    /// What it is; a secret is shown as its reference.
    value: Value,
    /// Where it is written; nothing for a default of ours.
    file: Option<String>,
    line: Option<u64>,
}

/// Shows the definition in force of the job of that name.
pub(crate) async fn run(session: &Session, name: &str) -> Result<(), Failure> {
    let page: Page<Key> = match session.client.get(&["jobs", name, "effective"], Vec::new()).await {
        Ok(page) => page,
        Err(failure) => return Err(session.client.suggest(failure, name).await),
    };
    let shown = match session.format == Format::Table {
        true => page.items.iter().map(Key::line).collect(),
        false => render::list(session.format, &page.items, &session.view),
    };
    print::data(&shown);
    Ok(())
}

impl Key {
    /// As a file would say it, with a comment that says which does.
    fn line(&self) -> String {
        format!("{} = {}  # {}\n", plain(&self.key), plain(&self.value.to_string()), plain(&self.place()))
    }

    fn place(&self) -> String {
        match (&self.file, self.line) {
            (Some(file), Some(line)) => format!("{file}:{line}"),
            (Some(file), None) => file.clone(),
            (None, _) => "default".to_owned(),
        }
    }
}

impl Shown for Key {
    const HEADER: &'static [&'static str] = &["key", "value", "place"];

    fn cells(&self, _view: &View) -> Vec<String> {
        vec![self.key.clone(), self.value.to_string(), self.place()]
    }

    fn name(&self) -> String {
        self.key.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_shown_with_the_place_where_it_is_written() {
        for (text, expected) in [
            (
                r#"{"key": "cron", "value": "@daily", "file": "/j/a.toml", "line": 3}"#,
                "cron = \"@daily\"  # /j/a.toml:3\n",
            ),
            (r#"{"key": "max_runs", "value": 1, "file": null, "line": null}"#, "max_runs = 1  # default\n"),
            (r#"{"key": "x", "value": "\u001b[2J", "file": "a\u001b"}"#, "x = \"\\u001b[2J\"  # a\\u{1b}\n"),
        ] {
            let key: Key = serde_json::from_str(text).expect("because the case is valid");
            assert_eq!(key.line(), expected);
        }
    }
}
