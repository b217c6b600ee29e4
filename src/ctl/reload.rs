//! `ctl reload`.

use super::Session;
use super::failure::Failure;
use super::render::{self, Shown};
use super::view::View;
use crate::print;
use crate::wire::code;
use crate::wire::request::Reloaded;

/// The words of `ctl reload`.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  campanile ctl reload
  campanile ctl reload -o json")]
pub(crate) struct Words {}

pub(crate) async fn run(session: &Session, _words: Words) -> Result<u8, Failure> {
    let reloaded: Reloaded = session.client.post(&["reload"], &serde_json::json!({})).await?;
    print::data(&render::one(session.format, &reloaded, &session.view));
    if reloaded.n_invalid > 0 {
        // The reload itself is done: the last good revisions stay in force.
        print::talk("warning: some files could not be read; `campanile ctl status` names them");
    }
    Ok(code::DONE)
}

impl Shown for Reloaded {
    const HEADER: &'static [&'static str] = &["changed", "retired", "unchanged", "invalid"];

    fn cells(&self, _view: &View) -> Vec<String> {
        let (changed, retired) = (self.changed.join(", "), self.retired.join(", "));
        vec![changed, retired, self.n_unchanged.to_string(), self.n_invalid.to_string()]
    }

    fn name(&self) -> String {
        self.changed.join("\n")
    }
}
