//! Writes answers down. A shape says what its columns, its details and its name are (`Shown`); the formats for programs
//! are the shape itself, unescaped and whole.

use comfy_table::{ContentArrangement, Table};
use serde::Serialize;

use super::format::Format;
use super::view::{View, plain};

/// A shape that people look at.
pub(crate) trait Shown: Serialize {
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
        Format::Table => table(T::HEADER, items.iter().map(|item| item.cells(view))),
        Format::Json => json(&items),
        Format::Jsonl => items.iter().map(line).collect(),
        Format::Yaml => yaml(&items),
        Format::Name => items.iter().map(|item| format!("{}\n", plain(&item.name()))).collect(),
    }
}

/// One thing.
pub(crate) fn one<T: Shown>(format: Format, item: &T, view: &View) -> String {
    match format {
        Format::Table => block(&item.details(view)),
        Format::Json => json(item),
        Format::Jsonl => line(item),
        Format::Yaml => yaml(item),
        Format::Name => format!("{}\n", plain(&item.name())),
    }
}

/// Columns without borders, under their heads.
pub(crate) fn table(header: &[&str], rows: impl Iterator<Item = Vec<String>>) -> String {
    let mut table = Table::new();
    table.load_style(comfy_table::presets::NOTHING);
    table.set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(header.iter().map(|head| head.to_uppercase()));
    for row in rows {
        table.add_row(row.iter().map(|cell| plain(cell)));
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    table.lines().map(|line| format!("{}\n", line.trim_end())).collect()
}

/// One line for each detail; what has several lines goes on below, indented.
pub(crate) fn block(details: &[(&'static str, String)]) -> String {
    let width = details.iter().map(|(name, _)| name.len()).max().unwrap_or_default() + 2;
    let mut text = String::new();
    for (name, value) in details {
        let mut lines = value.trim_end_matches('\n').split('\n');
        let first = plain(lines.next().unwrap_or_default());
        text.push_str(format!("{:width$}{first}", format!("{name}:")).trim_end());
        text.push('\n');
        for line in lines {
            text.push_str(format!("{:width$}{}", "", plain(line)).trim_end());
            text.push('\n');
        }
    }
    text
}

/// A JSON document that people can read too.
pub(crate) fn json(item: &impl Serialize) -> String {
    let text = serde_json::to_string_pretty(item).expect("because shapes are plain data");
    format!("{text}\n")
}

/// One JSON object on one line.
pub(crate) fn line(item: &impl Serialize) -> String {
    let text = serde_json::to_string(item).expect("because shapes are plain data");
    format!("{text}\n")
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

    use super::*;
    use crate::model::timestamp::Timestamp;

    #[derive(Serialize)]
    struct Bell {
        name: &'static str,
        weight: Option<u32>,
    }

    impl Shown for Bell {
        const HEADER: &'static [&'static str] = &["name", "weight"];

        fn cells(&self, _view: &View) -> Vec<String> {
            vec![self.name.to_owned(), or_dash(self.weight.map(|kg| kg.to_string()).as_deref())]
        }

        fn name(&self) -> String {
            self.name.to_owned()
        }
    }

    const BELLS: [Bell; 2] = [Bell { name: "maria\u{1b}[2J", weight: Some(90) }, Bell { name: "pia", weight: None }];

    fn view() -> View {
        View { now: Timestamp::from_micros(0), zone: TimeZone::UTC }
    }

    #[test]
    fn a_list_looks_as_its_format_says() {
        for (format, expected) in [
            (Format::Table, "NAME            WEIGHT\nmaria\\u{1b}[2J  90\npia             -\n"),
            (Format::Jsonl, "{\"name\":\"maria\\u001b[2J\",\"weight\":90}\n{\"name\":\"pia\",\"weight\":null}\n"),
            (Format::Name, "maria\\u{1b}[2J\npia\n"),
        ] {
            assert_eq!(list(format, &BELLS, &view()), expected, "{format:?}");
        }
        assert_eq!(list::<Bell>(Format::Table, &[], &view()), "NAME  WEIGHT\n");
        assert_eq!(list::<Bell>(Format::Json, &[], &view()), "[]\n");
        assert_eq!(list::<Bell>(Format::Jsonl, &[], &view()), "");
    }

    #[test]
    fn one_thing_looks_as_its_format_says() {
        for (format, expected) in [
            (Format::Table, "name:   pia\nweight: -\n"),
            (Format::Json, "{\n  \"name\": \"pia\",\n  \"weight\": null\n}\n"),
            (Format::Jsonl, "{\"name\":\"pia\",\"weight\":null}\n"),
            (Format::Yaml, "name: pia\nweight: null\n"),
            (Format::Name, "pia\n"),
        ] {
            assert_eq!(one(format, &BELLS[1], &view()), expected, "{format:?}");
        }
    }

    #[test]
    fn a_detail_of_several_lines_stays_in_its_column() {
        let details = [("error", "first\nsecond\n".to_owned()), ("id", "7".to_owned())];
        assert_eq!(block(&details), "error: first\n       second\nid:    7\n");
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
