//! `campanile run FILE`: one job, here and now, without a daemon. The same engine, runner and rules as the daemon's, on a
//! state folder that lives as long as the run.

mod once;
mod show;

pub use once::{Failure, Request, run};
