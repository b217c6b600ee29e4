//! Memory that was freed goes back to the system. What reads a hundred thousand jobs at once frees hundreds of megabytes
//! again, and glibc keeps what is freed below anything that lives on: see NOTES of malloc_trim(3).

/// Gives back whole pages that hold nothing.
#[cfg(target_env = "gnu")]
#[expect(unsafe_code, reason = "no crate that we know wraps it")]
pub(super) fn give_back() {
    // SAFETY: it may be called at any time from any thread, and touches only what is free.
    unsafe { libc::malloc_trim(0) };
}

/// Others give back by themselves.
#[cfg(not(target_env = "gnu"))]
pub(super) fn give_back() {}
