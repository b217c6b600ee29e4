//! Texts with values in them, in minijinja's language cut down to what cannot surprise: expressions, `if` and `for`, a
//! closed list of filters (`filters`), no functions, no includes, no clock and no chance. What a text may name is checked
//! when its file is read (`check`), so that rendering fails only over what nobody could know before: a value that a task
//! did not leave, a text that grows too long.
//!
//! A text without `{{`, `{%` and `{#` is no template and is never looked at again. What is rendered is bounded in work
//! and in length. An undefined value is an error, never an empty text.

mod check;
mod filters;

pub use check::{Scope, Tasks, check, check_condition};
pub use filters::FILTERS;

use std::fmt;
use std::io;
use std::sync::Arc;

use jiff::Zoned;
use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Object, ObjectRepr, ValueKind};
use minijinja::{AutoEscape, Environment, ErrorKind, UndefinedBehavior, Value};
use serde_json::{Map, Value as Json};

/// The longest text that a template becomes, in bytes.
pub const MAX_RENDERED: usize = 256 << 10;
/// How many instructions one rendering takes at most.
pub const FUEL: u64 = 200_000;
/// How many bytes of texts are kept compiled; beyond that the memory of them starts anew.
const MAX_KEPT: usize = 2 << 20;

/// Whether `text` is a template at all.
pub fn is_template(text: &str) -> bool {
    text.as_bytes().windows(2).any(|pair| pair[0] == b'{' && matches!(pair[1], b'{' | b'%' | b'#'))
}

fn syntax() -> SyntaxConfig {
    // What is not a template is handed on as it is, its last line end too.
    SyntaxConfig::builder().keep_trailing_newline(true).build().expect("because the delimiters are the usual ones")
}

/// Renders templates, and keeps those that it has compiled.
pub struct Templates {
    environment: Environment<'static>,
    n_bytes: usize,
}

impl fmt::Debug for Templates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Templates").field("n_bytes", &self.n_bytes).finish_non_exhaustive()
    }
}

impl Default for Templates {
    fn default() -> Self {
        let mut environment = Environment::empty();
        environment.set_syntax(syntax());
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_auto_escape_callback(|_| AutoEscape::None);
        environment.set_fuel(Some(FUEL));
        environment.set_recursion_limit(64);
        environment.set_debug(false);
        environment.set_formatter(|out, _, value| filters::write(out, value));
        filters::install(&mut environment);
        Templates { environment, n_bytes: 0 }
    }
}

impl Templates {
    /// `text` with its values, or why it has none.
    pub fn render(&mut self, text: &str, values: &Values) -> Result<String, String> {
        if !is_template(text) {
            return Ok(text.to_owned());
        }
        if self.environment.get_template(text).is_err() {
            if self.n_bytes.saturating_add(text.len()) > MAX_KEPT {
                self.environment.clear_templates();
                self.n_bytes = 0;
            }
            let added = self.environment.add_template_owned(text.to_owned(), text.to_owned());
            added.map_err(|error| explain(text, &error))?;
            self.n_bytes += text.len();
        }
        let template = self.environment.get_template(text).map_err(|error| explain(text, &error))?;
        let mut rendered = Bounded(Vec::new());
        template.render_captured_to(values.0.clone(), &mut rendered).map_err(|error| explain(text, &error))?;
        String::from_utf8(rendered.0).map_err(|_| "the result is not UTF-8".to_owned())
    }
}

impl Templates {
    /// Whether the expression is true; or why it is neither true nor false. What is evaluated is not kept compiled: it is
    /// one line, and asked once for each run.
    pub fn holds(&self, expression: &str, values: &Values) -> Result<bool, String> {
        let compiled = self.environment.compile_expression_owned(expression.to_owned());
        let compiled = compiled.map_err(|error| explain(expression, &error))?;
        let value = compiled.eval(values.0.clone()).map_err(|error| explain(expression, &error))?;
        if value.kind() == ValueKind::Bool {
            return Ok(value.is_true());
        }
        Err(match value.is_undefined() {
            true => format!("`{}` has no value", expression.trim()),
            false => format!("it comes to a {}, and must come to true or false", value.kind()),
        })
    }
}

/// Takes so many bytes and refuses more.
struct Bounded(Vec<u8>);

impl io::Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.len() + bytes.len() > MAX_RENDERED {
            return Err(io::Error::from(io::ErrorKind::FileTooLarge));
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What went wrong, with the part of the template that it went wrong at.
fn explain(text: &str, error: &minijinja::Error) -> String {
    let part = error.range().and_then(|range| text.get(chain_start(text, range.start)..range.end));
    let part = part.map(str::trim).filter(|part| part.len() <= 80 && !part.is_empty());
    #[expect(clippy::wildcard_enum_match_arm, reason = "the engine's own words are good enough for the other kinds")]
    let what = match error.kind() {
        ErrorKind::OutOfFuel => "it takes too long".to_owned(),
        ErrorKind::WriteFailure => format!("the result is longer than {MAX_RENDERED} bytes (256 KiB)"),
        ErrorKind::UndefinedError => match part {
            Some(part) => return format!("`{part}` has no value"),
            None => "a value is not there".to_owned(),
        },
        kind => error.detail().map_or_else(|| kind.to_string(), str::to_owned),
    };
    match part {
        Some(part) => format!("{what}, at `{part}`"),
        None => what,
    }
}

/// Where the chain of names begins that goes on at `at`: the engine says of `a.b` only where `.b` is.
fn chain_start(text: &str, at: usize) -> usize {
    let is_dotted = text.get(at..).is_some_and(|rest| rest.starts_with(['.', '[']));
    let is_name = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.' | '[' | ']' | '"' | '\'');
    match text.get(..at) {
        Some(before) if is_dotted => before.trim_end_matches(is_name).len(),
        Some(_) | None => at,
    }
}

/// What the run is, to its templates.
#[derive(Clone, Debug)]
pub struct RunFacts<'a> {
    /// Its id.
    pub id: String,
    /// Its job; empty for what was submitted ad hoc.
    pub job: &'a str,
    /// Its number within its job.
    pub number: Option<u64>,
    /// Why it exists.
    pub cause: &'a str,
    /// The attempt that is being prepared, where there is one.
    pub attempt: Option<u32>,
}

/// What a task left that has ended.
#[derive(Clone, Debug)]
pub struct Finished<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its state.
    pub state: &'a str,
    /// Its exit code, if it had one.
    pub exit_code: Option<i32>,
    /// What it wrote to stdout.
    pub output: &'a str,
    /// The named values that it left.
    pub outputs: Map<String, Json>,
}

/// The values that a template may name.
#[derive(Clone, Debug)]
pub struct Values(Value);

impl Values {
    /// The values of one run, at one of its tasks or at its end.
    pub fn new(params: &Map<String, Json>, run: &RunFacts<'_>, scheduled_at: Zoned, tasks: &[Finished<'_>]) -> Values {
        let fields = |task: &Finished<'_>| {
            let fields = [
                ("state", Value::from(task.state)),
                ("exit_code", Value::from(task.exit_code)),
                // As `$(command)` of a shell has it: the line end of the last line is nobody's value.
                ("output", Value::from(task.output.trim_end_matches(['\n', '\r']))),
                ("outputs", named(&task.outputs)),
            ];
            Value::from_pairs(fields)
        };
        let mut facts = vec![
            ("id", Value::from(run.id.as_str())),
            ("job", Value::from(run.job)),
            ("number", Value::from(run.number)),
            ("cause", Value::from(run.cause)),
        ];
        facts.extend(run.attempt.map(|attempt| ("attempt", Value::from(attempt))));
        Values(Value::from_pairs([
            ("params", named(params)),
            ("run", Value::from_pairs(facts)),
            ("scheduled_at", Value::from_object(Instant(scheduled_at))),
            ("tasks", Value::from_pairs(tasks.iter().map(|task| (task.name, fields(task))))),
        ]))
    }
}

fn named(values: &Map<String, Json>) -> Value {
    Value::from_pairs(values.iter().map(|(name, value)| (name.as_str(), of_json(value))))
}

fn of_json(json: &Json) -> Value {
    match json {
        Json::Null => Value::from(()),
        Json::Bool(flag) => Value::from(*flag),
        Json::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(whole), _) => Value::from(whole),
            (None, Some(whole)) => Value::from(whole),
            (None, None) => Value::from(number.as_f64()),
        },
        Json::String(text) => Value::from(text.as_str()),
        Json::Array(items) => items.iter().map(of_json).collect(),
        Json::Object(fields) => named(fields),
    }
}

/// An instant with its zone. As text it is RFC 3339 with the zone's offset.
#[derive(Debug)]
struct Instant(Zoned);

impl Object for Instant {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.strftime(filters::RFC_3339))
    }
}

#[cfg(test)]
mod tests;
