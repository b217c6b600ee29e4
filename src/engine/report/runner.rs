//! What the runner says of processes: that it is there and what it has, that one exists, that one has ended. Every report
//! names a launch; one that is not live any more was settled before, and is only acknowledged again.

use std::collections::{HashMap, HashSet};

use serde_json::json;

use crate::engine::command::Haste;
use crate::engine::input::{DeliveryResult, RunnerReport};
use crate::engine::work::Work;
use crate::engine::{Effect, launch, step, values};
use crate::model::definition::Target;
use crate::model::event::EventType;
use crate::model::exit::{Exit, ExitKind, StopReason};
use crate::model::id::Launch;
use crate::model::policy::deliver;
use crate::model::process::is_hook_log;
use crate::model::timestamp::Timestamp;
use crate::store::{StoreError, attempt, fact, pool, run, task};

/// Applies what the runner says.
pub(super) fn apply(work: &mut Work<'_>, report: &RunnerReport) -> Result<(), StoreError> {
    match report {
        RunnerReport::Connected { connection, highest, alive, ended } => {
            work.effects.push(Effect::Welcome(*connection));
            connected(work, *highest, alive, ended)
        }
        RunnerReport::Started { launch, at } => started(work, *launch, *at),
        RunnerReport::Ended { launch, exit } => ended_one(work, *launch, exit),
        RunnerReport::Disconnected => {
            work.session.has_runner = false;
            Ok(())
        }
    }
}

/// One whole picture. A live attempt above `highest` was never launched and is sent again; one at or below it that the
/// runner does not have is gone, and is never sent again. After a boot all are gone: the runner's journal is not synced,
/// so `highest` may be lower than what was launched before the machine stopped. So they are for a runner that has lost its
/// journal, or was given another.
fn connected(
    work: &mut Work<'_>,
    highest: Launch,
    alive: &[Launch],
    ended: &[(Launch, Exit)],
) -> Result<(), StoreError> {
    work.session.has_runner = true;
    // It may have served another store before this one, or this one when it was newer, and drops what is not above.
    work.cache.counters.launch = work.cache.counters.launch.max(highest.0.min(Launch::MAX.0));
    let has_forgotten = is_first_of_boot(work)? | has_forgotten(work, highest)?;
    let alive: HashSet<Launch> = alive.iter().copied().collect();
    let mut exits: HashMap<Launch, &Exit> = ended.iter().map(|(launch, exit)| (*launch, exit)).collect();
    // A request is not the runner's: it neither has it nor has lost it.
    let processes = work.cache.live.iter().filter(|(_, live)| !live.is_call);
    let mut live: Vec<Launch> = processes.map(|(launch, _)| *launch).collect();
    live.sort_unstable();
    for number in live {
        let exit = exits.remove(&number);
        let is_alive = alive.contains(&number);
        // A run that cannot be read must not keep the runner from speaking for the others.
        step::guarded(work, step::Culprit::Report(Some(number)), |work| match exit {
            Some(exit) => ended_one(work, number, exit),
            None if is_alive => {
                let at = work.now.wall;
                started(work, number, at)?;
                stop_again(work, number)
            }
            None if number > highest && !has_forgotten => launch_again(work, number),
            None => ended_one(work, number, &Exit::bare(ExitKind::Lost, work.now.wall)),
        })?;
        if number > highest && exit.is_none() {
            step::guarded(work, step::Culprit::Report(None), |work| forget_unstarted(work, number))?;
        }
    }
    stop_unknown(work, &alive)?;
    lose_hooks(work, &alive, &exits)?;
    let mut rest: Vec<Launch> = exits.into_keys().collect();
    rest.sort_unstable();
    for number in rest {
        if let Some((_, exit)) = ended.iter().find(|(launch, _)| *launch == number) {
            ended_one(work, number, exit)?;
        }
    }
    Ok(())
}

/// Whether a runner has seen higher numbers than this one says that it, or one before it, has.
fn has_forgotten(work: &mut Work<'_>, highest: Launch) -> Result<bool, StoreError> {
    let heard = fact::get(work.tx, "launch_heard")?;
    let heard = heard.map(|text| text.parse().map_err(|error| StoreError::unreadable("fact `launch_heard`", error)));
    let heard = heard.transpose()?.unwrap_or(0);
    if heard != highest.0 {
        fact::set(work.tx, "launch_heard", &highest.0.to_string())?;
    }
    let mut started = work.cache.live.iter().filter(|(_, live)| live.has_started && !live.is_call);
    Ok(highest.0 < heard || started.any(|(number, _)| *number > highest))
}

/// Whether no runner has spoken since the machine booted, though one has before.
fn is_first_of_boot(work: &Work<'_>) -> Result<bool, StoreError> {
    let boot = fact::get(work.tx, "boot_id")?.unwrap_or_default();
    let heard = fact::get(work.tx, "boot_id_heard")?;
    if heard.as_deref() != Some(boot.as_str()) {
        fact::set(work.tx, "boot_id_heard", &boot)?;
    }
    Ok(heard.is_some_and(|heard| heard != boot))
}

/// Shell hooks are the runner's processes too. One that it has neither alive nor ended never reached it, or is gone; it is
/// owed again, under a new number.
fn lose_hooks(work: &mut Work<'_>, alive: &HashSet<Launch>, exits: &HashMap<Launch, &Exit>) -> Result<(), StoreError> {
    let mut sending: Vec<_> = work.cache.sending.iter().map(|(launch, (id, hook))| (*launch, *id, *hook)).collect();
    sending.sort_unstable();
    for (launch, id, hook) in sending {
        let is_known = alive.contains(&launch) || exits.contains_key(&launch);
        if is_known || matches!(work.cache.hook(work.tx, hook)?.target, Target::Webhook(_)) {
            continue;
        }
        super::delivered::lost(work, launch, id)?;
    }
    Ok(())
}

/// What lives and is nobody's: the store is an older copy of the one that launched it. Nobody knows what it is of, so until
/// the last of it has ended nothing is claimed, which might be of the same task; and so it may have its own grace.
fn stop_unknown(work: &mut Work<'_>, alive: &HashSet<Launch>) -> Result<(), StoreError> {
    let is_known = |launch: &&Launch| work.cache.live.contains_key(launch) || work.cache.sending.contains_key(launch);
    let mut unknown: Vec<Launch> = alive.iter().filter(|launch| !is_known(launch)).copied().collect();
    unknown.sort_unstable();
    let stop = |launch: &Launch| Effect::Stop { launch: *launch, reason: StopReason::Cancel, grace: None };
    work.effects.extend(unknown.iter().map(stop));
    work.session.strangers = unknown.into_iter().collect();
    tell_strangers(work)
}

/// Whoever asks what a task waits for looks into the store.
fn tell_strangers(work: &mut Work<'_>) -> Result<(), StoreError> {
    match work.session.strangers.len() {
        0 => fact::forget(work.tx, "strangers"),
        n => fact::change(work.tx, "strangers", &n.to_string()),
    }
}

fn launch_again(work: &mut Work<'_>, number: Launch) -> Result<(), StoreError> {
    let Some(live) = work.cache.live.get(&number).copied() else { return Ok(()) };
    let row = task::get(work.tx, live.task)?;
    let run = work.run(live.run)?;
    if row.state.has_ended() || row.is_cancelled || run.row.is_cancelled {
        return ended_one(work, number, &Exit::bare(ExitKind::Stopped(StopReason::Cancel), work.now.wall));
    }
    if work.session.is_interrupted {
        return ended_one(work, number, &Exit::bare(ExitKind::Stopped(StopReason::Drain), work.now.wall));
    }
    let definition = launch::definition_of(&run, &row)?;
    let task = match values::task(work, &run, definition, &row)? {
        Ok(task) => task,
        Err(why) => {
            let exit = Exit { error: Some(why), ..Exit::bare(ExitKind::Invalid, work.now.wall) };
            return ended_one(work, number, &exit);
        }
    };
    if let Some(process) = launch::process(work, &run, &row, &task, number)? {
        work.effects.push(Effect::Start(Box::new(process)));
    }
    Ok(())
}

/// What was never launched, and is not wanted any more because its run was broken, has no process to wait for.
fn forget_unstarted(work: &mut Work<'_>, number: Launch) -> Result<(), StoreError> {
    let Some(live) = work.cache.live.get(&number).copied() else { return Ok(()) };
    if !task::get(work.tx, live.task)?.state.has_ended() {
        return Ok(());
    }
    ended_one(work, number, &Exit::bare(ExitKind::Stopped(StopReason::Cancel), work.now.wall))
}

fn stop_again(work: &mut Work<'_>, number: Launch) -> Result<(), StoreError> {
    let Some(live) = work.cache.live.get(&number).copied() else { return Ok(()) };
    let row = task::get(work.tx, live.task)?;
    // Not by `Work::run`: a definition that cannot be read keeps nobody from being stopped.
    let run = run::get(work.tx, live.run)?;
    if row.state.has_ended() || row.is_cancelled || run.is_cancelled {
        let grace = Haste::of(run.is_killed).grace();
        work.effects.push(Effect::Stop { launch: number, reason: StopReason::Cancel, grace });
    } else if work.session.is_interrupted {
        work.effects.push(Effect::Stop { launch: number, reason: StopReason::Drain, grace: None });
    }
    Ok(())
}

pub(super) fn started(work: &mut Work<'_>, number: Launch, at: Timestamp) -> Result<(), StoreError> {
    let Some(live) = work.cache.live.start(number) else { return Ok(()) };
    attempt::start(work.tx, number, at)?;
    announce_start(work, live.task, live.run, at)
}

fn announce_start(
    work: &mut Work<'_>,
    id: crate::model::id::TaskId,
    run_id: crate::model::id::RunId,
    at: Timestamp,
) -> Result<(), StoreError> {
    let row = task::get(work.tx, id)?;
    // A run that was broken has ended its tasks without waiting for their processes, and what has ended never changes.
    if row.state.has_ended() {
        return Ok(());
    }
    task::start(work.tx, id, at)?;
    let run = work.run(run_id)?;
    let data = json!({ "task": row.name, "attempt": row.tries.n_attempts });
    work.record(EventType::TaskStarted, run.subject(Some(id)), data)
}

pub(super) fn ended_one(work: &mut Work<'_>, number: Launch, exit: &Exit) -> Result<(), StoreError> {
    work.acknowledged.push(number);
    if work.session.strangers.remove(&number) {
        tell_strangers(work)?;
    }
    // What a hook has written is told with its result; a hook of a daemon before us is nobody's any more.
    let hook_log = exit.log.iter().map(|log| &log.path).find(|path| is_hook_log(path));
    work.effects.extend(hook_log.map(|path| Effect::RemoveLogs(vec![path.clone()])));
    if work.cache.sending.contains_key(&number) {
        if exit.kind == ExitKind::Stopped(StopReason::Drain) {
            return super::delivered::interrupted(work, number);
        }
        let error = deliver::refusal(exit);
        let result =
            DeliveryResult { accepted: error.is_none(), status: None, error, permanent: false, retry_after: None };
        return super::delivered::delivered(work, number, &result);
    }
    attempt_ended(work, number, exit)
}

/// An attempt has ended, whoever it was that made it.
pub(super) fn attempt_ended(work: &mut Work<'_>, number: Launch, exit: &Exit) -> Result<(), StoreError> {
    let Some(live) = work.cache.live.get(&number).copied() else { return Ok(()) };
    if let (false, Some(at)) = (live.has_started, exit.started_at) {
        // Whoever cannot be announced has ended all the same.
        step::guarded(work, step::Culprit::Run(live.run), |work| announce_start(work, live.task, live.run, at))?;
    }
    work.cache.live.remove(number);
    let taken = work.cache.queue.give(number);
    if attempt::end(work.tx, number, exit)? {
        if let Some(pools) = taken {
            pool::give(work.tx, &pools)?;
        }
        work.ended.push((number, live.task, exit.clone()));
    }
    Ok(())
}
