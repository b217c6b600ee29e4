//! What may be written for a key: the kinds of values, and how a sentence names each.

use super::Table;

/// What may be written.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// Any text.
    Text,
    /// Text that says something.
    Full,
    /// Text that is not empty.
    Filled,
    /// A regular expression.
    Regex,
    /// A program without blanks.
    Program,
    /// A path from the root; a `-` before it lets the file be absent.
    MayBeAbsent,
    /// The name of a variable.
    Variable,
    /// The name or the number of a user or a group.
    Account,
    /// An HTTP method.
    Method,
    /// Text for a shell: no template of ours in it.
    Shell,
    /// One of these words.
    Word(&'static [&'static str]),
    /// True or false.
    Bool,
    /// Only true.
    True,
    /// A whole number within bounds.
    Integer(i64, i64),
    /// A number within bounds.
    Number(u32, u32),
    /// Any number.
    AnyNumber,
    /// A length of time.
    Duration,
    /// A length of time above zero.
    SomeDuration,
    /// Bytes, from so many to so many.
    Size(u32, u64),
    /// A date and time.
    Instant,
    /// A time on the clock.
    TimeOfDay,
    /// A cron expression.
    Cron,
    /// A Quartz expression.
    Quartz,
    /// An IANA zone.
    Zone,
    /// A path; relative ones lie beside the file.
    Path,
    /// A path that is no mere word.
    Folder,
    /// A path from the root.
    AbsolutePath,
    /// A name by the rule for jobs.
    Name,
    /// An address to call.
    Url,
    /// The mask of modes, as text in octal.
    Mask,
    /// The SHA-256 of something, as hexadecimal text.
    Digest,
    /// An address and a port.
    Listen,
    /// An HTTP status, or a range or class of them.
    Status,
    /// Any value.
    Any,
    /// Items in order: at least so many, at most so many.
    List(&'static Kind, usize, usize),
    /// Named values: at most so many.
    Map(Names, &'static Kind, usize),
    /// A table.
    Table(&'static Table),
    /// Tables under one head: at most so many.
    Tables(&'static Table, usize),
    /// Any of these.
    Either(&'static [Kind]),
}

/// What the names of a map may be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Names {
    /// By the rule for jobs.
    Job,
    /// Variables of an environment, ours excepted.
    Variable,
    /// Parameters.
    Param,
    /// HTTP headers.
    Header,
    /// Outputs of a run.
    Output,
    /// Any.
    Any,
}

impl Kind {
    /// The tables that are part of it.
    pub fn tables(&self) -> Vec<&'static Table> {
        #[expect(clippy::wildcard_enum_match_arm, reason = "the other kinds hold no table")]
        match self {
            Kind::Table(table) | Kind::Tables(table, _) => vec![table],
            Kind::List(kind, ..) | Kind::Map(_, kind, _) => kind.tables(),
            Kind::Either(kinds) => kinds.iter().flat_map(Kind::tables).collect(),
            _ => Vec::new(),
        }
    }

    /// What a sentence calls it: "a duration".
    pub fn words(&self) -> String {
        let fixed = match self {
            // table
            Kind::Text | Kind::Full | Kind::Filled | Kind::Shell => "text",
            Kind::Regex => "a regular expression",
            Kind::Program => "a program without spaces",
            Kind::Variable => "the name of a variable",
            Kind::Account => "a name or a number, in quotes",
            Kind::Method => "a method, in any case",
            Kind::Word(words) => return choice(words),
            Kind::Bool => "`true` | `false`",
            Kind::True => "`true`",
            Kind::Integer(..) => "a whole number",
            Kind::Number(..) | Kind::AnyNumber => "a number",
            Kind::Duration => "a duration",
            Kind::SomeDuration => "a duration, longer than zero",
            Kind::Size(..) => "bytes, or text with a unit (`KiB`, `MiB`, `GiB`, `kB`, `MB`, `GB`)",
            Kind::Instant => "a date and time, as text or as TOML's own",
            Kind::TimeOfDay => "a time of the day, as `22:00`",
            Kind::Cron => "a cron expression",
            Kind::Quartz => "a Quartz expression",
            Kind::Zone => "the name of an IANA zone",
            Kind::Path | Kind::Folder => "a path",
            Kind::AbsolutePath | Kind::MayBeAbsent => "an absolute path",
            Kind::Name => "a name",
            Kind::Url => "an `http` or `https` address",
            Kind::Mask => "three octal digits, in quotes",
            Kind::Digest => "text of 64 hexadecimal digits",
            Kind::Listen => "text, an address and a port",
            Kind::Status => "a status, a class as in `\"2xx\"` or a range as in `\"200-204\"`",
            Kind::Any => "any value",
            Kind::List(item, least, _) => {
                return format!("list of {}{}", item.plural(), if *least > 0 { ", not empty" } else { "" });
            }
            Kind::Map(_, value, _) => return format!("table of {}", value.plural()),
            Kind::Table(table) => return format!("table of {}", listed(table)),
            Kind::Tables(..) => "list of tables",
            Kind::Either(kinds) => return kinds.iter().map(Kind::words).collect::<Vec<_>>().join(" or "),
        };
        fixed.to_owned()
    }

    /// Several of it: "durations".
    fn plural(&self) -> String {
        #[expect(clippy::wildcard_enum_match_arm, reason = "the other kinds are in no list")]
        match self {
            Kind::Text | Kind::Full | Kind::Filled => "texts".to_owned(),
            Kind::Regex => "regular expressions".to_owned(),
            Kind::Name | Kind::Variable => "names".to_owned(),
            Kind::Path | Kind::AbsolutePath => "paths".to_owned(),
            Kind::MayBeAbsent => "absolute paths".to_owned(),
            Kind::Integer(..) => "whole numbers".to_owned(),
            Kind::Status => "statuses, or of classes (`\"2xx\"`) and ranges (`\"200-204\"`) of them".to_owned(),
            Kind::Any => "values".to_owned(),
            Kind::Table(table) if table.name == "reference" => "[references](#references)".to_owned(),
            Kind::Table(_) => "tables".to_owned(),
            Kind::Either(kinds) => kinds.iter().map(Kind::plural).collect::<Vec<_>>().join(" or "),
            other => other.words(),
        }
    }
}

fn choice(words: &[&str]) -> String {
    words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(" | ")
}

fn listed(table: &'static Table) -> String {
    if table.name == "reference" {
        return "a [reference](job-file.md#references)".to_owned();
    }
    table.entries().map(|key| format!("`{}`", key.name)).collect::<Vec<_>>().join(", ")
}
