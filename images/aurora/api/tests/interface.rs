//! The whole interface as text, in one reviewed snapshot: a field's number, name or type never
//! changes by accident.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use aurora_api::schema::{StructSchema, Type};
use aurora_api::storage::LogEntry;
use aurora_api::types::{Package, Response};
use aurora_api::{Call, Value};

#[derive(Default)]
struct Listing {
    types: BTreeMap<&'static str, String>,
}

impl Listing {
    fn name(&mut self, ty: &Type) -> String {
        match ty {
            Type::Bool => "bool".to_owned(),
            Type::I32 => "i32".to_owned(),
            Type::I64 => "i64".to_owned(),
            Type::Double => "double".to_owned(),
            Type::String => "string".to_owned(),
            Type::Binary => "binary".to_owned(),
            Type::List(element) => format!("list<{}>", self.name(element)),
            Type::Set(element) => format!("set<{}>", self.name(element)),
            Type::Map(key, value) => format!("map<{},{}>", self.name(key), self.name(value)),
            Type::Enum(schema) => {
                let mut values = schema.values.to_vec();
                values.sort_by_key(|(_, number)| *number);
                let values: Vec<String> = values
                    .iter()
                    .map(|(name, number)| format!("{name} {number}"))
                    .collect();
                self.types
                    .insert(schema.name, format!("enum {}", values.join(", ")));
                schema.name.to_owned()
            }
            Type::Struct(schema) => {
                if !self.types.contains_key(schema.name) {
                    self.types.insert(schema.name, String::new());
                    let fields = self.fields(schema);
                    self.types
                        .insert(schema.name, format!("{:?} {fields}", schema.shape));
                }
                schema.name.to_owned()
            }
        }
    }

    fn fields(&mut self, schema: &StructSchema) -> String {
        let fields: Vec<String> = schema
            .fields
            .iter()
            .map(|field| format!("{}: {} {}", field.id, self.name(&(field.ty)()), field.name))
            .collect();
        fields.join("; ")
    }
}

#[test]
fn the_interface_is_as_reviewed() {
    let mut listing = Listing::default();
    let mut text = String::new();
    for (name, service, schema) in Call::methods() {
        writeln!(
            text,
            "{}.{name}({})",
            service.name(),
            listing.fields(schema)
        )
        .unwrap();
    }
    for ty in [Response::schema(), LogEntry::schema(), Package::schema()] {
        listing.name(&ty);
    }
    for (name, definition) in &listing.types {
        writeln!(text, "{name} = {definition}").unwrap();
    }
    insta::assert_snapshot!(text);
}
