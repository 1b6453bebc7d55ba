//! What a type looks like, as data: for encodings by name, for documentation, and for tests that
//! make up values of every type.

/// A type as the interface definition spells it.
#[derive(Clone, Debug)]
pub enum Type {
    Bool,
    I32,
    I64,
    Double,
    String,
    Binary,
    Enum(&'static EnumSchema),
    Struct(&'static StructSchema),
    List(Box<Type>),
    Set(Box<Type>),
    Map(Box<Type>, Box<Type>),
}

/// An enum's names and numbers.
#[derive(Debug)]
pub struct EnumSchema {
    pub name: &'static str,
    pub values: &'static [(&'static str, i32)],
}

/// Whether a struct's fields stand side by side or exclude each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    Struct,
    Union,
}

/// A struct's or a union's fields.
#[derive(Debug)]
pub struct StructSchema {
    pub name: &'static str,
    pub shape: Shape,
    pub fields: &'static [FieldSchema],
}

/// One field: its number and name on the wire, and its type (behind a function, since types may
/// be declared in any order).
#[derive(Debug)]
pub struct FieldSchema {
    pub id: i16,
    pub name: &'static str,
    pub ty: fn() -> Type,
}
