//! What is legal in an expression and often not meant: each with a code that stays, and what to write instead.

use crate::model::time::dst::{self, CivilTimes};
use crate::model::time::explain::Scene;
use crate::model::time::explain::normal::is_full;
use crate::model::time::expression::Expression;
use crate::model::time::kind;
use crate::model::time::step::Step;

/// Something to look at twice.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Lint {
    /// For programs: `uneven_step`, `both_days`, `gap` or `length_of_day`.
    pub code: &'static str,
    /// What is so.
    pub message: String,
    /// What to write if it is not meant.
    pub hint: Option<String>,
}

impl Lint {
    fn new(code: &'static str, message: String) -> Self {
        Lint { code, message, hint: None }
    }

    fn hint(self, hint: String) -> Self {
        Lint { hint: Some(hint), ..self }
    }
}

/// A step that comes round sooner than its distance. Minutes of one hour do not come round, nor do seconds of one minute.
pub(super) fn uneven<'a>(read: &Expression, steps: impl IntoIterator<Item = &'a Step>) -> impl Iterator<Item = Lint> {
    let (one_minute, one_hour) = (read.minutes.bits.count_ones() == 1, read.hours.bits.count_ones() == 1);
    let goes_on = move |step: &&Step| {
        !(step.kind.name == kind::SECOND.name && one_minute || step.kind.name == kind::MINUTE.name && one_hour)
    };
    steps.into_iter().filter(|step| step.is_uneven()).filter(goes_on).map(|step| {
        let (name, n) = (step.kind.name, step.n_values());
        let message = format!(
            "`{}` does not divide the {n} values of the {name} field: after {} comes {} again, sooner than {} later",
            step.item,
            step.last_named(),
            step.first,
            step.by
        );
        let lint = Lint::new("uneven_step", message);
        match step.kind.unit {
            Some(unit) => lint.hint(format!("for this interval write `every = \"{}{unit}\"`", step.by)),
            None => lint,
        }
    })
}

/// Both days are restricted: which rule joins them.
pub(super) fn both_days(read: &Expression) -> Option<Lint> {
    let restricted = !is_full(kind::DAY, &read.days) && !is_full(kind::WEEKDAY, &read.weekdays);
    restricted.then(|| {
        if read.needs_both_days() {
            let rule = "day of month and day of week are both restricted: both must match, because one of them begins with `*`";
            Lint::new("both_days", rule.to_owned()).hint("where one is enough, write its values without `*`".to_owned())
        } else {
            let rule = "day of month and day of week are both restricted: one of them is enough, because neither begins with `*`";
            Lint::new("both_days", rule.to_owned()).hint("two schedules say the same more plainly".to_owned())
        }
    })
}

/// A time that the clock of the zone leaves out: when that happens next, and what is done.
pub(super) fn gap(read: &Expression, times: &impl CivilTimes, scene: Scene<'_>) -> Option<Lint> {
    // What is due in every hour goes on behind the gap, and misses nothing.
    if !times.is_fixed_time() && is_full(kind::HOUR, &read.hours) {
        return None;
    }
    let Scene { name, zone, after } = scene;
    let gap = dst::next_gap(times, zone, after)?;
    let time = if gap.named.second() == 0 { "%H:%M" } else { "%H:%M:%S" };
    let (named, on) = (gap.named.strftime(time), gap.named.strftime("%F"));
    let left_out = format!("{named} does not exist on {on} in {name}");
    Some(if times.is_fixed_time() {
        let at = gap.end.display_with_offset(zone.to_offset(gap.end));
        Lint::new("gap", format!("{left_out}: due once at {at}, the first instant after the gap"))
    } else {
        Lint::new("gap", format!("{left_out}: not due then, because a wildcard follows real time"))
            .hint("to be due once after the gap, write hour and minute without `*`".to_owned())
    })
}

/// A period of days is a number of hours.
pub(super) fn length_of_day(is_days: bool) -> Option<Lint> {
    is_days.then(|| {
        let message = "a day of `every` is 24 hours, so that its time of day moves when the clock is set".to_owned();
        Lint::new("length_of_day", message).hint("for the same time every day write `cron`".to_owned())
    })
}
