//! What a try at a delivery means, and when the next one is due.
//!
//! The pause grows from 5 s by a factor of 4 up to an hour and moves by a fifth either way, so that the deliveries that
//! failed together do not come back together. Standard Webhooks 1.0.0 asks for exponential backoff with jitter over "a
//! few days" and shows a table (5 s, 5 min, 30 min, 2 h, 5 h, 10 h, …). We keep its shape and its beginning, but not its
//! second step: what we say is about operations, and a receiver that was restarted should hear of a failure within the
//! minute, not after five. `MAX_ATTEMPTS` tries span 23 and a half hours, the part of that table within a day.
//!
//! A receiver that asks for a pause (`Retry-After`) is given at least that, and a day at most.

use crate::model::duration::Duration;
use crate::model::exit::{Exit, ExitKind, StopReason};

/// How often a delivery is tried where its hook says nothing else.
pub const MAX_ATTEMPTS: u32 = 29;
/// The pause after the first failure.
pub const FIRST_DELAY: Duration = Duration::from_secs(5);
/// Each pause is the one before it times this.
pub const FACTOR: f64 = 4.0;
/// The longest pause that we take by ourselves.
pub const MAX_DELAY: Duration = Duration::from_secs(3_600);
/// The longest pause that a receiver may ask for.
pub const MAX_RETRY_AFTER: Duration = Duration::from_secs(86_400);
/// The part of a pause by which chance moves it, either way.
const JITTER: f64 = 0.2;

/// The pause after `n_attempts` failed tries, before jitter.
fn grown(n_attempts: u32) -> Duration {
    let exponent = i32::try_from(n_attempts.saturating_sub(1)).unwrap_or(i32::MAX);
    FIRST_DELAY.times(FACTOR.powi(exponent)).min(MAX_DELAY)
}

/// How long after the `n_attempts`th failed try the next one is due. `chance`, in [0, 1), moves it; what the receiver
/// asked for is only ever exceeded.
pub fn next_delay(n_attempts: u32, chance: f64, retry_after: Option<Duration>) -> Duration {
    let ours = grown(n_attempts).times(1.0 - JITTER + 2.0 * JITTER * chance);
    match retry_after.map(|asked| asked.min(MAX_RETRY_AFTER)) {
        Some(asked) if asked > ours => asked.times(1.0 + JITTER * chance),
        Some(_) | None => ours,
    }
}

/// Why a shell hook that ended so has not taken its event; nothing if it has. Only code 0 takes it: what else a hook
/// may mean by a code, nobody has said.
pub fn refusal(exit: &Exit) -> Option<String> {
    let seen = match exit.kind {
        ExitKind::Code(0) => return None,
        ExitKind::Code(code) => format!("the hook exited with code {code}"),
        ExitKind::Signal(signal) => format!("the hook was ended by signal {signal}"),
        ExitKind::Timeout => "the hook took too long and was stopped".to_owned(),
        ExitKind::Stopped(StopReason::Cancel) => "the hook was stopped on request".to_owned(),
        ExitKind::Stopped(StopReason::Drain) => "the hook was stopped with the daemon".to_owned(),
        ExitKind::Lost => "the hook is gone, and its end was not seen".to_owned(),
        ExitKind::Status(status) => format!("the hook was answered with status {status}"),
        ExitKind::Unreached => "the hook reached nobody".to_owned(),
        ExitKind::Unanswered => "the hook was not answered".to_owned(),
        ExitKind::Invalid => "the hook cannot be done as it is written".to_owned(),
        ExitKind::NotStarted => "the hook could not be started".to_owned(),
    };
    Some(match &exit.error {
        Some(why) => format!("{seen}: {why}"),
        None => seen,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::timestamp::Timestamp;

    #[test]
    fn pauses_grow_fourfold_to_an_hour() {
        for (n_attempts, expected) in
            [(1, "5s"), (2, "20s"), (3, "1m20s"), (4, "5m20s"), (5, "21m20s"), (6, "1h"), (7, "1h"), (u32::MAX, "1h")]
        {
            assert_eq!(grown(n_attempts).to_string(), expected, "after {n_attempts}");
        }
        let all: i64 = (1..MAX_ATTEMPTS).map(|n| grown(n).as_micros()).sum();
        assert_eq!(Duration::from_micros(all).to_string(), "23h28m25s");
    }

    #[test]
    fn chance_moves_a_pause_by_a_fifth_either_way() {
        for (chance, millis) in [(0.0, 4_000), (0.5, 5_000), (0.999_999, 5_999)] {
            assert_eq!(next_delay(1, chance, None).as_millis(), millis, "by {chance}");
        }
    }

    #[test]
    fn a_receiver_is_left_alone_at_least_as_long_as_it_asks_and_a_day_at_most() {
        let secs = |n, chance, asked| next_delay(n, chance, Some(Duration::from_secs(asked))).as_millis() / 1_000;
        assert_eq!(secs(1, 0.0, 120), 120);
        assert_eq!(secs(1, 0.5, 120), 132);
        assert_eq!(secs(6, 0.5, 1), 3_600, "asking for less does not hurry us");
        assert_eq!(secs(1, 0.0, 999_999_999), 86_400);
    }

    #[test]
    fn only_code_zero_takes_an_event() {
        let end = |kind| refusal(&Exit::bare(kind, Timestamp::from_micros(0)));
        assert_eq!(end(ExitKind::Code(0)), None);
        for (kind, expected) in [
            (ExitKind::Code(3), "the hook exited with code 3"),
            (ExitKind::Signal(9), "the hook was ended by signal 9"),
            (ExitKind::Timeout, "the hook took too long and was stopped"),
            (ExitKind::Stopped(StopReason::Cancel), "the hook was stopped on request"),
            (ExitKind::Stopped(StopReason::Drain), "the hook was stopped with the daemon"),
            (ExitKind::Lost, "the hook is gone, and its end was not seen"),
            (ExitKind::NotStarted, "the hook could not be started"),
        ] {
            assert_eq!(end(kind).as_deref(), Some(expected));
        }
    }

    #[test]
    fn a_hook_that_could_not_be_started_says_why() {
        let mut exit = Exit::bare(ExitKind::NotStarted, Timestamp::from_micros(0));
        exit.error = Some("no such file".to_owned());
        assert_eq!(refusal(&exit).as_deref(), Some("the hook could not be started: no such file"));
    }
}
