//! A step as it was written, kept for what is to be said about it: `*/35` reads as every 35 minutes, and is not that.

use crate::model::time::kind::{Kind, WEEKDAY};

/// One item of a field with a step.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Step {
    /// The field that it is in.
    pub kind: Kind,
    /// As it was written.
    pub item: String,
    /// The first value that it names.
    pub first: u8,
    /// No value beyond this one.
    pub last: u8,
    /// The distance of its values.
    pub by: u8,
}

impl Step {
    /// How many values its field has.
    pub fn n_values(&self) -> u8 {
        // 7 is Sunday again.
        if self.kind.high == WEEKDAY.high && self.kind.low == WEEKDAY.low {
            7
        } else {
            self.kind.high - self.kind.low + 1
        }
    }

    /// The last value that it names.
    pub fn last_named(&self) -> u8 {
        self.first + self.last.saturating_sub(self.first) / self.by * self.by
    }

    /// It goes round its whole field, and comes to the start of the next round sooner than its distance.
    pub fn is_uneven(&self) -> bool {
        let Step { kind, first, by, .. } = self;
        let end = kind.low + self.n_values() - 1;
        let goes_round = *first < kind.low + by && self.last_named() + by > end && self.last_named() > *first;
        let to_next_round = first + self.n_values() - self.last_named();
        goes_round && to_next_round < *by && !self.n_values().is_multiple_of(*by)
    }
}

#[cfg(test)]
mod tests {
    use crate::model::time::fields;
    use crate::model::time::kind::{self, Kind};

    #[test]
    fn a_step_is_uneven_if_it_goes_round_and_does_not_divide_its_field() {
        let check = |kind: Kind, text, expected: &[&str]| {
            let field = fields::read(kind, text, 0, "job").expect(text);
            let uneven: Vec<_> = field.steps.iter().filter(|step| step.is_uneven()).map(|step| &*step.item).collect();
            assert_eq!(uneven, expected, "{text}");
        };
        check(kind::MINUTE, "*/35", &["*/35"]);
        check(kind::MINUTE, "0-59/35", &["0-59/35"]);
        check(kind::MINUTE, "*/15,*/7", &["*/7"]);
        check(kind::MINUTE, "5-59/15", &[]);
        check(kind::MINUTE, "*/60", &[]);
        check(kind::MINUTE, "10-50/15", &[]);
        check(kind::HOUR, "9-17/2", &[]);
        check(kind::HOUR, "*/5", &["*/5"]);
        check(kind::DAY, "*/2", &["*/2"]);
        check(kind::DAY, "*/31", &[]);
        check(kind::MONTH, "*/3", &[]);
        check(kind::WEEKDAY, "*/2", &["*/2"]);
        check(kind::WEEKDAY, "*/7", &[]);
        check(kind::WEEKDAY, "mon-fri/2", &[]);
        check(kind::WEEKDAY, "1-5/3", &[]);
    }
}
