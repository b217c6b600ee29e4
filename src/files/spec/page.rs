//! Writes `docs/reference/job-file.md` and `configuration.md` from the specifications, and holds the two schemas beside
//! them.

use super::{Absent, Key, Table, schema};

const JOB_HEAD: &str = include_str!("job-file.head.txt");
const SETTINGS_HEAD: &str = include_str!("configuration.head.txt");
/// How long a line of a page is.
const WIDTH: usize = 120;

/// The sections of `tables`, of those that `root` leads to.
fn page(head: &str, root: &'static Table, tables: &[&'static Table]) -> String {
    let reached = root.reached();
    let mut page = head.to_owned();
    for table in tables.iter().filter(|table| reached.iter().any(|found| std::ptr::eq(*found, **table))) {
        page.push_str(&format!("\n## {}\n", table.title));
        for (index, piece) in table.intro.split("```").enumerate().filter(|(_, piece)| !piece.trim().is_empty()) {
            match index % 2 {
                0 => piece.trim().split("\n\n").for_each(|words| page.push_str(&format!("\n{}\n", filled(words)))),
                _ => page.push_str(&format!("\n```{piece}```\n")),
            }
        }
        for key in own(table) {
            page.push_str(&format!("\n{}\n", filled(&entry(key))));
        }
        if table.name == "job" {
            page.push_str(&format!("\n{}", include_str!("top-level.txt")));
        }
    }
    // What the written languages have beside keys comes with files of many jobs.
    if root.entries().any(|key| key.name == "jobs") {
        page.push_str(include_str!("job-file.tail.txt"));
    }
    page
}

/// The keys that a section explains. What a table shares with schedules and tasks is explained there.
fn own(table: &'static Table) -> impl Iterator<Item = &'static Key> {
    let n_parts = match table.name {
        "job_of_many" | "defaults" => 0,
        "job" => 2,
        _ => table.parts.len(),
    };
    let parts = table.parts.iter().take(n_parts).flat_map(|part| part.iter());
    parts.filter(|key| table.knows(key.name))
}

/// One key, by the template of the house.
fn entry(key: &Key) -> String {
    let mut text = format!("**`{}`** = {}.", key.name, key.kind.words());
    match key.default {
        Absent::Is(json) => text.push_str(&format!(" Default {}.", plain(json))),
        Absent::Said(words) => text.push_str(&format!(" Default: {words}.")),
        Absent::None => text.push_str(" Default: none."),
        Absent::Must => {}
    }
    text.push_str(&format!(" {}", key.meaning));
    let limit = match (key.limit, key.kind) {
        ("", super::Kind::Integer(least, i64::MAX)) => format!("at least {least}"),
        ("", super::Kind::Integer(least, most)) => format!("{least} to {most}"),
        ("", super::Kind::Number(least, most)) => format!("{least} to {most}"),
        (words, _) => words.to_owned(),
    };
    let rest = [("Limit: ", limit.as_str()), ("Interacts with ", key.interacts), ("No effect ", key.no_effect)];
    for (head, words) in rest.iter().filter(|(_, words)| !words.is_empty()) {
        text.push_str(&format!(" {head}{words}."));
    }
    text.push_str(&format!(" Example: `{}`.", key.example));
    text
}

/// A JSON value as a sentence shows it.
fn plain(json: &str) -> String {
    match json.parse::<f64>() {
        Ok(_) => json.to_owned(),
        Err(_) if json.starts_with('"') => format!("`{}`", json.trim_matches('"')),
        Err(_) => format!("`{json}`"),
    }
}

/// The words on lines of a width that is pleasant to read; what stands between backticks stays on one line.
fn filled(text: &str) -> String {
    let mut page = String::new();
    let mut width = 0;
    let mut word = String::new();
    for piece in text.split_inclusive(' ') {
        word.push_str(piece);
        if word.matches('`').count() % 2 == 1 {
            continue;
        }
        let length = word.trim_end().chars().count();
        if width > 0 && width + 1 + length > WIDTH {
            page.push('\n');
            width = 0;
        } else if width > 0 {
            page.push(' ');
            width += 1;
        }
        page.push_str(word.trim_end());
        width += length;
        word.clear();
    }
    page.push_str(&word);
    page
}

#[test]
fn the_reference_of_job_files_says_what_is_specified() {
    crate::pages::hold("docs/reference/job-file.md", &page(JOB_HEAD, super::JOB, super::OF_JOBS));
}

#[test]
fn the_reference_of_the_configuration_says_what_is_specified() {
    crate::pages::hold("docs/reference/configuration.md", &page(SETTINGS_HEAD, super::SETTINGS, super::OF_SETTINGS));
}

#[test]
fn the_schemas_beside_the_pages_are_what_the_command_prints() {
    for (name, schema) in [("job", schema::job()), ("config", schema::config())] {
        crate::pages::hold(&format!("docs/reference/{name}.schema.json"), &format!("{schema:#}\n"));
    }
}

fn all() -> impl Iterator<Item = &'static Table> {
    super::OF_JOBS.iter().chain(super::OF_SETTINGS).copied()
}

#[test]
fn every_key_that_the_reader_knows_is_specified() {
    use crate::files::keys;
    for keys in keys::OF_JOBS.iter().chain(keys::OF_SETTINGS) {
        let is_of = |table: &&Table| table.keys.iter().any(|of| of.known == keys.known);
        let table = all().find(is_of).unwrap_or_else(|| panic!("no table of `spec` has the keys of {}", keys.what));
        for known in keys.known {
            assert!(table.entries().any(|key| key.name == *known), "`{known}` of {} is not specified", keys.what);
        }
    }
}

#[test]
fn every_key_that_is_specified_is_known_to_the_reader() {
    let lists = all().flat_map(|table| table.parts.iter());
    for key in lists.flat_map(|part| part.iter()) {
        let is_home = |table: &&Table| table.parts.iter().any(|part| part.iter().any(|other| other.name == key.name));
        let homes: Vec<_> = all().filter(is_home).collect();
        let is_known = homes.iter().any(|table| table.knows(key.name));
        assert!(is_known, "`{}` is specified and in no table of the reader", key.name);
    }
}

#[test]
fn every_example_and_default_is_what_its_key_may_be() {
    for table in all() {
        for key in table.parts.iter().flat_map(|part| part.iter()) {
            let example: toml::Table = key.example.parse().unwrap_or_else(|error| panic!("{}: {error}", key.example));
            assert_eq!(example.keys().collect::<Vec<_>>(), [key.name], "the example of `{}`", key.name);
            if let Absent::Is(json) = key.default {
                let default: serde_json::Value = serde_json::from_str(json).unwrap();
                assert!(!default.is_null(), "`{}`", key.name);
            }
            let sentence = |text: &str| !text.ends_with('.') && !text.starts_with(char::is_uppercase);
            let tails = [key.interacts, key.no_effect];
            assert!(tails.iter().all(|text| text.is_empty() || sentence(text)), "`{}` ends in no full stop", key.name);
            assert!(key.meaning.ends_with('.'), "the meaning of `{}` is a sentence", key.name);
        }
    }
}
