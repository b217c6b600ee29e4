//! What files of jobs were like when the engine last took what they define.

use rusqlite::{OptionalExtension, params};

use super::reader::Reader;
use crate::model::definition::{ReadFile, from_canonical};
use crate::model::refused::Refused;

const UNDER: &str = "SELECT 1 FROM fact WHERE name = 'read_under' AND value = ?1";
const ALL: &str = "SELECT stem, body FROM read_file";

/// All that were read under this; none of those that cannot be told.
pub fn all(reader: &Reader, under: &str) -> Result<Vec<ReadFile>, Refused> {
    reader.read(|tx| {
        let mut files = Vec::new();
        if tx.query_row(UNDER, params![under], |_| Ok(())).optional()?.is_none() {
            return Ok(files);
        }
        let mut statement = tx.prepare(ALL)?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let body: String = row.get(1)?;
            if let Ok(file) = from_canonical::<ReadFile>(&body) {
                files.push(ReadFile { stem: row.get(0)?, ..file });
            }
        }
        Ok(files)
    })
}
