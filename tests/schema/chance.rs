//! Files by chance, made from the specifications: mostly right, and wrong often enough to be of use. The numbers that
//! decide come from outside, so that a failure can be made smaller.

use campanile::files::spec::{Kind, Names, Table};
use serde_json::{Map, Value, json};

/// The numbers that decide; zeros when they are used up.
pub(crate) struct Chance {
    numbers: std::vec::IntoIter<u16>,
}

impl Chance {
    pub(crate) fn new(numbers: Vec<u16>) -> Chance {
        Chance { numbers: numbers.into_iter() }
    }

    fn below(&mut self, n: usize) -> usize {
        usize::from(self.numbers.next().unwrap_or_default()) % n
    }

    fn one<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.below(of.len())]
    }
}

/// A table with some of its keys.
pub(crate) fn table(of: &'static Table, chance: &mut Chance) -> Value {
    let mut entries = Map::new();
    let groups: Vec<&str> = of.one_of.iter().chain(of.not_both).flat_map(|group| group.iter().copied()).collect();
    for group in of.one_of {
        let known: Vec<&str> = group.iter().copied().filter(|key| of.knows(key)).collect();
        add(of, chance.one(&known), chance, &mut entries);
    }
    for group in of.not_both {
        let known: Vec<&str> = group.iter().copied().filter(|key| of.knows(key)).collect();
        if chance.below(3) > 0 && !known.is_empty() {
            add(of, chance.one(&known), chance, &mut entries);
        }
    }
    for must in of.must {
        add(of, must, chance, &mut entries);
    }
    let others: Vec<&str> = of.entries().map(|key| key.name).filter(|name| !groups.contains(name)).collect();
    for _ in 0..chance.below(4) * usize::from(!others.is_empty()) {
        add(of, chance.one(&others), chance, &mut entries);
    }
    // Now and then what must not be.
    match chance.below(40) {
        1 if !groups.is_empty() => add(of, chance.one(&groups), chance, &mut entries),
        2 => drop(entries.insert("unknown".to_owned(), json!(1))),
        3 => drop(entries.insert("x-note".to_owned(), json!(1))),
        _ => {}
    }
    Value::Object(entries)
}

fn add(of: &'static Table, name: &str, chance: &mut Chance, entries: &mut Map<String, Value>) {
    if let Some(key) = of.entries().find(|key| key.name == name) {
        entries.insert(name.to_owned(), value(&key.kind, chance));
    }
}

fn value(kind: &Kind, chance: &mut Chance) -> Value {
    if chance.below(60) == 1 {
        let wrong = [json!(5), json!(""), json!(true), json!(0.5), json!(["a"])];
        return wrong[chance.below(5)].clone();
    }
    match kind {
        // table
        Kind::Text | Kind::Full | Kind::Filled | Kind::Regex | Kind::Program | Kind::Any => {
            json!(chance.one(&["a", "task.failed", " ", "é\n", "*", "/a b", ""]))
        }
        Kind::Shell => json!(chance.one(&["true", "echo {{.State}}", "echo {{ run.id }}", "#!/bin/sh\ntrue"])),
        Kind::Word(words) => json!(chance.one(words)),
        Kind::Bool => json!(chance.below(2) == 0),
        Kind::True => json!(true),
        Kind::Integer(least, most) => json!([*least, *most, 1, 2][chance.below(4)]),
        Kind::Number(least, most) => json!([f64::from(*least), f64::from(*most), 1.0, 0.5][chance.below(4)]),
        Kind::AnyNumber => json!(0.5),
        Kind::Duration | Kind::SomeDuration => json!(chance.one(&[
            "250ms", "1h30m", "1h 30m", "2 days", "1.5h", "PT1H", "p1dt2h", "0s", " 5s ", "1h, 3m", "10us", "1:02:03",
            "+5s",
        ])),
        Kind::Size(..) => {
            if chance.below(2) == 0 {
                json!(512)
            } else {
                json!(chance.one(&["16MiB", "1 k", "7", "3b", "9GB", "1ki"]))
            }
        }
        Kind::Instant => json!(chance.one(&[
            "2027-01-01T09:00:00Z",
            "2027-01-01T09:00:00",
            "2027-01-01 09:00",
            "2027-01-01t09:00:00+01:00",
            "20270101T090000Z",
            "+002027-01-01T09:00:00Z",
        ])),
        Kind::TimeOfDay => json!(chance.one(&["22:00", "06:00:30", "24:00", "25:00"])),
        Kind::Cron => {
            json!(chance.one(&["@daily", "H 3 * * *", " */5 * * * * * ", "0\t0 * * MON", "@Start", "0 0 L * *"]))
        }
        Kind::Quartz => json!(chance.one(&["0 0 12 ? * MON-FRI", "0 0 0 1 1 ? 2030", "* * * * * *"])),
        Kind::Zone => json!(chance.one(&["UTC", "Europe/Berlin", "europe/berlin"])),
        Kind::Path | Kind::Folder | Kind::AbsolutePath => json!(chance.one(&["/a", "/", "a/b", " ", "/a b"])),
        Kind::Name => json!(chance.one(&["a", "a.b-c_0", "A"])),
        Kind::Url => json!(chance.one(&["http://a/", " HTTPS://a", "http:a", "ftp://a"])),
        Kind::MayBeAbsent => json!(chance.one(&["/a", "-/a", "a"])),
        Kind::Variable => json!(chance.one(&["A", "_b1", "a b"])),
        Kind::Method => json!(chance.one(&["GET", "post", "x y"])),
        Kind::Account => json!(chance.one(&["backup", "_apt", "1000", "machine$", "Root", "a b"])),
        Kind::Mask => json!(chance.one(&["022", "0027", "0o77", "77"])),
        Kind::Digest => json!("0".repeat(64)),
        Kind::Listen => json!(chance.one(&["127.0.0.1:80", "[::1]:8080"])),
        Kind::Status => json!([json!(200), json!("2xx"), json!("200-204")][chance.below(3)]),
        Kind::List(item, least, _) => {
            let n = (*least).max(chance.below(3));
            (0..n).map(|_| value(item, chance)).collect()
        }
        Kind::Map(names, kind, _) => {
            let names: &[&str] = match names {
                Names::Job | Names::Param => &["a", "b", "c", "a.b", "0"],
                Names::Variable => &["A", "_b1", "LC_ALL", "CAMPANILE_A"],
                Names::Header => &["X-A", "x!y", "Authorization", "a b"],
                Names::Output => &["a", "_B-c", "1a"],
                Names::Any => &["a", "B c", ""],
            };
            let n = 1 + chance.below(2);
            Value::Object((0..n).map(|_| (chance.one(names).to_owned(), value(kind, chance))).collect())
        }
        Kind::Table(of) => table(of, chance),
        Kind::Tables(of, _) => {
            let n = chance.below(3);
            (0..n).map(|_| table(of, chance)).collect()
        }
        Kind::Either(kinds) => {
            let at = chance.below(kinds.len());
            value(&kinds[at], chance)
        }
    }
}
