//! What words of `model` look like in JSON, for the schemas of the API's document. `model` knows no schema; here stands
//! what its own readers take, and tests beside those readers hold them.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

macro_rules! shapes {
    ($($(#[$doc:meta])* $name:ident = $schema:tt;)*) => {$(
        $(#[$doc])*
        pub(crate) struct $name;

        impl JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!($schema)
            }
        }
    )*};
}

shapes! {
    /// A whole id.
    Id = { "type": "string", "format": "uuid" };
    /// A moment: RFC 3339 with an offset.
    Instant = { "type": "string", "format": "date-time" };
    /// A task that belongs to no job: what the tables of `files::spec` say of one.
    Task = { "$ref": "#/components/schemas/submission" };
    /// One word of a list that may grow.
    Word = { "type": "string" };
    /// Where a list goes on: given out as `next_cursor`, and good for nothing else.
    Cursor = { "type": "string", "pattern": "^[0-9a-f]{32}$" };
    /// The same for a list that is sorted by name.
    NameCursor = { "type": "string", "pattern": "^([0-9a-f]{2}){1,64}$" };
    /// Something wrong with a file.
    Problem = {
        "type": "object",
        "required": ["path", "line", "column", "message", "hint"],
        "properties": {
            "path": { "type": "string" },
            "line": { "type": "integer", "minimum": 0 },
            "column": { "type": "integer", "minimum": 0 },
            "message": { "type": "string" },
            "hint": { "type": ["string", "null"] }
        }
    };
}
