//! Why a verb did not do what it was asked, and the exit code that says so.

use crate::print;
use crate::wire::ProblemDetails;
use crate::wire::code::{self, Code};

/// Not done.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Failure {
    pub(crate) exit: u8,
    pub(crate) message: String,
    pub(crate) hint: Option<String>,
    /// The daemon's own code, if it was the daemon who refused.
    pub(crate) code: Option<Code>,
}

impl Failure {
    /// A failure with that exit code.
    pub(crate) fn new(exit: u8, message: impl Into<String>) -> Self {
        Failure { exit, message: message.into(), hint: None, code: None }
    }

    /// The words make no sense.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Failure::new(code::USAGE, message)
    }

    /// The same, with what to do next.
    #[must_use]
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Says it, and returns the exit code.
    pub(crate) fn tell(&self) -> u8 {
        print::talk(&format!("error: {}", self.message));
        if let Some(hint) = &self.hint {
            print::talk(&format!("hint: {hint}"));
        }
        self.exit
    }

    /// There is no such thing.
    pub(crate) fn is_not_found(&self) -> bool {
        self.code == Some(Code::NotFound)
    }

    /// Nobody is there to answer, at least for now.
    pub(crate) fn is_absence(&self) -> bool {
        self.exit == code::NO_DAEMON
    }
}

impl From<ProblemDetails> for Failure {
    fn from(problem: ProblemDetails) -> Self {
        let code = Code::named(&problem.code);
        // A newer daemon may have codes that we do not know; the status says enough.
        let exit = code.map_or_else(|| exit_of(problem.status), |code| code.entry().exit);
        let mut message = problem.detail;
        for error in &problem.errors {
            message.push_str(&format!("\n  {error}"));
        }
        Failure { exit, message, hint: problem.hint, code }
    }
}

fn exit_of(status: u16) -> u8 {
    match status {
        401 | 403 => code::NOT_ALLOWED,
        404 | 410 => code::NOT_FOUND,
        409 => code::CONFLICT,
        422 => code::INVALID,
        400 | 405 | 413 | 415 => code::USAGE,
        _ => code::FAILED,
    }
}
