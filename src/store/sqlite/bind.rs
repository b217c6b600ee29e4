//! How our types are bound to SQLite's: ids are 16 bytes, numbers and instants are integers, words are text.

use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSql, ToSqlOutput, Value, ValueRef};

use crate::model::id::{
    BackfillId, DefinitionId, DeliveryId, EventSeq, HookId, JobId, Launch, RunId, ScheduleId, TaskId,
};
use crate::model::timestamp::{Steady, Timestamp};

macro_rules! bytes {
    ($($name:ident),*) => {$(
        impl ToSql for $name {
            fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
                Ok(ToSqlOutput::Borrowed(ValueRef::Blob(self.as_bytes())))
            }
        }

        impl FromSql for $name {
            fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
                let bytes = <[u8; 16]>::try_from(value.as_blob()?).map_err(|_| FromSqlError::InvalidType)?;
                Ok($name::from_bytes(bytes))
            }
        }
    )*};
}

bytes!(RunId, TaskId, BackfillId, DeliveryId);

macro_rules! integers {
    ($($name:ident: $get:expr, $make:expr;)*) => {$(
        impl ToSql for $name {
            fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
                let get: fn(&$name) -> i64 = $get;
                Ok(ToSqlOutput::Owned(Value::Integer(get(self))))
            }
        }

        impl FromSql for $name {
            fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
                let make: fn(i64) -> Option<$name> = $make;
                let number = value.as_i64()?;
                make(number).ok_or(FromSqlError::OutOfRange(number))
            }
        }
    )*};
}

integers! {
    JobId: |id| id.0, |n| Some(JobId(n));
    ScheduleId: |id| id.0, |n| Some(ScheduleId(n));
    DefinitionId: |id| id.0, |n| Some(DefinitionId(n));
    HookId: |id| id.0, |n| Some(HookId(n));
    Launch: |launch| launch.0.cast_signed(), |n| u64::try_from(n).ok().map(Launch);
    EventSeq: |seq| seq.0.cast_signed(), |n| u64::try_from(n).ok().map(EventSeq);
    Timestamp: |at| at.as_micros(), |n| Some(Timestamp::from_micros(n));
    Steady: |at| at.0, |n| Some(Steady(n));
}
