//! Columns whose type SQLite does not have: numbers that are never negative, and instants.

use rusqlite::Row;
use rusqlite::types::Type;
use serde_json::{Map, Value};

use crate::model::timestamp::Timestamp;

/// A number that is never negative.
pub(crate) fn unsigned(row: &Row<'_>, index: usize) -> rusqlite::Result<u64> {
    let number: i64 = row.get(index)?;
    u64::try_from(number).map_err(|_| rusqlite::Error::IntegralValueOutOfRange(index, number))
}

/// A number that is never negative, or nothing.
pub(crate) fn maybe_unsigned(row: &Row<'_>, index: usize) -> rusqlite::Result<Option<u64>> {
    match row.get::<_, Option<i64>>(index)? {
        None => Ok(None),
        Some(_) => unsigned(row, index).map(Some),
    }
}

/// An instant.
pub(crate) fn at(row: &Row<'_>, index: usize) -> rusqlite::Result<Timestamp> {
    row.get(index).map(Timestamp::from_micros)
}

/// An instant, or nothing.
pub(crate) fn maybe_at(row: &Row<'_>, index: usize) -> rusqlite::Result<Option<Timestamp>> {
    Ok(row.get::<_, Option<i64>>(index)?.map(Timestamp::from_micros))
}

/// Named values, kept as JSON; none where there is nothing.
pub(crate) fn maybe_named(row: &Row<'_>, index: usize) -> rusqlite::Result<Map<String, Value>> {
    let Some(text) = row.get::<_, Option<String>>(index)? else { return Ok(Map::new()) };
    serde_json::from_str(&text)
        .map_err(|error| rusqlite::Error::FromSqlConversionFailure(index, Type::Text, error.into()))
}
