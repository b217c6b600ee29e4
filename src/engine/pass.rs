//! The passes of a step, each its own file, always run in one order. They never call each other: what one finds for
//! another is in the rows, or in `Work`.

mod admit;
mod backfill;
mod catch_up;
mod deliver;
mod dispatch;
mod due;
mod expire;
mod finish;
mod prune;
mod ready;
mod settle;

pub(super) use admit::admit;
pub(super) use backfill::backfill;
pub(super) use catch_up::catch_up;
pub(super) use deliver::deliver;
pub(super) use dispatch::dispatch;
pub(super) use due::due;
pub(super) use expire::expire;
pub(super) use finish::finish;
pub(super) use prune::prune;
pub(super) use ready::ready;
pub(super) use settle::settle;
