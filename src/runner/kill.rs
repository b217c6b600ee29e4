//! How an attempt ends: the kill path.
//!
//! **What is promised.** When an exit is reported, nothing of the attempt is alive, unless its `leftovers` say that it
//! may. A cancel that leaves a process behind is a lie that somebody finds out at night.
//!
//! **The phases.** `Phase` is the whole state, `step` its one transition function; it reads no clock and signals
//! nobody, but returns what to `Do`.
//!
//! ```text
//!            stop, timeout                    grace is over
//! Running ──────────────────▶ Terminating ──────────────────▶ Killing ──▶ Finish
//!    │ │└─ with a stop command ─▶ Asking ──▲ it ended, its time is over, asked again
//!    │ └── first ended, leftovers = kill ──────────────────────▲  │ ▲
//!    └─ first ended, leftovers = wait ─▶ Waiting ─ stop ─▶ Asking, Terminating
//! ```
//!
//! - *Asking*: the task's own stop command runs, as one more process of the attempt, in a group of its own. It is ended
//!   by its end, by its time, or by whoever asks again and so is in a hurry; whichever it is, TERM follows, and reaches
//!   the stop command too if it is still there. A command that cannot be started has ended at once. It is run once, and
//!   not at all where there is no grace, because that is asked for when there is no time left.
//! - *Terminating*: TERM went to every process of the tree, and CONT after it, because a stopped process does not see a
//!   TERM. The attempt ends as soon as nothing is left; what is left after the grace gets KILL.
//! - *Killing*: look, send KILL to all that was seen, look again, until a look finds nobody. One look is not enough: a
//!   tree may fork between the look and the signal. It terminates because KILL cannot be refused, a killed process
//!   forks no more, and what its death orphans becomes our child and is seen by the next look. The looks are spaced
//!   (1 ms, doubling up to 50 ms) and also happen whenever we reap somebody.
//! - What a kernel holds in uninterruptible sleep does not die. After `GIVE_UP` we say so in the exit's error instead
//!   of holding the run for ever.
//!
//! **Who is signalled.** KILL goes to the attempt's cgroup first, where it has one: one write, which reaches whatever is
//! in it and which no fork can slip through. Then, as without one, whole process groups, each in one call, which no
//! fork can slip through either: the attempt's own, and those that its processes were seen to lead. Then each process that
//! was found outside these, whoever is in the cgroup included, through a pidfd: it is opened, then the start time is
//! compared with the one that was seen, then the signal goes to that pidfd. So the signal reaches the process that was meant or nobody, even if its number
//! was given out again in between. A group's number is used only while it is certainly ours: until a look
//! finds the group empty, or another process under its leader's number (a number in use as a group is not given out).
//!
//! **What the exit says.** If the first process ended before TERM was sent, its real end, whatever happened to its
//! leftovers. Otherwise that we stopped it, even if it ended well within its grace: who ends after a TERM was asked to.
//! A stop in `Waiting` stops an attempt that is still going on, so it counts as stopped too.
//!
//! **What is not done.** No freezing (SIGSTOP) before killing: it is visible to parents, and not needed for
//! termination. Without a cgroup, a chain outside the group whose every link forks and ends at once can outrun a look; so
//! can, without marks, what has lost its parents before we looked. No killing by session: a session is left more easily
//! than a parent. No trust in the cgroup alone: who runs as the user that it was given to may leave it, and who was
//! moved out of it is still a descendant.

use rustix::process::{Pid, Signal, kill_process_group};
use rustix::process::{PidfdFlags, pidfd_open, pidfd_send_signal};

use super::tree::{Identity, Member};
use crate::model::definition::Leftovers;
use crate::model::exit::{ExitKind, StopReason};

/// How long KILL is repeated before we admit that it does not help.
const GIVE_UP_US: i64 = 30_000_000;
/// And how often it must have been sent by then: the clock goes on while we are stopped.
const MIN_KILLS: u32 = 100;
const FIRST_PAUSE_US: i64 = 1_000;
const LONGEST_PAUSE_US: i64 = 50_000;

/// Why an attempt is ended by us.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Why {
    /// It took too long.
    Timeout,
    /// We were asked to.
    Stopped(StopReason),
}

impl Why {
    /// Why, when it is asked for again. A cancel outlasts a drain: the work is not to go on later.
    fn then(self, again: Why) -> Why {
        if self == Why::Stopped(StopReason::Drain) { again } else { self }
    }

    /// What the exit says.
    pub(super) fn kind(self) -> ExitKind {
        match self {
            Why::Timeout => ExitKind::Timeout,
            Why::Stopped(reason) => ExitKind::Stopped(reason),
        }
    }
}

/// How far an attempt's end has come. Times are boot time in microseconds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Phase {
    /// Its first process lives, and nobody wants it to end.
    Running,
    /// Its first process has ended; the attempt ends with the last of the others.
    Waiting,
    /// Its stop command runs.
    Asking {
        /// Why.
        why: Why,
        /// How long between TERM and KILL, in microseconds.
        grace: i64,
        /// When TERM is due, ended or not.
        term_at: i64,
    },
    /// TERM was sent.
    Terminating {
        /// Why.
        why: Why,
        /// When KILL is due.
        kill_at: i64,
    },
    /// KILL is sent until nobody is left.
    Killing {
        /// Why; nothing if these are leftovers of a process that ended by itself.
        why: Option<Why>,
        /// When to look again.
        look_at: i64,
        /// The pause before the look after that.
        pause: i64,
        /// When to stop trying.
        give_up_at: i64,
        /// How often KILL was sent: whoever was stopped for long has not tried for long.
        n_kills: u32,
    },
}

impl Phase {
    /// Killing, from the first look on.
    pub(super) fn killing(why: Option<Why>, now: i64) -> Phase {
        Phase::Killing {
            why,
            look_at: now,
            pause: FIRST_PAUSE_US,
            give_up_at: now.saturating_add(GIVE_UP_US),
            n_kills: 0,
        }
    }

    /// When this phase wants to look again, if nobody is reaped before.
    pub(super) fn look_at(&self) -> Option<i64> {
        match self {
            Phase::Running | Phase::Waiting => None,
            Phase::Asking { term_at, .. } => Some(*term_at),
            Phase::Terminating { kill_at, .. } => Some(*kill_at),
            Phase::Killing { look_at, .. } => Some(*look_at),
        }
    }

    /// Why we end it, if we do.
    pub(super) fn why(&self) -> Option<Why> {
        match self {
            Phase::Running | Phase::Waiting => None,
            Phase::Asking { why, .. } | Phase::Terminating { why, .. } => Some(*why),
            Phase::Killing { why, .. } => *why,
        }
    }
}

/// What happens to an attempt.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Event {
    /// Its first process was reaped.
    FirstEnded(Leftovers),
    /// Somebody, or its timeout, wants it to end.
    Stop {
        /// Who.
        why: Why,
        /// How long between TERM and KILL, in microseconds.
        grace: i64,
        /// How long its stop command may take, in microseconds, if it has one.
        ask: Option<i64>,
    },
    /// Its stop command has ended, or could not be started.
    Asked,
    /// We looked; is anybody of it alive, its first process included?
    Looked {
        /// So?
        left: bool,
    },
}

/// What is to be done about it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Do {
    /// Nothing.
    Nothing,
    /// Look for its processes, and say what was seen.
    Look,
    /// Run its stop command.
    Ask,
    /// Send TERM, and CONT, to all of them.
    Term,
    /// Send KILL to all that were seen.
    Kill,
    /// Report its exit.
    Finish,
    /// Report its exit, and that somebody could not be killed.
    GiveUp,
}

/// What becomes of a phase when something happens, at `now`.
pub(super) fn step(phase: Phase, event: Event, now: i64) -> (Phase, Do) {
    use Event as E;
    use Phase as P;
    match (phase, event) {
        // table
        (P::Running, E::FirstEnded(Leftovers::Leave)) => (phase, Do::Finish),
        (P::Running, E::FirstEnded(Leftovers::Wait)) => (P::Waiting, Do::Look),
        (P::Running, E::FirstEnded(Leftovers::Kill)) => (P::killing(None, now), Do::Look),
        (P::Waiting | P::Asking { .. } | P::Terminating { .. } | P::Killing { .. }, E::FirstEnded(_)) => {
            (phase, Do::Look)
        }
        (P::Running | P::Waiting, E::Stop { why, grace, ask: Some(time) }) => {
            (P::Asking { why, grace, term_at: now.saturating_add(time) }, Do::Ask)
        }
        (P::Running | P::Waiting, E::Stop { why, grace, ask: None }) => terminate(why, grace, now),
        (P::Asking { why, grace, .. }, E::Stop { why: again, grace: sooner, .. }) => {
            terminate(why.then(again), grace.min(sooner), now)
        }
        (P::Asking { why, grace, .. }, E::Asked) => terminate(why, grace, now),
        (P::Running | P::Waiting | P::Terminating { .. } | P::Killing { .. }, E::Asked) => (phase, Do::Nothing),
        (P::Terminating { why, kill_at }, E::Stop { why: again, grace, .. }) => {
            // Whoever asks again is in a hurry: KILL may come sooner, never later.
            let kill_at = kill_at.min(now.saturating_add(grace));
            (P::Terminating { why: why.then(again), kill_at }, Do::Nothing)
        }
        (P::Killing { .. }, E::Stop { .. }) => (phase, Do::Nothing),
        (P::Running, E::Looked { .. }) | (P::Waiting, E::Looked { left: true }) => (phase, Do::Nothing),
        (P::Waiting | P::Asking { .. } | P::Terminating { .. } | P::Killing { .. }, E::Looked { left: false }) => {
            (phase, Do::Finish)
        }
        (P::Asking { term_at, .. }, E::Looked { left: true }) if now < term_at => (phase, Do::Nothing),
        (P::Asking { why, grace, .. }, E::Looked { left: true }) => terminate(why, grace, now),
        (P::Terminating { kill_at, .. }, E::Looked { left: true }) if now < kill_at => (phase, Do::Nothing),
        (P::Terminating { why, .. }, E::Looked { left: true }) => {
            kill_again(Some(why), now, FIRST_PAUSE_US, now.saturating_add(GIVE_UP_US), 0)
        }
        (P::Killing { give_up_at, n_kills, .. }, E::Looked { left: true })
            if now >= give_up_at && n_kills >= MIN_KILLS =>
        {
            (phase, Do::GiveUp)
        }
        (P::Killing { why, pause, give_up_at, n_kills, .. }, E::Looked { left: true }) => {
            kill_again(why, now, pause, give_up_at, n_kills)
        }
    }
}

fn terminate(why: Why, grace: i64, now: i64) -> (Phase, Do) {
    (Phase::Terminating { why, kill_at: now.saturating_add(grace) }, Do::Term)
}

fn kill_again(why: Option<Why>, now: i64, pause: i64, give_up_at: i64, n_kills: u32) -> (Phase, Do) {
    let next = (pause * 2).min(LONGEST_PAUSE_US);
    let n_kills = n_kills.saturating_add(1);
    (Phase::Killing { why, look_at: now.saturating_add(pause), pause: next, give_up_at, n_kills }, Do::Kill)
}

/// Signals a launch's groups, whose numbers are still their own, and every process that was seen of it outside them.
pub(super) fn signal(groups: &[i32], members: &[Member], signal: Signal) {
    // Errors mean that it has ended or is not ours to signal; the next look tells.
    for group in groups.iter().filter_map(|group| Pid::from_raw(*group)) {
        let _ = kill_process_group(group, signal);
    }
    for member in members.iter().filter(|member| !groups.contains(&member.group)) {
        let Some(pid) = Pid::from_raw(member.id.pid) else { continue };
        let Ok(pidfd) = pidfd_open(pid, PidfdFlags::empty()) else { continue };
        if Identity::of(member.id.pid) == Some(member.id) {
            let _ = pidfd_send_signal(&pidfd, signal);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_000_000;
    const CANCEL: Why = Why::Stopped(StopReason::Cancel);

    fn stop(why: Why) -> Event {
        Event::Stop { why, grace: 10, ask: None }
    }

    #[test]
    fn each_kind_of_leftovers_ends_as_it_says() {
        for (leftovers, expected) in [
            (Leftovers::Leave, (Phase::Running, Do::Finish)),
            (Leftovers::Wait, (Phase::Waiting, Do::Look)),
            (Leftovers::Kill, (Phase::killing(None, NOW), Do::Look)),
        ] {
            assert_eq!(step(Phase::Running, Event::FirstEnded(leftovers), NOW), expected);
        }
    }

    #[test]
    fn a_stop_is_term_then_kill_after_the_grace_then_kill_until_nobody_is_left() {
        let (phase, todo) = step(Phase::Running, stop(CANCEL), NOW);
        assert_eq!((phase, todo), (Phase::Terminating { why: CANCEL, kill_at: NOW + 10 }, Do::Term));
        assert_eq!(step(phase, Event::FirstEnded(Leftovers::Leave), NOW), (phase, Do::Look), "the tree goes too");
        assert_eq!(step(phase, Event::Looked { left: true }, NOW + 9), (phase, Do::Nothing));
        let (mut phase, mut todo) = step(phase, Event::Looked { left: true }, NOW + 10);
        let mut n_kills = 0;
        while todo == Do::Kill {
            n_kills += 1;
            let at = phase.look_at().expect("killing looks again");
            (phase, todo) = step(phase, Event::Looked { left: n_kills < 20 }, at);
        }
        assert_eq!((n_kills, todo, phase.why()), (20, Do::Finish, Some(CANCEL)));
    }

    #[test]
    fn what_cannot_be_killed_is_given_up_in_the_end() {
        let (mut phase, mut todo, mut at) = (Phase::killing(None, NOW), Do::Kill, NOW);
        while todo == Do::Kill {
            at = phase.look_at().expect("killing looks again");
            (phase, todo) = step(phase, Event::Looked { left: true }, at);
        }
        assert_eq!(todo, Do::GiveUp);
        assert!((NOW + GIVE_UP_US..NOW + GIVE_UP_US + LONGEST_PAUSE_US).contains(&at));
    }

    #[test]
    fn a_runner_that_was_stopped_for_long_has_not_tried_for_long() {
        let (mut phase, mut n_kills) = (Phase::killing(None, NOW), 0);
        let late = NOW + 2 * GIVE_UP_US;
        loop {
            let (next, todo) = step(phase, Event::Looked { left: true }, late);
            if todo == Do::GiveUp {
                break;
            }
            (phase, n_kills) = (next, n_kills + 1);
        }
        assert_eq!(n_kills, MIN_KILLS);
    }

    #[test]
    fn a_second_stop_may_bring_the_kill_forward_and_never_puts_it_off() {
        let drain = Why::Stopped(StopReason::Drain);
        for (first, second, why) in
            [(CANCEL, drain, CANCEL), (drain, CANCEL, CANCEL), (Why::Timeout, drain, Why::Timeout)]
        {
            let (phase, _) = step(Phase::Running, stop(first), NOW);
            for (grace, kill_at) in [(0, NOW + 5), (3, NOW + 8), (100, NOW + 10)] {
                let again = Event::Stop { why: second, grace, ask: None };
                assert_eq!(step(phase, again, NOW + 5), (Phase::Terminating { why, kill_at }, Do::Nothing));
            }
        }
    }

    #[test]
    fn a_second_stop_changes_nothing_but_a_drain_into_a_cancel() {
        let drain = Why::Stopped(StopReason::Drain);
        let (draining, _) = step(Phase::Running, stop(drain), NOW);
        let (cancelled, todo) = step(draining, stop(CANCEL), NOW + 5);
        assert_eq!((cancelled, todo), (Phase::Terminating { why: CANCEL, kill_at: NOW + 10 }, Do::Nothing));
        assert_eq!(step(cancelled, stop(Why::Timeout), NOW + 6), (cancelled, Do::Nothing));
        assert_eq!(step(cancelled, stop(drain), NOW + 6), (cancelled, Do::Nothing));
        let leftovers = Phase::killing(None, NOW);
        assert_eq!(step(leftovers, stop(CANCEL), NOW), (leftovers, Do::Nothing), "it had ended by itself");
    }

    fn asking(why: Why) -> Event {
        Event::Stop { why, grace: 10, ask: Some(5) }
    }

    #[test]
    fn a_stop_command_puts_term_off_until_it_ends_or_its_time_is_over_or_somebody_asks_again() {
        let (phase, todo) = step(Phase::Running, asking(CANCEL), NOW);
        assert_eq!((phase, todo), (Phase::Asking { why: CANCEL, grace: 10, term_at: NOW + 5 }, Do::Ask));
        assert_eq!(step(phase, Event::Looked { left: true }, NOW + 4), (phase, Do::Nothing));
        let term = |at| (Phase::Terminating { why: CANCEL, kill_at: at + 10 }, Do::Term);
        assert_eq!(step(phase, Event::Asked, NOW + 2), term(NOW + 2));
        assert_eq!(step(phase, Event::Looked { left: true }, NOW + 5), term(NOW + 5));
        assert_eq!(step(phase, asking(CANCEL), NOW + 1), term(NOW + 1));
        let hurried = Event::Stop { why: CANCEL, grace: 0, ask: None };
        let now = (Phase::Terminating { why: CANCEL, kill_at: NOW + 1 }, Do::Term);
        assert_eq!(step(phase, hurried, NOW + 1), now);
        assert_eq!(step(phase, Event::FirstEnded(Leftovers::Leave), NOW), (phase, Do::Look), "the tree goes too");
        assert_eq!(step(phase, Event::Looked { left: false }, NOW), (phase, Do::Finish), "nobody is left to be told");
    }

    #[test]
    fn a_cancel_while_a_drain_asks_is_a_cancel() {
        let (phase, _) = step(Phase::Running, asking(Why::Stopped(StopReason::Drain)), NOW);
        assert_eq!(step(phase, stop(CANCEL), NOW).0.why(), Some(CANCEL));
        let (phase, _) = step(Phase::Running, asking(Why::Timeout), NOW);
        assert_eq!(step(phase, stop(CANCEL), NOW).0.why(), Some(Why::Timeout));
    }

    /// What was done so far, in one small world: what must never happen is asserted at each step.
    #[derive(Clone, Copy)]
    struct Done {
        phase: Phase,
        now: i64,
        n_asks: u32,
        /// When TERM was sent, and the shortest grace that was asked for.
        term_at: Option<i64>,
        grace: i64,
        has_first_ended: bool,
    }

    fn follow(done: Done, event: Event, path: &mut Vec<Event>) {
        let mut done = done;
        done.now += 3;
        if let Event::FirstEnded(_) = event {
            if done.has_first_ended {
                return;
            }
            done.has_first_ended = true;
        }
        if let Event::Stop { grace, .. } = event {
            done.grace = done.grace.min(grace);
        }
        path.push(event);
        let before = done.phase;
        let (phase, todo) = step(before, event, done.now);
        done.phase = phase;
        match todo {
            Do::Nothing | Do::Look => {}
            Do::Ask => {
                done.n_asks += 1;
                assert!(done.n_asks == 1 && done.term_at.is_none(), "{path:?}: asked once, and before TERM");
            }
            Do::Term => {
                assert!(done.term_at.replace(done.now).is_none(), "{path:?}: TERM is sent once");
            }
            Do::Kill => {
                let due = done.term_at.map(|at| at + done.grace);
                assert!(
                    phase.why().is_none() || due.is_some_and(|due| done.now >= due),
                    "{path:?}: KILL came too soon"
                );
            }
            Do::Finish => {
                let left = Event::FirstEnded(Leftovers::Leave);
                assert!(event == Event::Looked { left: false } || event == left, "{path:?}: nobody had looked");
            }
            Do::GiveUp => panic!("{path:?}: this world is too short for it"),
        }
        assert!(before.why().is_none() || phase.why().is_some(), "{path:?}: it is forgotten that it was stopped");
        assert!(
            matches!(phase, Phase::Running | Phase::Waiting) || phase.look_at().is_some(),
            "{path:?}: nobody looks"
        );
        if path.len() < 6 && !matches!(todo, Do::Finish) {
            for event in events() {
                follow(done, event, path);
            }
        }
        path.pop();
    }

    fn events() -> impl Iterator<Item = Event> {
        let drain = Why::Stopped(StopReason::Drain);
        let stops = [asking(CANCEL), stop(drain), Event::Stop { why: Why::Timeout, grace: 4, ask: Some(7) }];
        let ends = [Leftovers::Kill, Leftovers::Wait, Leftovers::Leave].map(Event::FirstEnded);
        let looks = [true, false].map(|left| Event::Looked { left });
        stops.into_iter().chain(ends).chain(looks).chain([Event::Asked])
    }

    #[test]
    fn over_all_short_histories_the_order_is_ask_term_grace_kill() {
        let done =
            Done { phase: Phase::Running, now: NOW, n_asks: 0, term_at: None, grace: i64::MAX, has_first_ended: false };
        for event in events() {
            follow(done, event, &mut Vec::new());
        }
    }
}
