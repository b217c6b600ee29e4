//! Where `H` puts a job: a stable hash of its name, so that a thousand `H 3 * * *` do not start in one minute and each
//! keeps its minute over restarts, machines and releases.
//!
//! Algorithm: SHA-256 over the job's name, a zero byte and the field's name (`second`, `minute`, `hour`, `day of month`,
//! `month`, `day of week`); the first eight bytes as a big-endian number, modulo how many places there are. The field's
//! name is the salt that makes minute and hour independent. Changing any of this moves every user's jobs: never do.

use sha2::{Digest, Sha256};

/// A number below `n` for that field of that job; `n` is not zero.
pub fn place(job: &str, field: &str, n: u8) -> u8 {
    let mut hash = Sha256::new();
    hash.update(job.as_bytes());
    hash.update([0]);
    hash.update(field.as_bytes());
    let digest = hash.finalize();
    let head = digest[..8].try_into().expect("because a SHA-256 digest has 32 bytes");
    u8::try_from(u64::from_be_bytes(head) % u64::from(n)).expect("because it is below a u8")
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
    fn jobs_are_spread_evenly() {
        let mut n_at = [0_u32; 60];
        for index in 0..6_000 {
            n_at[usize::from(place(&format!("job-{index}"), "minute", 60))] += 1;
        }
        assert!(n_at.iter().all(|n| (50..=160).contains(n)), "{n_at:?}");
    }
}
