//! Comma-separated values (RFC 4180) of shapes: a header with the names of their fields, and a line for each. What is
//! nothing is empty, and what has parts of its own is JSON in one cell. The names come from the shapes themselves, so a
//! list without anything in it has its header too.

use serde::de::{DeserializeOwned, Deserializer, Error, Visitor};
use serde::{Serialize, forward_to_deserialize_any};
use serde_json::Value;

/// The header of lists of `T`.
pub(crate) fn header<T: DeserializeOwned>() -> String {
    line(fields::<T>().iter().copied())
}

/// One line.
pub(crate) fn record<T: Serialize + DeserializeOwned>(item: &T) -> String {
    let shape = serde_json::to_value(item).expect("because shapes are plain data");
    line(fields::<T>().iter().map(|name| cell(shape.get(name))))
}

fn cell(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(value) => value.to_string(),
    }
}

fn line<T: AsRef<[u8]>>(cells: impl Iterator<Item = T>) -> String {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(cells).expect("because memory takes it");
    let bytes = writer.into_inner().expect("because memory takes it");
    String::from_utf8(bytes).expect("because it was made from text")
}

/// The names under which `T` is read, in order.
fn fields<T: DeserializeOwned>() -> &'static [&'static str] {
    let mut names: &'static [&'static str] = &[];
    let _ = T::deserialize(Names(&mut names));
    names
}

/// Asks a shape what it wants to read, and gives it nothing.
struct Names<'a>(&'a mut &'static [&'static str]);

impl<'de> Deserializer<'de> for Names<'_> {
    type Error = serde::de::value::Error;

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        fields: &'static [&'static str],
        _visitor: V,
    ) -> Result<V::Value, Self::Error> {
        *self.0 = fields;
        Err(Error::custom("only the names were wanted"))
    }

    fn deserialize_any<V: Visitor<'de>>(self, _visitor: V) -> Result<V::Value, Self::Error> {
        Err(Error::custom("a shape is a struct"))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Serialize, Deserialize)]
    struct Bell {
        name: String,
        #[serde(rename = "type")]
        kind: Option<String>,
        tones: Vec<u32>,
    }

    #[test]
    fn a_record_has_a_cell_for_each_field_that_the_shape_has() {
        assert_eq!(header::<Bell>(), "name,type,tones\n");
        for (name, kind, tones, expected) in [
            ("pia", None, vec![], "pia,,[]\n"),
            ("a, \"b\"\n", Some("x".to_owned()), vec![1, 2], "\"a, \"\"b\"\"\n\",x,\"[1,2]\"\n"),
        ] {
            assert_eq!(record(&Bell { name: name.to_owned(), kind, tones }), expected);
        }
    }
}
