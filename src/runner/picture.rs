//! Turns what the runner says into the engine's reports. The answer to a hello comes in parts, because each exit carries
//! an output and all together may be longer than a message may be; the engine is told of it as of one whole picture.

use super::protocol::FromRunner;
use crate::engine::RunnerReport;
use crate::model::exit::Exit;
use crate::model::id::Launch;

/// A picture that is not whole yet.
struct Begun {
    connection: u64,
    highest: Launch,
    alive: Vec<Launch>,
    ended: Vec<(Launch, Exit)>,
    n_ended: usize,
}

/// What was said so far on one connection.
#[derive(Default)]
pub(crate) struct Pictures {
    begun: Option<Begun>,
}

impl Pictures {
    /// What follows from one more message.
    pub(crate) fn take(&mut self, message: FromRunner) -> Option<RunnerReport> {
        match (message, &mut self.begun) {
            (FromRunner::Hello { epoch, highest, alive, n_ended, .. }, _) => {
                self.begun = Some(Begun { connection: epoch, highest, alive, ended: Vec::new(), n_ended });
            }
            (FromRunner::Ended { launch, exit }, Some(begun)) => begun.ended.push((launch, exit)),
            (FromRunner::Ended { launch, exit }, None) => return Some(RunnerReport::Ended { launch, exit }),
            (FromRunner::Started { launch, at }, _) => return Some(RunnerReport::Started { launch, at }),
            (FromRunner::Refused { .. }, _) => return None,
        }
        let Begun { connection, highest, alive, ended, .. } =
            self.begun.take_if(|begun| begun.ended.len() >= begun.n_ended)?;
        Some(RunnerReport::Connected { connection, highest, alive, ended })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::exit::ExitKind;
    use crate::model::timestamp::Timestamp;

    #[test]
    fn a_picture_is_reported_when_its_last_part_is_there() {
        let hello = |n_ended| FromRunner::Hello {
            epoch: 9,
            version: 1,
            instance: String::new(),
            boot_id: String::new(),
            highest: Launch(4),
            alive: vec![Launch(4)],
            n_ended,
        };
        let exit = Exit::bare(ExitKind::Code(0), Timestamp::from_micros(0));
        let ended = |number| FromRunner::Ended { launch: Launch(number), exit: exit.clone() };
        let whole =
            |ended| Some(RunnerReport::Connected { connection: 9, highest: Launch(4), alive: vec![Launch(4)], ended });
        let mut pictures = Pictures::default();
        assert_eq!(pictures.take(hello(0)), whole(vec![]));
        assert_eq!(pictures.take(hello(2)), None);
        assert_eq!(pictures.take(ended(1)), None);
        assert_eq!(pictures.take(ended(2)), whole(vec![(Launch(1), exit.clone()), (Launch(2), exit.clone())]));
        let after = RunnerReport::Ended { launch: Launch(4), exit: exit.clone() };
        assert_eq!(pictures.take(ended(4)), Some(after));
    }
}
