//! Which of two queued tasks goes first: the one with the lower priority number, unless the other has waited long enough.
//! Both grow older alike, so who is before whom never changes while they wait, and one sorted set is enough.

use crate::model::duration::Duration;
use crate::model::timestamp::Timestamp;

/// By how much longer a task must have waited to go before one whose priority is better by one.
pub const AGEING: Duration = Duration::from_secs(3_600);

/// The place in the queue of what has this priority and was queued then; lower places go first.
pub fn place(priority: u8, queued_at: Timestamp) -> Timestamp {
    let behind = AGEING.as_micros().saturating_mul(i64::from(priority.saturating_sub(1)));
    queued_at.plus(Duration::from_micros(behind))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn priority_goes_first_and_age_catches_up() {
        let at = |hours: i64| Timestamp::from_micros(hours * AGEING.as_micros());
        for (first, second) in
            [((1, 0), (2, 0)), ((5, 0), (5, 1)), ((1, 7), (9, 0)), ((9, 0), (1, 9)), ((4, 2), (9, 0))]
        {
            assert!(place(first.0, at(first.1)) < place(second.0, at(second.1)), "{first:?} {second:?}");
        }
        assert_eq!(place(9, at(0)), place(1, at(8)), "eight priorities are eight hours");
    }
}
