//! `ctl reload`.

use super::Session;
use super::failure::Failure;
use super::format::Format;
use super::render;
use crate::print;
use crate::wire::code;
use crate::wire::request::Reloaded;

/// The words of `ctl reload`.
#[derive(clap::Args, Debug)]
pub(crate) struct Words {}

pub(crate) async fn run(session: &Session, _words: Words) -> Result<u8, Failure> {
    let reloaded: Reloaded = session.client.post(&["reload"], &serde_json::json!({})).await?;
    let text = match session.format {
        Format::Table => render::block(&[
            ("changed", reloaded.changed.join(", ")),
            ("retired", reloaded.retired.join(", ")),
            ("unchanged", reloaded.n_unchanged.to_string()),
            ("invalid", reloaded.n_invalid.to_string()),
        ]),
        Format::Json => render::json(&reloaded),
        Format::Jsonl => render::line(&reloaded),
        Format::Yaml => render::yaml(&reloaded),
        Format::Name => reloaded.changed.iter().map(|job| format!("{job}\n")).collect(),
    };
    print::data(&text);
    if reloaded.n_invalid > 0 {
        // The reload itself is done: the last good revisions stay in force.
        print::talk("warning: some files could not be read; `campanile ctl status` names them");
    }
    Ok(code::DONE)
}
