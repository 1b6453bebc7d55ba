//! Makes up a value of any type, as simple JSON, from the type's description.

use aurora_api::schema::{Shape, StructSchema, Type};
use serde_json::{Map, Value as Json};

/// A small deterministic generator (splitmix64).
pub(crate) struct Maker {
    state: u64,
    depth: u32,
}

impl Maker {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            state: seed,
            depth: 0,
        }
    }

    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.state ^ (self.state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    fn text(&mut self) -> String {
        const PIECES: [&str; 10] = [
            "", "a", "www-data", "\"", "\\", "\n\u{1}", "é", "😀", "{{x}}", "/",
        ];
        (0..self.below(4))
            .map(|_| PIECES[self.below(PIECES.len() as u64) as usize])
            .collect()
    }

    /// A value of the type.
    pub(crate) fn make(&mut self, ty: &Type) -> Json {
        match ty {
            Type::Bool => (self.below(2) == 1).into(),
            Type::I32 => ((self.next() >> self.below(64)) as i32).into(),
            Type::I64 => ((self.next() >> self.below(64)) as i64).into(),
            Type::Double => {
                (self.next() as i32 as f64 / [1.0, 3.0, 1e300][self.below(3) as usize]).into()
            }
            Type::String => self.text().into(),
            Type::Binary => ["", "AA==", "AQID"][self.below(3) as usize].into(),
            Type::Enum(schema) => schema.values[self.below(schema.values.len() as u64) as usize]
                .0
                .into(),
            Type::Struct(schema) => self.fields(schema),
            Type::List(element) | Type::Set(element) => {
                (0..self.size()).map(|_| self.make(element)).collect()
            }
            Type::Map(_, value) => {
                let entries = (0..self.size()).map(|_| (self.text(), self.make(value)));
                Json::Object(entries.collect())
            }
        }
    }

    fn size(&mut self) -> u64 {
        if self.depth > 3 {
            self.below(2)
        } else {
            self.below(4)
        }
    }

    /// An object of some of a struct's fields, or of one member of a union.
    pub(crate) fn fields(&mut self, schema: &StructSchema) -> Json {
        self.depth += 1;
        let mut object = Map::new();
        match schema.shape {
            Shape::Union => {
                let member = &schema.fields[self.below(schema.fields.len() as u64) as usize];
                object.insert(member.name.to_owned(), self.make(&(member.ty)()));
            }
            Shape::Struct => {
                for field in schema.fields {
                    if self.below(4) > 0 {
                        object.insert(field.name.to_owned(), self.make(&(field.ty)()));
                    }
                }
            }
        }
        self.depth -= 1;
        Json::Object(object)
    }
}
