//! Reads `Retry-After`: how long whoever answered wants to be left alone. What is made of it is not decided here.

use chrono::DateTime;

use crate::model::duration::Duration;

/// How long to wait at `now`, in Unix seconds, from seconds or from an HTTP date (RFC 9110 §10.2.3). Its two obsolete
/// forms of dates are not read.
pub fn retry_after(text: &str, now: i64) -> Option<Duration> {
    let text = text.trim();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(Duration::from_secs(text.parse().unwrap_or(i64::MAX)));
    }
    let until = DateTime::parse_from_rfc2822(text).ok()?;
    Some(Duration::from_secs(until.timestamp().saturating_sub(now)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_is_asked_for_in_seconds_or_by_date() {
        let now = 784_111_777; // Sun, 06 Nov 1994 08:49:37 GMT
        for (text, secs) in [
            ("120", Some(120)),
            (" 0 ", Some(0)),
            ("Sun, 06 Nov 1994 08:51:37 GMT", Some(120)),
            ("Sun, 06 Nov 1994 08:00:00 GMT", Some(0)),
            ("soon", None),
            ("", None),
            ("-5", None),
        ] {
            assert_eq!(retry_after(text, now), secs.map(Duration::from_secs), "{text:?}");
        }
        assert!(retry_after("99999999999999999999999", now).is_some_and(|asked| asked > Duration::MAX));
    }
}
