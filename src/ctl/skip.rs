//! `ctl skip JOB@TIME`.

use super::Session;
use super::failure::Failure;
use super::instant::{self, Direction};
use crate::print;
use crate::wire::code;
use crate::wire::request::Skip;

/// The words of `ctl skip`.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  campanile ctl skip nightly@next
  campanile ctl skip nightly@2027-01-31T02:30
  campanile ctl skip nightly@2027-01-31T02:31   # exits 5")]
pub(crate) struct Words {
    /// The job and a due time of it that lies ahead, as `campanile ctl next` tells it, or `next`
    #[arg(value_name = "JOB@TIME")]
    what: String,
}

pub(crate) async fn run(session: &Session, Words { what }: Words) -> Result<u8, Failure> {
    let Some((job, time)) = what.rsplit_once('@') else {
        return Err(Failure::usage(format!("`{what}` is not JOB@TIME"))
            .hint("write it as in `campanile ctl skip nightly@2027-01-31T02:30`"));
    };
    let at = match time {
        "next" => session.client.next_of(job).await?,
        time => instant::read(time, Direction::Ahead, &session.view)?,
    };
    if let Err(failure) = session.client.tell_how(&["jobs", job, "skips"], &Skip { at }).await {
        return Err(session.client.suggest(failure, job).await);
    }
    print::talk(&format!("`{job}` will not start at {}", session.view.full(Some(at))));
    Ok(code::DONE)
}
