//! The interface definition's notation, as macros: an enum, a struct or a union is a table of
//! numbers, names and types, and everything else follows from it.

/// `VARIANT = number "NAME"`. The variant listed first is the default; the order is by number.
macro_rules! thrift_enum {
    ($(#[$meta:meta])* $name:ident { $($(#[$vmeta:meta])* $variant:ident = $number:literal $text:literal,)+ }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $($(#[$vmeta])* $variant = $number,)+ }

        impl $name {
            /// Every value.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            const SCHEMA: $crate::schema::EnumSchema = $crate::schema::EnumSchema {
                name: stringify!($name),
                values: &[$(($text, $number),)+],
            };

            /// Its number on the wire.
            pub const fn number(self) -> i32 { self as i32 }

            /// Its name in the interface definition.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ }
            }

            /// The value with this number.
            pub const fn from_number(number: i32) -> Option<Self> {
                match number { $($number => Some(Self::$variant),)+ _ => None }
            }

            /// The value with this name, in the definition's upper case.
            pub fn from_name(name: &str) -> Option<Self> {
                match name { $($text => Some(Self::$variant),)+ _ => None }
            }
        }

        impl Default for $name {
            fn default() -> Self { Self::ALL[0] }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.name())
            }
        }

        impl $crate::value::Value for $name {
            const WIRE: thrift::protocol::TType = thrift::protocol::TType::I32;
            fn schema() -> $crate::schema::Type {
                $crate::schema::Type::Enum(&Self::SCHEMA)
            }
            fn read(input: &mut dyn thrift::protocol::TInputProtocol) -> thrift::Result<Option<Self>> {
                input.read_i32().map(Self::from_number)
            }
            fn write(&self, output: &mut dyn thrift::protocol::TOutputProtocol) -> thrift::Result<()> {
                output.write_i32(self.number())
            }
            fn to_simple(&self, style: $crate::simple::Style) -> serde_json::Value {
                style.enumeration(self.name(), self.number())
            }
            fn from_simple(json: &serde_json::Value) -> Result<Self, $crate::simple::SimpleError> {
                let by_name = json.as_str().and_then(Self::from_name);
                let by_number = || i32::try_from(json.as_i64()?).ok().and_then(Self::from_number);
                by_name
                    .or_else(by_number)
                    .ok_or_else(|| $crate::simple::SimpleError::mismatch(stringify!($name), json))
            }
        }
    };
}

/// `id "wireName" => rust_name: Type [= default]`. A field of type `Option` is left out when `None`;
/// any other is always written, and takes its default when it is missing.
macro_rules! thrift_struct {
    ($($(#[$meta:meta])* $name:ident { $($(#[$fmeta:meta])* $id:literal $text:literal => $field:ident: $ty:ty $(= $default:expr)?,)* })+) => {$(
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name { $($(#[$fmeta])* pub $field: $ty,)* }

        impl $name {
            const SCHEMA: $crate::schema::StructSchema = $crate::schema::StructSchema {
                name: stringify!($name),
                shape: $crate::schema::Shape::Struct,
                fields: &[$($crate::schema::FieldSchema {
                    id: $id,
                    name: $text,
                    ty: <$ty as $crate::value::Value>::schema,
                },)*],
            };
        }

        impl Default for $name {
            fn default() -> Self {
                Self { $($field: thrift_struct!(@default $($default)?),)* }
            }
        }

        impl $crate::value::Value for $name {
            const WIRE: thrift::protocol::TType = thrift::protocol::TType::Struct;
            fn schema() -> $crate::schema::Type {
                $crate::schema::Type::Struct(&Self::SCHEMA)
            }
            fn read(input: &mut dyn thrift::protocol::TInputProtocol) -> thrift::Result<Option<Self>> {
                #[allow(unused_mut, reason = "a struct may have no field")]
                let mut value = Self::default();
                input.read_struct_begin()?;
                loop {
                    let field = input.read_field_begin()?;
                    match (field.id, field.field_type) {
                        (_, thrift::protocol::TType::Stop) => break,
                        $((Some($id), <$ty as $crate::value::Value>::WIRE) => {
                            if let Some(read) = <$ty as $crate::value::Value>::read(input)? {
                                value.$field = read;
                            }
                        })*
                        (_, other) => input.skip(other)?,
                    }
                    input.read_field_end()?;
                }
                input.read_struct_end()?;
                Ok(Some(value))
            }
            fn write(&self, output: &mut dyn thrift::protocol::TOutputProtocol) -> thrift::Result<()> {
                output.write_struct_begin(&$crate::value::STRUCT)?;
                $(if $crate::value::Value::is_set(&self.$field) {
                    output.write_field_begin(&$crate::value::field::<$ty>($id))?;
                    $crate::value::Value::write(&self.$field, output)?;
                    output.write_field_end()?;
                })*
                output.write_field_stop()?;
                output.write_struct_end()
            }
            #[allow(unused_variables, unused_mut, reason = "a struct may have no field")]
            fn to_simple(&self, style: $crate::simple::Style) -> serde_json::Value {
                let mut object = serde_json::Map::new();
                $(if $crate::value::Value::is_set(&self.$field) {
                    object.insert($text.to_owned(), $crate::value::Value::to_simple(&self.$field, style));
                })*
                serde_json::Value::Object(object)
            }
            #[allow(unused_variables, unused_mut, reason = "a struct may have no field")]
            fn from_simple(json: &serde_json::Value) -> Result<Self, $crate::simple::SimpleError> {
                let object = json
                    .as_object()
                    .ok_or_else(|| $crate::simple::SimpleError::mismatch(stringify!($name), json))?;
                let mut value = Self::default();
                $(match object.get($text) {
                    None | Some(serde_json::Value::Null) => {}
                    Some(found) => {
                        value.$field = $crate::value::Value::from_simple(found)
                            .map_err(|error: $crate::simple::SimpleError| error.within($text))?;
                    }
                })*
                Ok(value)
            }
        }
    )+};
    (@default) => { Default::default() };
    (@default $default:expr) => { $default };
}

/// `id "wireName" => Variant(Type)`. `Unset` is a union with nothing set, or with a member that this
/// version does not know.
macro_rules! thrift_union {
    ($($(#[$meta:meta])* $name:ident { $($(#[$vmeta:meta])* $id:literal $text:literal => $variant:ident($ty:ty),)+ })+) => {$(
        $(#[$meta])*
        #[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[allow(clippy::large_enum_variant, reason = "unions are short-lived or rare in memory")]
        pub enum $name {
            /// Nothing is set.
            #[default]
            Unset,
            $($(#[$vmeta])* $variant($ty),)+
        }

        impl $name {
            const SCHEMA: $crate::schema::StructSchema = $crate::schema::StructSchema {
                name: stringify!($name),
                shape: $crate::schema::Shape::Union,
                fields: &[$($crate::schema::FieldSchema {
                    id: $id,
                    name: $text,
                    ty: <$ty as $crate::value::Value>::schema,
                },)+],
            };
        }

        impl $crate::value::Value for $name {
            const WIRE: thrift::protocol::TType = thrift::protocol::TType::Struct;
            fn schema() -> $crate::schema::Type {
                $crate::schema::Type::Struct(&Self::SCHEMA)
            }
            fn read(input: &mut dyn thrift::protocol::TInputProtocol) -> thrift::Result<Option<Self>> {
                let mut value = Self::Unset;
                input.read_struct_begin()?;
                loop {
                    let field = input.read_field_begin()?;
                    match (field.id, field.field_type) {
                        (_, thrift::protocol::TType::Stop) => break,
                        $((Some($id), <$ty as $crate::value::Value>::WIRE) => {
                            if let Some(read) = <$ty as $crate::value::Value>::read(input)? {
                                value = Self::$variant(read);
                            }
                        })+
                        (_, other) => input.skip(other)?,
                    }
                    input.read_field_end()?;
                }
                input.read_struct_end()?;
                Ok(Some(value))
            }
            fn write(&self, output: &mut dyn thrift::protocol::TOutputProtocol) -> thrift::Result<()> {
                output.write_struct_begin(&$crate::value::STRUCT)?;
                match self {
                    Self::Unset => {}
                    $(Self::$variant(member) => {
                        output.write_field_begin(&$crate::value::field::<$ty>($id))?;
                        $crate::value::Value::write(member, output)?;
                        output.write_field_end()?;
                    })+
                }
                output.write_field_stop()?;
                output.write_struct_end()
            }
            fn to_simple(&self, style: $crate::simple::Style) -> serde_json::Value {
                let mut object = serde_json::Map::new();
                match self {
                    Self::Unset => {}
                    $(Self::$variant(member) => {
                        object.insert($text.to_owned(), $crate::value::Value::to_simple(member, style));
                    })+
                }
                serde_json::Value::Object(object)
            }
            fn from_simple(json: &serde_json::Value) -> Result<Self, $crate::simple::SimpleError> {
                let object = json
                    .as_object()
                    .ok_or_else(|| $crate::simple::SimpleError::mismatch(stringify!($name), json))?;
                $(if let Some(found) = object.get($text).filter(|found| !found.is_null()) {
                    return $crate::value::Value::from_simple(found)
                        .map(Self::$variant)
                        .map_err(|error: $crate::simple::SimpleError| error.within($text));
                })+
                Ok(Self::Unset)
            }
        }
    )+};
}
