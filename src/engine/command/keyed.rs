//! A command that carries a key: done once, and answered alike as often as it is asked within a day.
//!
//! The answer is written by the transaction that does what is asked, so whoever lost a reply asks again under the same
//! key and gets it. A refusal changes nothing and is not kept: asked again, it may be granted.

use serde_json::{Value, json};

use crate::engine::input::{Answer, Keyed};
use crate::engine::work::Work;
use crate::model::id::RunId;
use crate::model::refused::Refused;
use crate::store::StoreError;
use crate::store::request::{self, Kept};

/// Does it, unless that was done before.
pub(super) fn keyed(work: &mut Work<'_>, asked: &Keyed) -> Result<Result<Answer, Refused>, StoreError> {
    if let Some(kept) = request::find(work.tx, &asked.key)? {
        if kept.fingerprint != asked.fingerprint {
            return Ok(Err(Refused::KeyReused { key: asked.key.clone() }));
        }
        let answer = read(&kept.answer).ok_or_else(|| {
            StoreError::unreadable(format!("the request `{}`", asked.key), format!("its answer is `{}`", kept.answer))
        })?;
        return Ok(Ok(Answer::Again(Box::new(answer))));
    }
    let answer = super::apply(work, &asked.command)?;
    if let Some(written) = answer.as_ref().ok().and_then(written) {
        let kept = Kept { fingerprint: asked.fingerprint.to_vec(), answer: written.to_string() };
        request::insert(work.tx, &asked.key, &kept, work.now.steady)?;
    }
    Ok(answer)
}

/// The answer as it is kept; nothing for one that is never repeated.
fn written(answer: &Answer) -> Option<Value> {
    match answer {
        Answer::Done => Some(json!({})),
        Answer::Started { run, number } => Some(json!({ "run": run, "number": number })),
        Answer::Submitted(runs) => Some(json!({ "runs": runs })),
        Answer::Backfilled(backfill) => Some(json!({ "backfill": backfill })),
        Answer::Loaded(_) | Answer::Again(_) => None,
    }
}

fn read(text: &str) -> Option<Answer> {
    let value: Value = serde_json::from_str(text).ok()?;
    let id = |value: &Value| value.as_str()?.parse::<RunId>().ok();
    if let Some(backfill) = value.get("backfill") {
        return backfill.as_str()?.parse().ok().map(Answer::Backfilled);
    }
    match (value.get("run"), value.get("runs")) {
        (Some(run), None) => Some(Answer::Started { run: id(run)?, number: value.get("number")?.as_u64()? }),
        (None, Some(runs)) => Some(Answer::Submitted(runs.as_array()?.iter().map(id).collect::<Option<_>>()?)),
        (None, None) => Some(Answer::Done),
        (Some(_), Some(_)) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::id::BackfillId;

    #[test]
    fn an_answer_that_is_kept_reads_back() {
        let run = RunId::from_bytes([7; 16]);
        let backfilled = Answer::Backfilled(BackfillId::from_bytes([8; 16]));
        let submitted = Answer::Submitted(vec![run, run]);
        for answer in [Answer::Done, Answer::Started { run, number: 3 }, submitted, backfilled] {
            let text = written(&answer).map(|value| value.to_string()).unwrap_or_default();
            assert_eq!(read(&text), Some(answer), "{text}");
        }
        assert_eq!(read("mould"), None);
    }
}
