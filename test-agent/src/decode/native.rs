//! Native span links and span events: checked for their types, kept as JSON.
use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::{DecodeError, Reader, Result, field, list, map, set, signed_32};

/// Reads one object: `read` gets the name of each known field and returns its value. Null fields
/// are left out.
fn object<R: Reader>(
    reader: &mut R,
    fields: &'static [&'static str],
    read: fn(&mut R, &str) -> Result<Value>,
) -> Result<Value> {
    let mut object = Map::new();
    if reader.null()? {
        return Ok(Value::Object(object));
    }
    let mut open = reader.open_map()?;
    while let Some(key) = reader.next_key(&mut open)? {
        match field::<R>(&key, fields) {
            None => reader.skip()?,
            Some(_) if reader.null()? => {}
            Some(name) => {
                object.insert(name.to_owned(), read(reader, name)?);
            }
        }
    }
    Ok(Value::Object(object))
}

/// Reads a span link.
pub(super) fn link<R: Reader>(reader: &mut R) -> Result<Value> {
    const FIELDS: &[&str] =
        &["trace_id", "trace_id_high", "span_id", "attributes", "tracestate", "flags"];
    object(reader, FIELDS, |reader, name| match name {
        "attributes" => {
            let mut attributes = BTreeMap::<String, String>::new();
            map(reader, &mut attributes, R::text)?;
            Ok(attributes.into_iter().collect())
        }
        "tracestate" => reader.text().map(Value::from),
        "flags" => {
            let flags = reader.unsigned()?;
            u32::try_from(flags)
                .map(Value::from)
                .map_err(|_| DecodeError::Invalid(format!("the flags {flags} do not fit 32 bits")))
        }
        _ => reader.unsigned().map(Value::from),
    })
}

/// Reads a span event.
pub(super) fn event<R: Reader>(reader: &mut R) -> Result<Value> {
    object(reader, &["time_unix_nano", "name", "attributes"], |reader, name| match name {
        "time_unix_nano" => reader.unsigned().map(Value::from),
        "name" => reader.text().map(Value::from),
        _ => {
            let mut attributes = BTreeMap::<String, Value>::new();
            // A null attribute is one without a type.
            map(reader, &mut attributes, attribute)?;
            Ok(attributes.into_iter().collect())
        }
    })
}

/// Reads a typed value: an object that names its type.
fn attribute<R: Reader>(reader: &mut R) -> Result<Value> {
    const FIELDS: &[&str] =
        &["type", "string_value", "bool_value", "int_value", "double_value", "array_value"];
    object(reader, FIELDS, |reader, name| match name {
        "array_value" => {
            object(reader, &["values"], |reader, _| list(reader, element).map(Value::from))
        }
        other => scalar(reader, other),
    })
}

/// Reads a typed value within an array: arrays do not nest.
fn element<R: Reader>(reader: &mut R) -> Result<Value> {
    const FIELDS: &[&str] = &["type", "string_value", "bool_value", "int_value", "double_value"];
    object(reader, FIELDS, scalar)
}

fn scalar<R: Reader>(reader: &mut R, name: &str) -> Result<Value> {
    match name {
        "type" => {
            let mut kind = 0;
            set(reader, &mut kind, signed_32)?;
            Ok(Value::from(kind))
        }
        "string_value" => reader.text().map(Value::from),
        "bool_value" => reader.boolean().map(Value::from),
        "int_value" => reader.signed().map(Value::from),
        _ => reader.float().map(Value::from),
    }
}
