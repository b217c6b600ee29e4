//! How a refusal travels: problem details as RFC 9457 has them, `application/problem+json`. The type is always
//! `about:blank`, so the title is the status' own phrase; what programs branch on is `code`.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::code::Code;
use crate::model::invalid::Problem;
use crate::model::refused::Refused;

/// The media type of a problem.
pub const MEDIA_TYPE: &str = "application/problem+json";

/// One refusal.
#[derive(Clone, PartialEq, Debug, JsonSchema, Serialize, Deserialize)]
pub struct ProblemDetails {
    /// Always `about:blank`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The phrase of the status.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What is refused, for people.
    pub detail: String,
    /// The stable code of `wire::code`.
    pub code: String,
    /// The next thing to do.
    pub hint: Option<String>,
    /// What is wrong with what was written, place by place.
    #[serde(default)]
    pub errors: Vec<Place>,
}

/// One place of what was written, and what is wrong there.
#[derive(Clone, PartialEq, Eq, Debug, JsonSchema, Serialize, Deserialize)]
pub struct Place {
    /// The file; nothing for the body of the request.
    pub file: Option<String>,
    /// Counted from 1.
    pub line: u32,
    /// In characters, counted from 1.
    pub column: u32,
    /// What is wrong.
    pub detail: String,
    /// The next thing to do.
    pub hint: Option<String>,
}

impl From<Problem> for Place {
    fn from(problem: Problem) -> Self {
        let Problem { path, line, column, message, hint, .. } = problem;
        Place { file: Some(path).filter(|path| !path.is_empty()), line, column, detail: message, hint }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(file) = &self.file {
            write!(f, "{file}:")?;
        }
        write!(f, "{}:{}: {}", self.line, self.column, self.detail)?;
        match &self.hint {
            Some(hint) => write!(f, " (hint: {hint})"),
            None => Ok(()),
        }
    }
}

impl ProblemDetails {
    /// A refusal of that kind.
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        let entry = code.entry();
        let title = http::StatusCode::from_u16(entry.status).ok().and_then(|status| status.canonical_reason());
        ProblemDetails {
            kind: "about:blank".to_owned(),
            title: title.unwrap_or("Refused").to_owned(),
            status: entry.status,
            detail: detail.into(),
            code: entry.code.to_owned(),
            hint: None,
            errors: Vec::new(),
        }
    }

    /// The same, with the places that are wrong.
    #[must_use]
    pub fn at(mut self, errors: impl IntoIterator<Item = impl Into<Place>>) -> Self {
        self.errors.extend(errors.into_iter().map(Into::into));
        self
    }

    /// The same, with what to do next.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl From<&Refused> for ProblemDetails {
    fn from(refused: &Refused) -> Self {
        ProblemDetails { hint: refused.hint(), ..ProblemDetails::new(Code::from(refused), refused.to_string()) }
    }
}

impl From<Refused> for Box<ProblemDetails> {
    fn from(refused: Refused) -> Self {
        Box::new(ProblemDetails::from(&refused))
    }
}

impl From<Refused> for ProblemDetails {
    fn from(refused: Refused) -> Self {
        ProblemDetails::from(&refused)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_names_its_code_its_status_and_what_to_do() {
        let refused = Refused::NotFound { what: "job", name: "nightly".into() };
        let shown = serde_json::to_value(ProblemDetails::from(&refused)).expect("because it is plain data");
        assert_eq!(
            shown,
            serde_json::json!({
                "type": "about:blank", "title": "Not Found", "status": 404, "code": "not_found",
                "detail": "there is no job `nightly`", "hint": "`campanile ctl jobs` lists the jobs", "errors": [],
            })
        );
    }
}
