//! The one table of refusals: each has a stable code for programs, an HTTP status, and the exit code of the command that
//! meets it. `docs/reference/exit-codes.md` is printed from here.

use crate::model::refused::Refused;

/// Done; the run completed.
pub const DONE: u8 = 0;
/// The run, or the request, failed.
pub const FAILED: u8 = 1;
/// Wrong usage.
pub const USAGE: u8 = 2;
/// There is no such thing.
pub const NOT_FOUND: u8 = 3;
/// Not allowed.
pub const NOT_ALLOWED: u8 = 4;
/// In conflict with the current state.
pub const CONFLICT: u8 = 5;
/// Nobody answers at the socket.
pub const NO_DAEMON: u8 = 6;
/// An invalid file or configuration; a newer or damaged database.
pub const INVALID: u8 = 7;
/// What was waited for did not come in time.
pub const GAVE_UP_WAITING: u8 = 124;

/// Every exit code, with what it means.
pub const EXITS: &[(u8, &str)] = &[
    (DONE, "done; the run completed"),
    (FAILED, "the run, or the request, failed"),
    (USAGE, "wrong usage"),
    (NOT_FOUND, "not found"),
    (NOT_ALLOWED, "not allowed"),
    (CONFLICT, "conflict with the current state; another daemon has this state folder"),
    (NO_DAEMON, "no daemon there"),
    (INVALID, "invalid file, configuration; a newer or damaged database"),
    (GAVE_UP_WAITING, "gave up waiting"),
];

/// A kind of refusal.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Code {
    /// There is no such thing.
    NotFound,
    /// The words fit more than one thing.
    Ambiguous,
    /// A transition that no table lists.
    Transition,
    /// A run that has ended.
    RunAlreadyEnded,
    /// A task that has ended.
    TaskAlreadyEnded,
    /// A job whose file is gone.
    JobRetired,
    /// No due time lies ahead there.
    NotDue,
    /// The gate said no.
    NotAdmitted,
    /// There can be no such backfill.
    NotBackfilled,
    /// A backfill that has ended.
    BackfillAlreadyEnded,
    /// The values of a job's parameters do not fit.
    InvalidParams,
    /// It is so already.
    Already,
    /// It makes no sense as written.
    BadRequest,
    /// What was written is wrong.
    Invalid,
    /// A job that a file in an operator's folder defines.
    DefinedElsewhere,
    /// The daemon is stopping.
    Stopping,
    /// Nothing can be written now.
    Unavailable,
    /// Campanile itself failed.
    Internal,
    /// Who asks may not.
    NotAllowed,
    /// No such address.
    NoRoute,
    /// The address does not take this method.
    MethodNotAllowed,
    /// The body did not arrive in time.
    TooSlow,
    /// The events asked for are no longer kept.
    Pruned,
    /// The body is larger than this address takes.
    TooLarge,
    /// The body is of another kind than this address takes.
    UnsupportedMediaType,
    /// An `Idempotency-Key` that was used for another request.
    KeyReused,
    /// Too many streams are open.
    Busy,
    /// Who asks does not say who they are.
    Unauthorized,
    /// A page of another origin asks, or by a name that is not ours.
    ForeignOrigin,
    /// The daemon is not ready, or its engine does not step.
    NotReady,
}

/// One line of the table.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Entry {
    /// For programs; never changes.
    pub code: &'static str,
    /// The HTTP status.
    pub status: u16,
    /// The exit code of a command that meets it.
    pub exit: u8,
    /// For the page.
    pub meaning: &'static str,
}

impl Code {
    /// Every kind.
    pub const ALL: &'static [Code] = &[
        Code::NotFound,
        Code::Ambiguous,
        Code::Transition,
        Code::RunAlreadyEnded,
        Code::TaskAlreadyEnded,
        Code::JobRetired,
        Code::NotDue,
        Code::NotAdmitted,
        Code::NotBackfilled,
        Code::BackfillAlreadyEnded,
        Code::InvalidParams,
        Code::Already,
        Code::BadRequest,
        Code::Invalid,
        Code::DefinedElsewhere,
        Code::Stopping,
        Code::Unavailable,
        Code::Internal,
        Code::NotAllowed,
        Code::NoRoute,
        Code::MethodNotAllowed,
        Code::TooSlow,
        Code::Pruned,
        Code::TooLarge,
        Code::UnsupportedMediaType,
        Code::KeyReused,
        Code::Busy,
        Code::Unauthorized,
        Code::ForeignOrigin,
        Code::NotReady,
    ];

    /// Its line of the table.
    pub fn entry(self) -> Entry {
        let line = |code, status, exit, meaning| Entry { code, status, exit, meaning };
        match self {
            // table
            Code::NotFound => line("not_found", 404, NOT_FOUND, "there is no such thing"),
            Code::Ambiguous => line("ambiguous", 400, USAGE, "the words fit more than one thing"),
            Code::Transition => line("transition", 409, CONFLICT, "its state does not allow it"),
            Code::RunAlreadyEnded => line("run_already_ended", 409, CONFLICT, "the run has ended"),
            Code::TaskAlreadyEnded => line("task_already_ended", 409, CONFLICT, "the task has ended"),
            Code::JobRetired => line("job_retired", 409, CONFLICT, "the job's file is gone"),
            Code::NotDue => line("not_due", 409, CONFLICT, "no due time lies ahead there"),
            Code::NotAdmitted => {
                line("not_admitted", 409, CONFLICT, "the gate says no: overlap, a pause or a precondition")
            }
            Code::NotBackfilled => line("not_backfilled", 422, USAGE, "there can be no such backfill"),
            Code::BackfillAlreadyEnded => line("backfill_already_ended", 409, CONFLICT, "the backfill has ended"),
            Code::InvalidParams => line("invalid_params", 422, USAGE, "the values of the job's parameters do not fit"),
            Code::Already => line("already", 409, CONFLICT, "it is so already"),
            Code::BadRequest => line("bad_request", 400, USAGE, "it makes no sense as written"),
            Code::Invalid => line("invalid", 422, INVALID, "what was written is wrong"),
            Code::DefinedElsewhere => line("defined_elsewhere", 409, CONFLICT, "a file of an operator defines the job"),
            Code::Stopping => line("stopping", 503, NO_DAEMON, "the daemon is stopping"),
            Code::Unavailable => line("unavailable", 503, FAILED, "nothing can be written now"),
            Code::Internal => line("internal", 500, FAILED, "Campanile itself failed"),
            Code::NotAllowed => line("not_allowed", 403, NOT_ALLOWED, "who asks may not"),
            Code::NoRoute => line("no_route", 404, NOT_FOUND, "no such address"),
            Code::MethodNotAllowed => line("method_not_allowed", 405, USAGE, "the address does not take this method"),
            Code::TooSlow => line("too_slow", 408, FAILED, "the body did not arrive in time"),
            Code::Pruned => line("pruned", 410, NOT_FOUND, "the events asked for are no longer kept"),
            Code::TooLarge => line("too_large", 413, USAGE, "the body is larger than this address takes"),
            Code::UnsupportedMediaType => line("unsupported_media_type", 415, USAGE, "the body is not JSON"),
            Code::KeyReused => line("key_reused", 422, CONFLICT, "the `Idempotency-Key` came with another request"),
            Code::Busy => line("busy", 503, FAILED, "too many streams are open"),
            Code::Unauthorized => line("unauthorized", 401, NOT_ALLOWED, "the token is missing or unknown"),
            Code::ForeignOrigin => line("foreign_origin", 403, NOT_ALLOWED, "a page of another origin asks"),
            Code::NotReady => line("not_ready", 503, FAILED, "the daemon is not ready, or does not move"),
        }
    }

    /// The kind with that stable code.
    pub fn named(code: &str) -> Option<Code> {
        Self::ALL.iter().copied().find(|kind| kind.entry().code == code)
    }
}

impl From<&Refused> for Code {
    fn from(refused: &Refused) -> Code {
        match refused {
            // table
            Refused::NotFound { .. } => Code::NotFound,
            Refused::Ambiguous { .. } => Code::Ambiguous,
            Refused::Transition { .. } => Code::Transition,
            Refused::RunAlreadyEnded { .. } => Code::RunAlreadyEnded,
            Refused::TaskAlreadyEnded { .. } => Code::TaskAlreadyEnded,
            Refused::JobRetired { .. } => Code::JobRetired,
            Refused::NotDue { .. } => Code::NotDue,
            Refused::NotAdmitted { .. } | Refused::ConditionFalse { .. } => Code::NotAdmitted,
            Refused::NotBackfilled { .. } => Code::NotBackfilled,
            Refused::BackfillAlreadyEnded { .. } => Code::BackfillAlreadyEnded,
            Refused::InvalidParams { .. } => Code::InvalidParams,
            Refused::Already { .. } => Code::Already,
            Refused::KeyReused { .. } => Code::KeyReused,
            Refused::BadRequest { .. } => Code::BadRequest,
            Refused::Stopping => Code::Stopping,
            Refused::Unavailable { .. } => Code::Unavailable,
            Refused::Internal { .. } => Code::Internal,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write;

    use super::*;

    #[test]
    fn codes_are_unique_and_lead_back() {
        for kind in Code::ALL {
            assert_eq!(Code::named(kind.entry().code), Some(*kind));
            assert!(EXITS.iter().any(|(exit, _)| *exit == kind.entry().exit), "{kind:?}");
        }
        assert_eq!(Code::named("no such code"), None);
    }

    #[test]
    fn the_page_of_exit_codes_says_what_the_table_says() {
        let mut page = "# Exit codes\n\nPrinted from `wire::code`; `just docs` writes this page anew.\n\n\
                        | exit | meaning |\n| --- | --- |\n"
            .to_owned();
        for (exit, meaning) in EXITS {
            writeln!(page, "| {exit} | {meaning} |").expect("because text takes text");
        }
        page.push_str(
            "\nA refusal of the HTTP API carries a stable `code`; `campanile ctl` ends with the exit code beside it.\n\n\
             | code | HTTP status | exit | meaning |\n| --- | --- | --- | --- |\n",
        );
        for kind in Code::ALL {
            let Entry { code, status, exit, meaning } = kind.entry();
            writeln!(page, "| `{code}` | {status} | {exit} | {meaning} |").expect("because text takes text");
        }
        crate::pages::hold("docs/reference/exit-codes.md", &page);
    }
}
