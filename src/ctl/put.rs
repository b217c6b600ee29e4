//! `ctl job put NAME < file`: hands the daemon a job file. It checks the text as it would check a file of its folders; what
//! is wrong comes back place by place, and nothing is put.

use std::io::{IsTerminal, Read};

use reqwest::Method;

use super::Session;
use super::failure::Failure;
use super::format::Format;
use super::jobs;
use crate::print;
use crate::wire::code;

/// The words of `ctl job put`.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  campanile ctl job put fresh < fresh.toml
  echo '{\"shell\": \"true\"}' | campanile ctl job put fresh --format json")]
pub(crate) struct Words {
    /// The job's name
    name: String,
    /// How it is written; without it, what it begins with tells
    #[arg(long = "format", value_name = "FORMAT", value_enum)]
    syntax: Option<Syntax>,
}

/// The ways to write a job file.
#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
pub(crate) enum Syntax {
    Toml,
    Yaml,
    Json,
}

impl Syntax {
    fn media_type(self) -> &'static str {
        match self {
            Syntax::Toml => "application/toml",
            Syntax::Yaml => "application/yaml",
            Syntax::Json => "application/json",
        }
    }

    /// What the first line that says anything looks like: JSON begins with a brace; YAML with `---` or `key:`, where TOML
    /// has `[` or `key =`.
    fn guess(text: &[u8]) -> Self {
        let text = String::from_utf8_lossy(text);
        let mut lines = text.trim_start_matches('\u{feff}').lines().map(str::trim);
        let first = lines.find(|line| !line.is_empty() && !line.starts_with('#')).unwrap_or_default();
        let key = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '"' | '\'' | '.' | ' ');
        if first.starts_with('{') {
            Syntax::Json
        } else if first.starts_with("---") || first.starts_with('%') || first.trim_start_matches(key).starts_with(':') {
            Syntax::Yaml
        } else {
            Syntax::Toml
        }
    }
}

pub(crate) async fn run(session: &Session, Words { name, syntax }: Words) -> Result<u8, Failure> {
    let mut stdin = std::io::stdin().lock();
    if stdin.is_terminal() {
        return Err(
            Failure::usage("no job file came").hint(format!("send one: `campanile ctl job put {name} < {name}.toml`"))
        );
    }
    let mut text = Vec::new();
    stdin.read_to_end(&mut text).map_err(|error| Failure::usage(format!("stdin cannot be read: {error}")))?;
    let syntax = syntax.unwrap_or_else(|| Syntax::guess(&text));
    session.client.hand(Method::PUT, &["jobs", &name], syntax.media_type(), text).await?;
    print::talk(&format!("put `{name}`"));
    if session.format != Format::Table {
        jobs::show(session, &name).await?;
    }
    Ok(code::DONE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_a_job_is_written_is_told_from_its_beginning() {
        for (text, expected) in [
            ("cron = \"@daily\"\n", Syntax::Toml),
            ("# a: comment\n\n[tasks.main]\n", Syntax::Toml),
            ("\"quoted key\" = 1", Syntax::Toml),
            ("shell = 'a: b'", Syntax::Toml),
            ("{\"shell\": \"true\"}", Syntax::Json),
            ("  \n{", Syntax::Json),
            ("---\nshell: true\n", Syntax::Yaml),
            ("# yes\nshell: x = 1\n", Syntax::Yaml),
            ("", Syntax::Toml),
        ] {
            assert_eq!(Syntax::guess(text.as_bytes()), expected, "{text}");
        }
    }
}
