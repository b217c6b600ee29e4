//! Holds `docs/concepts/hooks.md` to what the code does: its example is a real message with its real signature, and its
//! table of pauses is the one in force.

use serde_json::{Value, json};

use super::example::{delivery, shell};
use super::{message, sign};
use crate::model::policy::deliver::next_delay;
use crate::secret::Secret;

const PAGE: &str = include_str!("../../docs/concepts/hooks.md");

fn block(language: &str) -> &'static str {
    let start = format!("```{language}\n");
    let from = PAGE.find(&start).expect("because the page has such a block") + start.len();
    let length = PAGE[from..].find("```").expect("because blocks end");
    &PAGE[from..from + length]
}

fn example() -> String {
    let data = json!({
        "task": "extract", "outcome": "exit_code", "exit_code": 3, "attempt": 2, "error": "exit code 3"
    });
    let tail = ["connecting", "psql: error: no such table"].map(str::to_owned);
    message::body(&delivery(shell("true"), "task.failed", data), &tail)
}

#[test]
fn the_page_shows_a_real_message() {
    let shown: Value = serde_json::from_str(block("json")).expect("because the page shows JSON");
    assert_eq!(shown.to_string(), example());
}

#[test]
fn the_page_shows_the_signature_of_its_message() {
    let secret = Secret::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
    let signature = sign::signatures(&secret, "0193a7c4-0000-7000-8000-000000000009", 1_795_176_001, &example());
    let line = format!("webhook-signature: {}\n", signature.expect("because the secret is valid"));
    assert!(PAGE.contains(&line), "the page should have the line {line}");
}

#[test]
fn the_page_shows_the_pauses_in_force() {
    let pause = |n_attempts| next_delay(n_attempts, 0.5, None).to_string();
    for n_attempts in 1..6 {
        assert!(PAGE.contains(&format!("| {n_attempts} | {} |", pause(n_attempts))), "after {n_attempts}");
    }
    assert!(PAGE.contains(&format!("| 6 and more | {} |", pause(6))));
    assert_eq!(pause(6), pause(1_000));
}
