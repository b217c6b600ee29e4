//! Writes answers down. A shape says what its columns, its details and its name are (`Shown`); the formats for programs
//! are the shape itself, unescaped and whole.

use std::fmt::Write;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::format::Format;
use super::record::{header, record};
use super::table::{block, table};
use super::view::View;
use crate::print::plain;

/// A shape that people look at.
pub(crate) trait Shown: Serialize + DeserializeOwned {
    /// The heads of its columns.
    const HEADER: &'static [&'static str];

    /// What stands in them.
    fn cells(&self, view: &View) -> Vec<String>;

    /// All that there is to say, line by line.
    fn details(&self, view: &View) -> Vec<(&'static str, String)> {
        Self::HEADER.iter().copied().zip(self.cells(view)).collect()
    }

    /// Its id or name.
    fn name(&self) -> String;
}

/// A list of things.
pub(crate) fn list<T: Shown>(format: Format, items: &[T], view: &View) -> String {
    match format {
        Format::Table => table(T::HEADER, items.iter().map(|item| item.cells(view)), view),
        Format::Json => json(&items),
        Format::Jsonl => items.iter().map(line).collect(),
        Format::Yaml => yaml(&items),
        Format::Name => items.iter().map(|item| format!("{}\n", plain(&item.name()))).collect(),
        Format::Csv => header::<T>() + &items.iter().map(record).collect::<String>(),
    }
}

/// One thing.
pub(crate) fn one<T: Shown>(format: Format, item: &T, view: &View) -> String {
    match format {
        Format::Table => block(&item.details(view), view),
        Format::Json => json(item),
        Format::Jsonl => line(item),
        Format::Yaml => yaml(item),
        Format::Name => format!("{}\n", plain(&item.name())),
        Format::Csv => header::<T>() + &record(item),
    }
}

/// A JSON document that people can read too.
pub(crate) fn json(item: &impl Serialize) -> String {
    let text = serde_json::to_string_pretty(item).expect("because shapes are plain data");
    format!("{}\n", escaped(&text))
}

/// One JSON object on one line.
pub(crate) fn line(item: &impl Serialize) -> String {
    let text = serde_json::to_string(item).expect("because shapes are plain data");
    format!("{}\n", escaped(&text))
}

/// JSON lets some characters stand that a terminal obeys; they can be only in texts, where they have another spelling.
fn escaped(json: &str) -> String {
    let is_left =
        |c: char| c == '\n' || (!c.is_control() && !matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}'));
    if json.chars().all(is_left) {
        return json.to_owned();
    }
    let mut text = String::with_capacity(json.len());
    for c in json.chars() {
        match is_left(c) {
            true => text.push(c),
            false => write!(text, "\\u{:04x}", u32::from(c)).expect("because text takes text"),
        }
    }
    text
}

/// A YAML document.
pub(crate) fn yaml(item: &impl Serialize) -> String {
    let text = serde_saphyr::to_string(item).expect("because shapes are plain data");
    format!("{}\n", text.trim_end_matches('\n'))
}

/// What is there, or a dash.
pub(crate) fn or_dash(text: Option<&str>) -> String {
    text.unwrap_or("-").to_owned()
}

/// A state with its reason, where the reason says more.
pub(crate) fn state(state: &str, outcome: Option<&str>) -> String {
    match outcome {
        None | Some("success") => state.to_owned(),
        Some(outcome) if outcome == state => state.to_owned(),
        Some(outcome) => format!("{state} ({outcome})"),
    }
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;
    use serde::Deserialize;

    use super::*;
    use crate::model::timestamp::Timestamp;

    #[derive(Serialize, Deserialize)]
    struct Bell {
        name: String,
        weight: Option<u32>,
    }

    impl Shown for Bell {
        const HEADER: &'static [&'static str] = &["name", "weight"];

        fn cells(&self, _view: &View) -> Vec<String> {
            vec![self.name.clone(), or_dash(self.weight.map(|kg| kg.to_string()).as_deref())]
        }

        fn name(&self) -> String {
            self.name.clone()
        }
    }

    fn bells() -> [Bell; 2] {
        let (maria, pia) = ("maria\u{1b}[2J\u{9b}".to_owned(), "pia".to_owned());
        [Bell { name: maria, weight: Some(90) }, Bell { name: pia, weight: None }]
    }

    fn view() -> View {
        View::of_a_program(Timestamp::from_micros(0), TimeZone::UTC)
    }

    #[test]
    fn a_list_looks_as_its_format_says() {
        for (format, expected) in [
            (Format::Table, "NAME\tWEIGHT\nmaria\\u{1b}[2J\\u{9b}\t90\npia\t-\n"),
            (
                Format::Jsonl,
                "{\"name\":\"maria\\u001b[2J\\u009b\",\"weight\":90}\n{\"name\":\"pia\",\"weight\":null}\n",
            ),
            (Format::Name, "maria\\u{1b}[2J\\u{9b}\npia\n"),
            (Format::Csv, "name,weight\nmaria\u{1b}[2J\u{9b},90\npia,\n"),
        ] {
            assert_eq!(list(format, &bells(), &view()), expected, "{format:?}");
        }
        assert_eq!(list::<Bell>(Format::Table, &[], &view()), "NAME\tWEIGHT\n");
        assert_eq!(list::<Bell>(Format::Json, &[], &view()), "[]\n");
        assert_eq!(list::<Bell>(Format::Jsonl, &[], &view()), "");
        assert_eq!(list::<Bell>(Format::Csv, &[], &view()), "name,weight\n");
    }

    #[test]
    fn one_thing_looks_as_its_format_says() {
        for (format, expected) in [
            (Format::Table, "name:   pia\nweight: -\n"),
            (Format::Json, "{\n  \"name\": \"pia\",\n  \"weight\": null\n}\n"),
            (Format::Jsonl, "{\"name\":\"pia\",\"weight\":null}\n"),
            (Format::Yaml, "name: pia\nweight: null\n"),
            (Format::Name, "pia\n"),
            (Format::Csv, "name,weight\npia,\n"),
        ] {
            assert_eq!(one(format, &bells()[1], &view()), expected, "{format:?}");
        }
    }

    #[test]
    fn a_reason_is_shown_where_it_says_more_than_the_state() {
        for (word, outcome, expected) in [
            ("completed", Some("success"), "completed"),
            ("cancelled", Some("cancelled"), "cancelled"),
            ("failed", Some("timeout"), "failed (timeout)"),
            ("running", None, "running"),
        ] {
            assert_eq!(state(word, outcome), expected);
        }
    }
}
