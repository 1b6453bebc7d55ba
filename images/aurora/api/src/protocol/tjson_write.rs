//! Writes Thrift's JSON encoding (`lib/java/.../protocol/TJSONProtocol.java` of Apache Thrift):
//! a message is `[1,"name",type,seqid,{args}]`, a field `"id":{"type":value}`, a list or set
//! `["type",size,…]`, a map `["key type","value type",size,{…}]`; booleans are 1 and 0, bytes base64.

use base64::Engine as _;
use thrift::protocol::{
    TFieldIdentifier, TListIdentifier, TMapIdentifier, TMessageIdentifier, TOutputProtocol,
    TSetIdentifier, TStructIdentifier, TType,
};

use crate::value::invalid;

/// The version number at the head of every message.
pub(super) const VERSION: i64 = 1;

/// What a value stands in: it decides the separator before it, and whether numbers are quoted.
enum Context {
    Array { empty: bool },
    Object { empty: bool, key: bool },
}

/// An output protocol that collects JSON text.
#[derive(Default)]
pub struct JsonWriter {
    text: Vec<u8>,
    contexts: Vec<Context>,
}

impl JsonWriter {
    /// A writer with nothing written.
    pub fn new() -> Self {
        Self::default()
    }

    /// What has been written.
    pub fn into_bytes(self) -> Vec<u8> {
        self.text
    }

    /// Writes the separator that the next value needs, and says whether that value is an object's key.
    fn separate(&mut self) -> bool {
        match self.contexts.last_mut() {
            None => false,
            Some(Context::Array { empty }) => {
                if !std::mem::replace(empty, false) {
                    self.text.push(b',');
                }
                false
            }
            Some(Context::Object { empty, key }) => {
                let is_key = *key;
                *key = !is_key;
                if !is_key {
                    self.text.push(b':');
                } else if !std::mem::replace(empty, false) {
                    self.text.push(b',');
                }
                is_key
            }
        }
    }

    fn open_array(&mut self) {
        self.separate();
        self.text.push(b'[');
        self.contexts.push(Context::Array { empty: true });
    }

    fn open_object(&mut self) {
        self.separate();
        self.text.push(b'{');
        self.contexts.push(Context::Object {
            empty: true,
            key: true,
        });
    }

    fn close(&mut self) {
        match self.contexts.pop() {
            Some(Context::Array { .. }) => self.text.push(b']'),
            Some(Context::Object { .. }) => self.text.push(b'}'),
            None => {}
        }
    }

    fn string(&mut self, text: &str) -> thrift::Result<()> {
        self.separate();
        serde_json::to_writer(&mut self.text, text).map_err(|e| invalid(e.to_string()))
    }

    fn number(&mut self, text: &str) {
        if self.separate() {
            self.text.push(b'"');
            self.text.extend_from_slice(text.as_bytes());
            self.text.push(b'"');
        } else {
            self.text.extend_from_slice(text.as_bytes());
        }
    }

    fn sequence(&mut self, element: TType, size: i32) -> thrift::Result<()> {
        self.open_array();
        self.string(type_name(element)?)?;
        self.number(&size.to_string());
        Ok(())
    }
}

fn type_name(ty: TType) -> thrift::Result<&'static str> {
    Ok(match ty {
        TType::Bool => "tf",
        TType::I08 => "i8",
        TType::I16 => "i16",
        TType::I32 => "i32",
        TType::I64 => "i64",
        TType::Double => "dbl",
        TType::String => "str",
        TType::Struct => "rec",
        TType::Map => "map",
        TType::List => "lst",
        TType::Set => "set",
        TType::Uuid => "uid",
        TType::Stop | TType::Void | TType::Utf7 => {
            return Err(invalid(format!("`{ty}` has no name in Thrift's JSON")));
        }
    })
}

impl TOutputProtocol for JsonWriter {
    fn write_message_begin(&mut self, head: &TMessageIdentifier) -> thrift::Result<()> {
        self.open_array();
        self.number(&VERSION.to_string());
        self.string(&head.name)?;
        self.number(&u8::from(head.message_type).to_string());
        self.number(&head.sequence_number.to_string());
        Ok(())
    }
    fn write_message_end(&mut self) -> thrift::Result<()> {
        self.close();
        Ok(())
    }
    fn write_struct_begin(&mut self, _: &TStructIdentifier) -> thrift::Result<()> {
        self.open_object();
        Ok(())
    }
    fn write_struct_end(&mut self) -> thrift::Result<()> {
        self.close();
        Ok(())
    }
    fn write_field_begin(&mut self, head: &TFieldIdentifier) -> thrift::Result<()> {
        let id = head
            .id
            .ok_or_else(|| invalid("a field without a number".to_owned()))?;
        self.number(&id.to_string());
        self.open_object();
        self.string(type_name(head.field_type)?)
    }
    fn write_field_end(&mut self) -> thrift::Result<()> {
        self.close();
        Ok(())
    }
    fn write_field_stop(&mut self) -> thrift::Result<()> {
        Ok(())
    }
    fn write_bool(&mut self, b: bool) -> thrift::Result<()> {
        self.number(if b { "1" } else { "0" });
        Ok(())
    }
    fn write_bytes(&mut self, bytes: &[u8]) -> thrift::Result<()> {
        self.string(&base64::engine::general_purpose::STANDARD_NO_PAD.encode(bytes))
    }
    fn write_i8(&mut self, i: i8) -> thrift::Result<()> {
        self.number(&i.to_string());
        Ok(())
    }
    fn write_i16(&mut self, i: i16) -> thrift::Result<()> {
        self.number(&i.to_string());
        Ok(())
    }
    fn write_i32(&mut self, i: i32) -> thrift::Result<()> {
        self.number(&i.to_string());
        Ok(())
    }
    fn write_i64(&mut self, i: i64) -> thrift::Result<()> {
        self.number(&i.to_string());
        Ok(())
    }
    fn write_double(&mut self, d: f64) -> thrift::Result<()> {
        if d.is_nan() {
            self.string("NaN")
        } else if d.is_infinite() {
            self.string(if d > 0.0 { "Infinity" } else { "-Infinity" })
        } else {
            self.number(&format!("{d:?}"));
            Ok(())
        }
    }
    fn write_uuid(&mut self, id: &uuid::Uuid) -> thrift::Result<()> {
        self.string(&id.to_string())
    }
    fn write_string(&mut self, text: &str) -> thrift::Result<()> {
        self.string(text)
    }
    fn write_list_begin(&mut self, head: &TListIdentifier) -> thrift::Result<()> {
        self.sequence(head.element_type, head.size)
    }
    fn write_list_end(&mut self) -> thrift::Result<()> {
        self.close();
        Ok(())
    }
    fn write_set_begin(&mut self, head: &TSetIdentifier) -> thrift::Result<()> {
        self.sequence(head.element_type, head.size)
    }
    fn write_set_end(&mut self) -> thrift::Result<()> {
        self.close();
        Ok(())
    }
    fn write_map_begin(&mut self, head: &TMapIdentifier) -> thrift::Result<()> {
        self.open_array();
        self.string(type_name(head.key_type.unwrap_or(TType::String))?)?;
        self.string(type_name(head.value_type.unwrap_or(TType::String))?)?;
        self.number(&head.size.to_string());
        self.open_object();
        Ok(())
    }
    fn write_map_end(&mut self) -> thrift::Result<()> {
        self.close();
        self.close();
        Ok(())
    }
    fn flush(&mut self) -> thrift::Result<()> {
        Ok(())
    }
    fn write_byte(&mut self, b: u8) -> thrift::Result<()> {
        self.number(&b.to_string());
        Ok(())
    }
}
