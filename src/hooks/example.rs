//! A delivery for the tests of this folder to speak of.

use serde_json::Value;

use crate::engine::Delivery;
use crate::model::definition::{Hook, Target};
use crate::model::duration::Duration;
use crate::model::event::Event;
use crate::model::id::{EventSeq, Launch};

/// One try to tell `target` of an event of type `kind`.
pub(crate) fn delivery(target: Target, kind: &str, data: Value) -> Delivery {
    Delivery {
        launch: Launch(7),
        id: "0193a7c4-0000-7000-8000-000000000009".parse().unwrap(),
        hook: Hook {
            name: None,
            on: vec!["*".into()],
            jobs: vec![],
            target,
            timeout: Duration::from_secs(30),
            max_attempts: 3,
        },
        event: Event {
            seq: EventSeq(42),
            at: "2026-11-20T12:00:00Z".parse().unwrap(),
            kind: kind.parse().unwrap(),
            job: Some("nightly".into()),
            run: Some("0193a7c4-0000-7000-8000-000000000001".parse().unwrap()),
            task: Some("0193a7c4-0000-7000-8000-000000000002".parse().unwrap()),
            data,
        },
        log_path: None,
    }
}

/// A hook that runs `text`.
pub(crate) fn shell(text: &str) -> Target {
    Target::Shell(text.into())
}
