//! Webhooks: one try to POST a message as Standard Webhooks 1.0.0 describes it, and what its answer means.
//!
//! Only a 2xx takes the message. A redirect is not followed, since the signature was made for one receiver. 410 says
//! that the receiver wants nothing more; every other answer, and none, may be tried again. Whether and when is not
//! decided here. No result names what a reference was resolved to.

use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};

use super::{message, sign};
use crate::engine::Delivery;
use crate::engine::input::DeliveryResult;
use crate::model::definition::hook::Webhook;
use crate::model::definition::{Target, Value};
use crate::model::duration::Duration;
use crate::outbound::client::MAX_BODY;
use crate::outbound::guard::check_url;
use crate::outbound::{Answer, Client, Request, SendError, Trust, retry_after};
use crate::secret::{self, Secret};

/// Headers that a hook may not set: ours, and those that decide where a message ends or whom it is for.
const OURS: [&str; 15] = [
    sign::ID,
    sign::TIMESTAMP,
    sign::SIGNATURE,
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "expect",
    "host",
    "keep-alive",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "user-agent",
];

/// Makes one try at `delivery` at `now`, in Unix seconds. `log_tail` holds the last lines of the log of what the event
/// is about.
pub async fn send(delivery: &Delivery, now: i64, client: &Client, log_tail: &[String]) -> DeliveryResult {
    let Target::Webhook(webhook) = &delivery.hook.target else {
        return failed("the hook is a command, not a webhook".to_owned(), true);
    };
    let trust = match webhook.public_only {
        true => Trust::Api,
        false => Trust::Files { allow_private: webhook.allow_private },
    };
    let resolved = match resolve(webhook, delivery.hook.timeout).await {
        Ok(resolved) => resolved,
        Err(error) => return failed(error, false),
    };
    if let Err(blocked) = check_url(resolved.url.expose(), trust) {
        // A URL that stands in the file is the same at the next try; what a reference points to may be mended.
        return failed(blocked.to_string(), matches!(webhook.url, Value::Plain(_)));
    }
    let body = message::body(delivery, log_tail);
    let headers = match headers(&resolved, &delivery.id.to_string(), now, &body) {
        Ok(headers) => headers,
        Err(error) => return failed(error, false),
    };
    let request = Request {
        method: Method::POST,
        url: resolved.url.expose().to_owned(),
        trust,
        headers,
        body: body.into_bytes(),
        timeout: delivery.hook.timeout,
        max_body: MAX_BODY,
    };
    match client.send(request).await {
        Ok(answer) => judged(&answer, now),
        Err(error) => failed(unnamed(&error, webhook, &resolved), false),
    }
}

/// A webhook with its references resolved.
struct Resolved {
    url: Secret,
    secret: Option<Secret>,
    headers: Vec<(String, Secret)>,
}

/// Reads what the references point to on a thread that may wait, and for no longer than the whole try may take.
async fn resolve(webhook: &Webhook, timeout: Duration) -> Result<Resolved, String> {
    let webhook = webhook.clone();
    let reading = tokio::task::spawn_blocking(move || {
        let headers = webhook.headers.iter().map(|(name, value)| Ok((name.clone(), secret::resolve(value)?)));
        Ok::<_, secret::SecretError>(Resolved {
            url: secret::resolve(&webhook.url)?,
            secret: webhook.secret.as_ref().map(secret::resolve).transpose()?,
            headers: headers.collect::<Result<_, secret::SecretError>>()?,
        })
    });
    match tokio::time::timeout(timeout.to_std(), reading).await {
        Ok(Ok(resolved)) => resolved.map_err(|error| error.to_string()),
        Ok(Err(_)) => Err("a secret could not be read: the daemon is stopping".to_owned()),
        Err(_) => Err(format!("a secret could not be read within {timeout}")),
    }
}

fn headers(resolved: &Resolved, id: &str, now: i64, body: &str) -> Result<HeaderMap, String> {
    let mut headers = HeaderMap::new();
    for (name, value) in &resolved.headers {
        let parsed = HeaderName::from_bytes(name.as_bytes()).map_err(|_| format!("`{name}` is not a header's name"))?;
        if OURS.contains(&parsed.as_str()) {
            return Err(format!("header `{name}` is set by Campanile and cannot be set by a hook"));
        }
        let mut value = HeaderValue::from_str(value.expose())
            .map_err(|_| format!("the value of header `{name}` has characters that HTTP does not allow"))?;
        value.set_sensitive(true);
        headers.insert(parsed, value);
    }
    let plain = |text: &str| HeaderValue::from_str(text).expect("because ids, numbers and base64 are ASCII");
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(sign::ID, plain(id));
    headers.insert(sign::TIMESTAMP, plain(&now.to_string()));
    if let Some(secret) = &resolved.secret {
        let signatures = sign::signatures(secret, id, now, body).map_err(|error| error.to_string())?;
        headers.insert(sign::SIGNATURE, plain(&signatures));
    }
    Ok(headers)
}

fn judged(answer: &Answer, now: i64) -> DeliveryResult {
    let accepted = (200..300).contains(&answer.status);
    let asked = answer.headers.get(header::RETRY_AFTER).and_then(|value| value.to_str().ok());
    DeliveryResult {
        accepted,
        status: Some(answer.status),
        error: (!accepted).then(|| said(answer.status)),
        permanent: answer.status == 410,
        retry_after: asked.filter(|_| !accepted).and_then(|asked| retry_after(asked, now)),
    }
}

fn said(status: u16) -> String {
    let reason = StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason()).unwrap_or_default();
    let answered = format!("answered {status} {reason}");
    let answered = answered.trim_end();
    match status {
        300..=399 => format!("{answered}; redirects are not followed"),
        410 => format!("{answered}; the receiver wants nothing more"),
        _ => answered.to_owned(),
    }
}

/// What went wrong. TLS and DNS may say the host's name, which is secret if the URL is.
fn unnamed(error: &SendError, webhook: &Webhook, resolved: &Resolved) -> String {
    let text = error.to_string();
    let host = url::Url::parse(resolved.url.expose()).ok().and_then(|url| url.host_str().map(str::to_owned));
    match (&webhook.url, host) {
        (Value::Secret(_), Some(host)) => text.replace(&host, "***"),
        (Value::Secret(_), None) | (Value::Plain(_), _) => text,
    }
}

/// A try that got no answer.
pub(super) fn failed(error: String, permanent: bool) -> DeliveryResult {
    DeliveryResult { accepted: false, status: None, error: Some(error), permanent, retry_after: None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::definition::value::{Place, Reference};

    #[test]
    fn an_answer_is_judged_by_its_status() {
        for (status, accepted, permanent, error) in [
            (200, true, false, None),
            (204, true, false, None),
            (302, false, false, Some("answered 302 Found; redirects are not followed")),
            (400, false, false, Some("answered 400 Bad Request")),
            (410, false, true, Some("answered 410 Gone; the receiver wants nothing more")),
            (503, false, false, Some("answered 503 Service Unavailable")),
            (799, false, false, Some("answered 799")),
        ] {
            let answer = Answer { status, headers: HeaderMap::new(), body: vec![], cut: false };
            let error = error.map(str::to_owned);
            let expected = DeliveryResult { accepted, status: Some(status), error, permanent, retry_after: None };
            assert_eq!(judged(&answer, 0), expected);
        }
    }

    #[test]
    fn a_host_is_named_only_where_the_url_stands_in_the_file() {
        let error = SendError::Unreachable("certificate not valid for name \"x.example\"".to_owned());
        let resolved = Resolved { url: Secret::new("https://X.example/t"), secret: None, headers: vec![] };
        let place = Place::Env("HOOK_URL".to_owned());
        let reference = Value::Secret(Reference { place, prefix: String::new() });
        for (url, expected) in [
            (Value::from("https://x.example/t"), "cannot connect: certificate not valid for name \"x.example\""),
            (reference, "cannot connect: certificate not valid for name \"***\""),
        ] {
            let webhook =
                Webhook { url, secret: None, headers: Default::default(), allow_private: false, public_only: false };
            assert_eq!(unnamed(&error, &webhook, &resolved), expected);
        }
    }

    #[test]
    fn a_hook_cannot_set_our_headers() {
        let build = |name: &str, value: &str| {
            let headers = vec![(name.to_owned(), Secret::new(value))];
            super::headers(&Resolved { url: Secret::new(""), secret: None, headers }, "id", 0, "{}")
        };
        for name in ["Host", "content-length", "Webhook-Id", "webhook-signature", "TRANSFER-ENCODING", "User-Agent"] {
            let expected = format!("header `{name}` is set by Campanile and cannot be set by a hook");
            assert_eq!(build(name, "x").unwrap_err(), expected);
        }
        assert_eq!(build("a b", "x").unwrap_err(), "`a b` is not a header's name");
        let split = build("X-Token", "s3cret\r\nHost: elsewhere").unwrap_err();
        assert_eq!(split, "the value of header `X-Token` has characters that HTTP does not allow");
        assert_eq!(build("Authorization", "Bearer x").unwrap()["authorization"], "Bearer x");
    }
}
