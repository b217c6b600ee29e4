//! Facts in, decision out: what an attempt's exit means for its task. Executors never decide to retry; only this does.
//!
//! Two counters bound the tries. `max_attempts` bounds attempts that failed by their own doing. An interruption (the
//! machine or the runner died, the daemon drained) is nobody's failure: it counts apart, up to `MAX_INTERRUPTIONS`, and a
//! drain counts not at all, since it happens once for each stop that an operator asks for.
//!
//! Whom an attempt called may ask to be left alone for a while: that makes the delay longer, by a day at most.

use super::deliver::MAX_RETRY_AFTER;
use super::verify;
use crate::model::definition::{Action, OnInterrupt, Retry, Task};
use crate::model::duration::Duration;
use crate::model::exit::{Exit, ExitKind, StopReason};
use crate::model::expression::Expressions;
use crate::model::outcome::Outcome;
use crate::model::state::TaskState;
use crate::model::timestamp::Steady;

/// How often a task is tried again after an interruption.
pub const MAX_INTERRUPTIONS: u32 = 3;

/// What a task becomes after its attempt.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// It did what it was to do.
    Complete,
    /// Another attempt is due.
    Retry {
        /// Not before.
        until: Steady,
    },
    /// It is over, and did not succeed.
    Fail(Outcome),
    /// It was not needed.
    Skip(Outcome),
    /// It was not wanted any more.
    Cancel,
}

impl Verdict {
    /// The state that this verdict puts the task in.
    pub fn state(self) -> TaskState {
        match self {
            Verdict::Complete => TaskState::Completed,
            Verdict::Retry { until } => TaskState::Retrying { until },
            Verdict::Fail(outcome) => TaskState::Failed(outcome),
            Verdict::Skip(outcome) => TaskState::Skipped(outcome),
            Verdict::Cancel => TaskState::Cancelled(Outcome::Cancelled),
        }
    }
}

/// A verdict and what stands behind it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Judgement {
    /// What the task becomes.
    pub verdict: Verdict,
    /// What is wrong with an attempt that ended well, if anything: what it left, or what it wrote.
    pub objection: Option<String>,
}

/// How often a task was tried, the attempt that just ended included.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Tries {
    /// All attempts.
    pub n_attempts: u32,
    /// Those of them that were interrupted, by a crash or a drain.
    pub n_interrupted: u32,
    /// Those of the interrupted that were drained.
    pub n_drained: u32,
}

/// What is wrong with an attempt that ended well.
fn objection(task: &Task, exit: &Exit, expressions: &mut Expressions) -> Option<(Outcome, String)> {
    if !is_done(task, exit) {
        return None;
    }
    let unusable = exit.outputs_error.clone().map(|error| (Outcome::InvalidRequest, error));
    unusable.or_else(|| Some((Outcome::VerificationFailed, verify::unmet(&task.success, &exit.output, expressions)?)))
}

/// What `exit` means for `task`. `cancelled` is the user's intent; `chance`, in [0, 1), moves the delay by the jitter.
pub fn judge(
    task: &Task,
    exit: &Exit,
    tries: Tries,
    cancelled: bool,
    now: Steady,
    chance: f64,
    expressions: &mut Expressions,
) -> Judgement {
    let (objected, objection) = objection(task, exit, expressions).unzip();
    // What it was to do is done; but what comes after relies on what it left and wrote.
    let seen = match objected {
        Some(outcome) => Seen::Failed { outcome, may_retry: may_repeat(task) },
        None => seen(task, exit),
    };
    let verdict = decide(task, exit, seen, tries, cancelled, now, chance);
    Judgement { verdict, objection }
}

fn decide(task: &Task, exit: &Exit, seen: Seen, tries: Tries, cancelled: bool, now: Steady, chance: f64) -> Verdict {
    match seen {
        Seen::Done => Verdict::Complete,
        Seen::NotNeeded if task.is_precondition => Verdict::Skip(Outcome::ConditionFalse),
        Seen::NotNeeded => Verdict::Skip(Outcome::ExitCode),
        Seen::Stopped => Verdict::Cancel,
        _ if cancelled => Verdict::Cancel,
        Seen::Drained => match task.on_interrupt {
            OnInterrupt::Retry if may_repeat(task) => Verdict::Retry { until: now },
            OnInterrupt::Retry | OnInterrupt::Fail => Verdict::Fail(Outcome::Interrupted),
        },
        Seen::Gone => {
            let n_crashed = tries.n_interrupted.saturating_sub(tries.n_drained);
            match task.on_interrupt {
                OnInterrupt::Retry if may_repeat(task) && n_crashed <= MAX_INTERRUPTIONS => {
                    Verdict::Retry { until: now }
                }
                OnInterrupt::Retry | OnInterrupt::Fail => Verdict::Fail(Outcome::Interrupted),
            }
        }
        Seen::Failed { outcome, may_retry } => {
            let n_failed = tries.n_attempts.saturating_sub(tries.n_interrupted);
            if may_retry && n_failed < task.retry.max_attempts {
                let ours = delay(&task.retry, n_failed, chance);
                Verdict::Retry { until: now.plus(ours.max(asked(exit, task.retry.jitter, chance))) }
            } else {
                Verdict::Fail(outcome)
            }
        }
    }
}

#[derive(Clone, Copy)]
enum Seen {
    Done,
    NotNeeded,
    Stopped,
    Drained,
    Gone,
    Failed { outcome: Outcome, may_retry: bool },
}

fn seen(task: &Task, exit: &Exit) -> Seen {
    let codes = &task.exit_codes;
    match exit.kind {
        ExitKind::Code(_) | ExitKind::Status(_) if is_done(task, exit) => Seen::Done,
        // An answer. What could not be asked (a signal, the timeout, no process) is none, and fails like any other task.
        ExitKind::Code(_) if task.is_precondition => Seen::NotNeeded,
        ExitKind::Code(code) if codes.skip.contains(&code) => Seen::NotNeeded,
        ExitKind::Code(code) => {
            let may_retry = codes.retry.is_empty() || codes.retry.contains(&code);
            Seen::Failed { outcome: Outcome::ExitCode, may_retry }
        }
        ExitKind::Signal(_) => Seen::Failed { outcome: Outcome::Signal, may_retry: true },
        ExitKind::Timeout => Seen::Failed { outcome: Outcome::Timeout, may_retry: may_repeat(task) },
        ExitKind::NotStarted => Seen::Failed { outcome: Outcome::SpawnError, may_retry: true },
        ExitKind::Status(status) => {
            Seen::Failed { outcome: Outcome::ProviderError, may_retry: may_ask_again(task, status) }
        }
        ExitKind::Unreached => Seen::Failed { outcome: Outcome::ProviderError, may_retry: true },
        ExitKind::Unanswered => Seen::Failed { outcome: Outcome::ProviderError, may_retry: may_repeat(task) },
        ExitKind::Invalid => Seen::Failed { outcome: Outcome::InvalidRequest, may_retry: false },
        ExitKind::Stopped(StopReason::Cancel) => Seen::Stopped,
        ExitKind::Stopped(StopReason::Drain) => Seen::Drained,
        ExitKind::Lost => Seen::Gone,
    }
}

/// A status that is no success may pass by itself where the receiver did not want the request *now*: 408, 425, 429 and
/// 503 say that it was not done, so that it may be made again whatever it was. The other 5xx say nothing of the kind, and
/// only what is idempotent is made again. Every other status is the same answer at the next try.
fn may_ask_again(task: &Task, status: u16) -> bool {
    match status {
        408 | 425 | 429 | 503 => true,
        500..=599 => may_repeat(task),
        _ => false,
    }
}

/// Whether what may have been done may be done again. A process is asked to bear that (`retry` is at least once); a
/// request that is not idempotent was never asked.
fn may_repeat(task: &Task) -> bool {
    !matches!(&task.action, Action::Http(request) if !request.idempotent)
}

/// The pause that whoever was called asks for, a day at most; chance only ever adds to it.
fn asked(exit: &Exit, jitter: f64, chance: f64) -> Duration {
    let asked = exit.retry_after.unwrap_or(Duration::ZERO).min(MAX_RETRY_AFTER);
    asked.times(1.0 + jitter * chance)
}

/// Whether the exit is one of success, as far as a code or a status can say so.
fn is_done(task: &Task, exit: &Exit) -> bool {
    match exit.kind {
        ExitKind::Code(code) => task.exit_codes.ok.contains(&code),
        ExitKind::Status(status) => matches!(&task.action, Action::Http(request) if request.expects(status)),
        ExitKind::Signal(_)
        | ExitKind::Timeout
        | ExitKind::Stopped(_)
        | ExitKind::Lost
        | ExitKind::NotStarted
        | ExitKind::Unreached
        | ExitKind::Unanswered
        | ExitKind::Invalid => false,
    }
}

/// The pause after the `n`th failed attempt: exponential, capped, then moved by at most `jitter` of itself either way.
pub fn delay(retry: &Retry, n: u32, chance: f64) -> Duration {
    let exponent = i32::try_from(n.saturating_sub(1)).unwrap_or(i32::MAX);
    let grown = retry.delay.times(retry.factor.powi(exponent)).min(retry.max_delay);
    grown.times(1.0 + retry.jitter * (2.0 * chance - 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::definition::{ExitCodes, Http};
    use crate::model::timestamp::Timestamp;

    const NOW: Steady = Steady(1_000_000);

    fn task(change: impl FnOnce(&mut Task)) -> Task {
        let mut task = Task::new("main", Action::Noop);
        task.retry = Retry { max_attempts: 3, jitter: 0.0, ..Retry::default() };
        change(&mut task);
        task
    }

    fn verdict(task: &Task, exit: &Exit, tries: Tries, cancelled: bool) -> Verdict {
        judge(task, exit, tries, cancelled, NOW, 0.5, &mut Expressions::default()).verdict
    }

    fn check(task: &Task, kind: ExitKind, tries: (u32, u32, u32), cancelled: bool, expected: Verdict) {
        let tries = Tries { n_attempts: tries.0, n_interrupted: tries.1, n_drained: tries.2 };
        let exit = Exit::bare(kind, Timestamp::from_micros(0));
        assert_eq!(verdict(task, &exit, tries, cancelled), expected, "{kind:?} after {tries:?}");
    }

    fn after(secs: i64) -> Verdict {
        Verdict::Retry { until: NOW.plus(Duration::from_secs(secs)) }
    }

    #[test]
    fn a_failure_is_tried_again_until_the_attempts_are_used_up() {
        let task = task(|_| ());
        for kind in [ExitKind::Code(1), ExitKind::Signal(9), ExitKind::Timeout, ExitKind::NotStarted] {
            check(&task, kind, (1, 0, 0), false, after(1));
            check(&task, kind, (2, 0, 0), false, after(2));
        }
        check(&task, ExitKind::Code(1), (3, 0, 0), false, Verdict::Fail(Outcome::ExitCode));
        check(&task, ExitKind::Signal(9), (3, 0, 0), false, Verdict::Fail(Outcome::Signal));
        check(&task, ExitKind::Timeout, (3, 0, 0), false, Verdict::Fail(Outcome::Timeout));
        check(&task, ExitKind::NotStarted, (3, 0, 0), false, Verdict::Fail(Outcome::SpawnError));
    }

    #[test]
    fn exit_codes_are_read_by_their_lists() {
        let task = task(|task| task.exit_codes = ExitCodes { ok: vec![0, 24], retry: vec![75], skip: vec![99] });
        check(&task, ExitKind::Code(24), (1, 0, 0), false, Verdict::Complete);
        check(&task, ExitKind::Code(99), (1, 0, 0), false, Verdict::Skip(Outcome::ExitCode));
        check(&task, ExitKind::Code(75), (1, 0, 0), false, after(1));
        check(&task, ExitKind::Code(1), (1, 0, 0), false, Verdict::Fail(Outcome::ExitCode));
    }

    #[test]
    fn a_precondition_says_no_by_any_code_and_fails_if_it_cannot_be_asked() {
        let asks = task(|task| (task.is_precondition, task.retry.max_attempts) = (true, 1));
        check(&asks, ExitKind::Code(0), (1, 0, 0), false, Verdict::Complete);
        for code in [1, 2, 75, 99, 127, 255] {
            check(&asks, ExitKind::Code(code), (1, 0, 0), false, Verdict::Skip(Outcome::ConditionFalse));
        }
        check(&asks, ExitKind::Signal(9), (1, 0, 0), false, Verdict::Fail(Outcome::Signal));
        check(&asks, ExitKind::Timeout, (1, 0, 0), false, Verdict::Fail(Outcome::Timeout));
        check(&asks, ExitKind::NotStarted, (1, 0, 0), false, Verdict::Fail(Outcome::SpawnError));
        check(&asks, ExitKind::Lost, (1, 1, 0), false, after(0));
        check(&asks, ExitKind::Stopped(StopReason::Cancel), (1, 0, 0), true, Verdict::Cancel);
    }

    #[test]
    fn an_interruption_is_nobodys_failure_and_is_bounded() {
        let retried = task(|task| task.retry.max_attempts = 1);
        check(&retried, ExitKind::Lost, (1, 1, 0), false, after(0));
        check(&retried, ExitKind::Lost, (3, 3, 0), false, after(0));
        check(&retried, ExitKind::Lost, (4, 4, 0), false, Verdict::Fail(Outcome::Interrupted));
        check(&retried, ExitKind::Stopped(StopReason::Drain), (9, 9, 9), false, after(0));
        let failed = task(|task| task.on_interrupt = OnInterrupt::Fail);
        check(&failed, ExitKind::Lost, (1, 1, 0), false, Verdict::Fail(Outcome::Interrupted));
    }

    fn request(idempotent: bool) -> Task {
        task(|task| {
            task.action = Action::Http(Box::new(Http {
                method: "POST".to_owned(),
                url: "http://x.example/".into(),
                headers: Default::default(),
                body: None,
                expect_status: vec![(200, 299), (409, 409)],
                max_response: 1,
                idempotent,
                public_only: false,
                allow_private: false,
            }));
        })
    }

    #[test]
    fn a_request_is_made_again_only_where_that_can_help_and_can_do_no_harm() {
        let done = Verdict::Complete;
        let failed = Verdict::Fail(Outcome::ProviderError);
        for (kind, idempotent, otherwise) in [
            (ExitKind::Status(200), done, done),
            (ExitKind::Status(409), done, done),
            (ExitKind::Status(301), failed, failed),
            (ExitKind::Status(404), failed, failed),
            (ExitKind::Status(408), after(1), after(1)),
            (ExitKind::Status(425), after(1), after(1)),
            (ExitKind::Status(429), after(1), after(1)),
            (ExitKind::Status(500), after(1), failed),
            (ExitKind::Status(502), after(1), failed),
            (ExitKind::Status(503), after(1), after(1)),
            (ExitKind::Status(504), after(1), failed),
            (ExitKind::Unreached, after(1), after(1)),
            (ExitKind::Unanswered, after(1), failed),
            (ExitKind::Timeout, after(1), Verdict::Fail(Outcome::Timeout)),
            (ExitKind::NotStarted, after(1), after(1)),
            (ExitKind::Lost, after(0), Verdict::Fail(Outcome::Interrupted)),
            (ExitKind::Stopped(StopReason::Drain), after(0), Verdict::Fail(Outcome::Interrupted)),
            (ExitKind::Invalid, Verdict::Fail(Outcome::InvalidRequest), Verdict::Fail(Outcome::InvalidRequest)),
        ] {
            check(&request(true), kind, (1, 0, 0), false, idempotent);
            check(&request(false), kind, (1, 0, 0), false, otherwise);
        }
    }

    #[test]
    fn whom_we_called_is_left_alone_as_long_as_it_asks_and_a_day_at_most() {
        for (asks, expected) in [(0, 1), (1, 1), (120, 120), (1_000_000, 86_400)] {
            let retry_after = Some(Duration::from_secs(asks));
            let exit = Exit { retry_after, ..Exit::bare(ExitKind::Status(429), Timestamp::from_micros(0)) };
            let tries = Tries { n_attempts: 1, n_interrupted: 0, n_drained: 0 };
            assert_eq!(verdict(&request(false), &exit, tries, false), after(expected), "asks for {asks}");
        }
    }

    #[test]
    fn a_cancel_ends_the_tries_but_does_not_undo_a_success() {
        let task = task(|_| ());
        check(&task, ExitKind::Stopped(StopReason::Cancel), (1, 0, 0), true, Verdict::Cancel);
        check(&task, ExitKind::Code(1), (1, 0, 0), true, Verdict::Cancel);
        check(&task, ExitKind::Lost, (1, 1, 0), true, Verdict::Cancel);
        check(&task, ExitKind::Code(0), (1, 0, 0), true, Verdict::Complete);
    }

    fn ended(change: impl FnOnce(&mut Exit)) -> Exit {
        let mut exit = Exit::bare(ExitKind::Code(0), Timestamp::from_micros(0));
        change(&mut exit);
        exit
    }

    #[test]
    fn who_ended_well_fails_by_unusable_outputs_and_by_an_output_that_is_not_what_it_must_be() {
        let mut task = task(|task| task.success.required_substrings = vec!["done".to_owned()]);
        let tries = Tries { n_attempts: 3, ..Tries::default() };
        let done = |change: fn(&mut Exit)| {
            ended(|exit| {
                exit.output = "all done".to_owned();
                change(exit);
            })
        };
        let fail = Verdict::Fail(Outcome::VerificationFailed);
        let unusable = |exit: &mut Exit| exit.outputs_error = Some("a link".to_owned());
        for (exit, expected) in [
            (done(|_| ()), Verdict::Complete),
            (done(|exit| exit.output.clear()), fail),
            (done(unusable), Verdict::Fail(Outcome::InvalidRequest)),
            (done(|exit| exit.kind = ExitKind::Code(1)), Verdict::Fail(Outcome::ExitCode)),
        ] {
            assert_eq!(verdict(&task, &exit, tries, false), expected, "{exit:?}");
        }
        let (once, unmet) = (Tries { n_attempts: 1, ..Tries::default() }, ended(|_| ()));
        assert_eq!(verdict(&task, &unmet, once, false), after(1), "it is tried again");
        assert_eq!(verdict(&task, &unmet, once, true), Verdict::Cancel, "unless it is not wanted any more");
        task.exit_codes.skip = vec![99];
        let skipped = ended(|exit| exit.kind = ExitKind::Code(99));
        assert_eq!(verdict(&task, &skipped, tries, false), Verdict::Skip(Outcome::ExitCode));
    }

    #[test]
    fn what_is_said_against_an_attempt_comes_with_the_verdict_from_one_look() {
        let mut expressions = Expressions::default();
        let task = task(|task| task.success.forbidden_regex = vec!["^bad$".to_owned()]);
        let tries = Tries { n_attempts: 3, ..Tries::default() };
        let exit = ended(|exit| exit.output = "so\nbad\n".to_owned());
        let objection = Some("`^bad$`, which is forbidden, matches in the output".to_owned());
        let expected = Judgement { verdict: Verdict::Fail(Outcome::VerificationFailed), objection };
        assert_eq!(judge(&task, &exit, tries, false, NOW, 0.5, &mut expressions), expected);
        assert_eq!(expressions.n_asked(), 1);
        let failed = ended(|exit| exit.kind = ExitKind::Code(1));
        assert_eq!(judge(&task, &failed, tries, false, NOW, 0.5, &mut expressions).objection, None);
        assert_eq!(expressions.n_asked(), 1, "nothing is asked of an attempt that failed anyway");
    }

    #[test]
    fn delays_grow_to_their_cap_and_jitter_moves_them_by_its_part() {
        let retry = Retry { max_attempts: 99, jitter: 0.1, ..Retry::default() };
        let secs = |n, chance| delay(&retry, n, chance).as_micros() as f64 / 1e6;
        assert_eq!(secs(1, 0.5), 1.0);
        assert_eq!(secs(4, 0.5), 8.0);
        assert_eq!(secs(4000, 0.5), 300.0);
        assert!((secs(4, 0.0) - 7.2).abs() < 1e-6);
        assert!((secs(4, 0.999_999) - 8.8).abs() < 1e-3);
    }
}
