//! `ctl deliveries [retry ID]`.

use clap::Subcommand;

use super::Session;
use super::failure::Failure;
use super::render::{self, Shown, or_dash};
use super::view::View;
use crate::print;
use crate::wire::{Delivery, code};

/// The words of `ctl deliveries`.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  campanile ctl deliveries --limit 20
  campanile ctl deliveries retry DELIVERY")]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Words {
    /// At most so many
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    #[command(subcommand)]
    wish: Option<Wish>,
}

#[derive(Subcommand, Debug)]
enum Wish {
    /// Try one again that was given up or has arrived before
    #[command(after_help = "Examples:
  campanile ctl deliveries retry DELIVERY
  campanile ctl deliveries retry ffffffff   # exits 3")]
    Retry {
        /// The delivery: an id or the end of one
        id: String,
    },
}

pub(crate) async fn run(session: &Session, Words { limit, wish }: Words) -> Result<u8, Failure> {
    match wish {
        Some(Wish::Retry { id }) => {
            session.client.tell(&["deliveries", &id, "retry"]).await?;
            print::talk(&format!("delivery `{id}` will be tried again"));
        }
        None => {
            let deliveries: Vec<Delivery> = session.client.list(&["deliveries"], Vec::new(), limit).await?;
            print::data(&render::list(session.format, &deliveries, &session.view));
        }
    }
    Ok(code::DONE)
}

impl Shown for Delivery {
    const HEADER: &'static [&'static str] = &["id", "event", "job", "hook", "state", "tries", "queued", "last try"];

    fn cells(&self, view: &View) -> Vec<String> {
        let last = match (self.status, &self.error) {
            (Some(status), Some(error)) => format!("{status}: {error}"),
            (Some(status), None) => status.to_string(),
            (None, Some(error)) => error.clone(),
            (None, None) => "-".to_owned(),
        };
        vec![
            self.id.short(),
            self.event_type.clone().unwrap_or_else(|| format!("#{}", self.event_seq)),
            or_dash(self.job.as_deref()),
            self.hook.clone(),
            self.state.clone(),
            self.attempt.to_string(),
            view.relative(Some(self.queued_at)),
            last,
        ]
    }

    fn name(&self) -> String {
        self.id.to_string()
    }
}
