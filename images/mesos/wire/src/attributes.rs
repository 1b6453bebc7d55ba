//! Attributes of an agent, as in `--attributes=rack:r1;level:10;ports:[1-5]`.

use mesos_proto::mesos::Attribute;
use mesos_proto::mesos::value;
use protobuf::MessageField;
use serde_json::Value;
use thiserror::Error;

use crate::resources::{format_ranges, format_set, number, parse_ranges};

/// Why a text is no list of attributes.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("`{0}` is not an attribute: `name:value` is expected, separated by `;`")]
pub struct AttributeError(pub String);

/// Reads `name:value;name:value`: a number makes a scalar, `[…]` ranges, and anything else a text.
pub fn parse(text: &str) -> Result<Vec<Attribute>, AttributeError> {
    text.split([';', '\n'])
        .map(str::trim)
        .filter(|part| !part.is_empty())
        .map(|part| {
            let error = || AttributeError(part.to_string());
            let (name, value) = part.split_once(':').ok_or_else(error)?;
            let (name, value) = (name.trim(), value.trim());
            if name.is_empty() || value.is_empty() {
                return Err(error());
            }
            let mut attribute = Attribute::new();
            attribute.set_name(name.to_string());
            if value.starts_with('[') {
                attribute.set_type(value::Type::RANGES);
                attribute.ranges = MessageField::some(parse_ranges(value).ok_or_else(error)?);
            } else if let Some(scalar) = number(value) {
                attribute.set_type(value::Type::SCALAR);
                attribute.scalar.mut_or_insert_default().set_value(scalar);
            } else {
                attribute.set_type(value::Type::TEXT);
                attribute
                    .text
                    .mut_or_insert_default()
                    .set_value(value.to_string());
            }
            Ok(attribute)
        })
        .collect()
}

/// The attributes as `/state` and `/slaves` show them: numbers, and texts for all else.
pub fn to_json(attributes: &[Attribute]) -> Value {
    let pairs = attributes.iter().map(|attribute| {
        let value = match attribute.type_() {
            value::Type::SCALAR => attribute.scalar.value().into(),
            value::Type::RANGES => format_ranges(&attribute.ranges).into(),
            value::Type::SET => format_set(&attribute.set.item).into(),
            value::Type::TEXT => attribute.text.value().into(),
        };
        (attribute.name().to_string(), value)
    });
    Value::Object(pairs.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_are_read_by_the_look_of_their_value() {
        let got = parse("rack:r1;level:10;ports:[1-5, 7-9];zone:us:east").unwrap();
        assert_eq!(
            to_json(&got).to_string(),
            r#"{"rack":"r1","level":10.0,"ports":"[1-5, 7-9]","zone":"us:east"}"#
        );
        assert_eq!(parse(""), Ok(Vec::new()));
        for bad in ["rack", ":x", "rack:", "ports:[1-", "ports:[5-1]"] {
            assert!(parse(bad).is_err(), "case `{bad}`");
        }
    }
}
