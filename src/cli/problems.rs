//! How problems and warnings of files are shown, by every command that reads some: problems are the data and go to stdout,
//! warnings are talk. For programs both are data: one JSON object a line.

use std::collections::BTreeMap;
use std::io::Read;

use crate::files::{InvalidFile, diagnostics, syntax};
use crate::model::invalid::Problem;
use crate::print;

/// How what is found is shown.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Lines,
    Terminal,
    Json,
}

/// Shows problems and counts them.
pub(super) struct Problems {
    form: Form,
    n: usize,
    /// Texts that problems are shown in.
    texts: BTreeMap<String, String>,
}

impl Problems {
    /// Shown to people, or as JSON.
    pub(super) fn new(json: bool) -> Self {
        let form = match (json, print::shows_data_on_terminal()) {
            (true, _) => Form::Json,
            (false, true) => Form::Terminal,
            (false, false) => Form::Lines,
        };
        Problems { form, n: 0, texts: BTreeMap::new() }
    }

    /// How many were shown.
    pub(super) fn n(&self) -> usize {
        self.n
    }

    /// The text of a file that cannot be read again.
    pub(super) fn remember(&mut self, path: String, text: String) {
        self.texts.insert(path, text);
    }

    /// Shows all that is wrong with these files, in order.
    pub(super) fn of_files(&mut self, invalid: Vec<InvalidFile>) {
        let mut problems: Vec<Problem> = invalid.into_iter().flat_map(|file| file.problems).collect();
        problems.sort_by(|a, b| (&a.path, a.line, a.column).cmp(&(&b.path, b.line, b.column)));
        // What is wrong above several jobs was found with each of them.
        problems.dedup();
        self.show(&problems);
    }

    /// Shows them.
    pub(super) fn show(&mut self, problems: &[Problem]) {
        for problem in problems {
            self.n += 1;
            let shown = match self.form {
                Form::Json => as_json(problem, "error"),
                Form::Lines => format!("{problem}\n"),
                Form::Terminal => {
                    let text = self.texts.entry(problem.path.clone()).or_insert_with(|| text_of(&problem.path));
                    diagnostics::with_source(problem, text)
                }
            };
            print::data(&shown);
        }
    }

    /// Shows what is most likely not meant.
    pub(super) fn warn(&self, warnings: &[Problem]) {
        for warning in warnings {
            match self.form {
                Form::Json => print::data(&as_json(warning, "warning")),
                Form::Lines | Form::Terminal => print::talk(&format!("warning: {warning}")),
            }
        }
    }
}

/// The text of a regular file, as far as one is read at all.
fn text_of(path: &str) -> String {
    let is_file = std::fs::metadata(path).is_ok_and(|about| about.is_file());
    let file = if is_file { std::fs::File::open(path).ok() } else { None };
    let mut bytes = Vec::new();
    let read = file.map(|file| file.take(syntax::MAX_BYTES + 1).read_to_end(&mut bytes));
    if matches!(read, Some(Ok(_))) { String::from_utf8_lossy(&bytes).into_owned() } else { String::new() }
}

fn as_json(problem: &Problem, severity: &str) -> String {
    let Problem { path, line, column, end_line, end_column, message, hint } = problem;
    let object = serde_json::json!({
        "file": path, "line": line, "column": column, "end_line": end_line, "end_column": end_column,
        "message": message, "hint": hint, "severity": severity,
    });
    format!("{object}\n")
}
