//! Where `H` and `jitter` put a job: a stable hash of its name, so that a thousand `H 3 * * *` do not start in one minute
//! and each keeps its minute over restarts, machines and releases.
//!
//! Algorithm: SHA-256 over the job's name, a zero byte and a salt; the first eight bytes as a big-endian number, modulo how
//! many places there are. For `H` the salt is the field's name (`second`, `minute`, `hour`, `day of month`, `month`, `day of
//! week`), which makes minute and hour independent. For `jitter` it is the schedule's key (`Schedule::key`: its name, or else
//! its rule), and the places are the whole seconds below the jitter. Changing any of this moves every user's jobs: never do.

use sha2::{Digest, Sha256};

use crate::model::duration::Duration;

const SECOND_US: i64 = 1_000_000;

/// A number below `n` for that field of that job; `n` is not zero.
pub fn place(job: &str, field: &str, n: u8) -> u8 {
    u8::try_from(number(job, field) % u64::from(n)).expect("because it is below a u8")
}

/// By how much the due times of the schedule of that key are later: whole seconds, less than `jitter`.
pub fn offset(job: &str, key: &str, jitter: Duration) -> Duration {
    let n_places = jitter.as_micros().div_euclid(SECOND_US) + i64::from(jitter.as_micros() % SECOND_US > 0);
    let seconds = number(job, key) % u64::try_from(n_places).unwrap_or(1).max(1);
    Duration::from_secs(i64::try_from(seconds).expect("because it is below the seconds of a duration"))
}

fn number(job: &str, salt: &str) -> u64 {
    let mut hash = Sha256::new();
    hash.update(job.as_bytes());
    hash.update([0]);
    hash.update(salt.as_bytes());
    let digest = hash.finalize();
    u64::from_be_bytes(digest[..8].try_into().expect("because a SHA-256 digest has 32 bytes"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_keeps_its_place_for_ever() {
        let check = |job, field, n, expected| assert_eq!(place(job, field, n), expected, "{job} {field}");
        check("nightly-report", "minute", 60, 4);
        check("nightly-report", "hour", 24, 23);
        check("backup", "minute", 60, 34);
    }

    #[test]
    fn a_schedule_keeps_its_jitter_for_ever() {
        let check = |job, key, jitter: &str, expected: &str| {
            let jitter = jitter.parse().expect("because the case is valid");
            assert_eq!(offset(job, key, jitter).to_string(), expected, "{job} {key} {jitter}");
        };
        check("nightly-report", "cron:30 2 * * * Europe/Berlin", "10m", "8m24s");
        check("nightly-report", "cron:30 2 * * * Europe/Berlin", "1h", "48m24s");
        check("backup", "cron:30 2 * * * Europe/Berlin", "10m", "6m47s");
        check("backup", "name:nightly", "10m", "4m56s");
        check("backup", "name:nightly", "1s", "0s");
        check("backup", "name:nightly", "1s500ms", "0s");
        check("backup", "name:nightly", "1us", "0s");
    }

    #[test]
    fn jobs_are_spread_evenly() {
        let mut n_at = [0_u32; 60];
        for index in 0..6_000 {
            n_at[usize::from(place(&format!("job-{index}"), "minute", 60))] += 1;
        }
        assert!(n_at.iter().all(|n| (50..=160).contains(n)), "{n_at:?}");
    }
}
