//! `ctl job NAME --effective`: what is in force, key by key, and where each key is written.

use super::Session;
use super::failure::Failure;
use super::format::Format;
use super::render::{self, Shown};
use super::view::View;
use crate::print;
use crate::print::plain;
use crate::wire::{Effective, EffectiveKey};

/// Shows the definition in force of the job of that name.
pub(crate) async fn run(session: &Session, name: &str) -> Result<(), Failure> {
    let effective: Effective = match session.client.get(&["jobs", name, "effective"], Vec::new()).await {
        Ok(effective) => effective,
        Err(failure) => return Err(session.client.suggest(failure, name).await),
    };
    let shown = match session.format == Format::Table {
        true => effective.items.iter().map(line).collect(),
        false => render::list(session.format, &effective.items, &session.view),
    };
    print::data(&shown);
    Ok(())
}

/// As a file would say it, with a comment that says which does.
fn line(key: &EffectiveKey) -> String {
    format!("{} = {}  # {}\n", plain(&key.key), plain(&key.value.to_string()), plain(&place(key)))
}

fn place(key: &EffectiveKey) -> String {
    match (&key.file, key.line) {
        (Some(file), Some(line)) => format!("{file}:{line}"),
        (Some(file), None) => file.clone(),
        (None, _) => "default".to_owned(),
    }
}

impl Shown for EffectiveKey {
    const HEADER: &'static [&'static str] = &["key", "value", "place"];

    fn cells(&self, _view: &View) -> Vec<String> {
        vec![self.key.clone(), self.value.to_string(), place(self)]
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
            let key: EffectiveKey = serde_json::from_str(text).expect("because the case is valid");
            assert_eq!(line(&key), expected);
        }
    }
}
