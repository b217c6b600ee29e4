//! How answers look.

/// A way to write answers down.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, clap::ValueEnum)]
pub(crate) enum Format {
    /// Columns for people
    #[default]
    Table,
    /// One JSON document: an array for a list
    Json,
    /// One JSON object a line
    Jsonl,
    /// YAML
    Yaml,
    /// One id or name a line
    Name,
    /// Comma-separated values under a header
    Csv,
}
