//! TBINARY messages without their interface definition: what fields of what types are really there.

use std::collections::{BTreeMap, BTreeSet};

/// A whole message.
#[derive(Debug, PartialEq)]
pub(crate) struct Message {
    name: String,
    kind: u32,
    sequence: u32,
    body: Dynamic,
}

/// A value, with its container's types. A set's order means nothing.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Dynamic {
    Bits(u8, u64),
    Text(Vec<u8>),
    Struct(BTreeMap<u16, Dynamic>),
    List(Vec<Dynamic>),
    Set(BTreeSet<Dynamic>),
    Map(BTreeMap<Dynamic, Dynamic>),
}

struct Cursor<'a>(&'a [u8]);

impl Cursor<'_> {
    fn number(&mut self, width: usize) -> u64 {
        let (head, rest) = self.0.split_at(width);
        self.0 = rest;
        head.iter()
            .fold(0, |number, byte| number << 8 | u64::from(*byte))
    }

    fn text(&mut self) -> Vec<u8> {
        let length = self.number(4) as usize;
        let (head, rest) = self.0.split_at(length);
        self.0 = rest;
        head.to_vec()
    }

    fn value(&mut self, ty: u8) -> Dynamic {
        match ty {
            2 | 3 => Dynamic::Bits(ty, self.number(1)),
            6 => Dynamic::Bits(ty, self.number(2)),
            8 => Dynamic::Bits(ty, self.number(4)),
            4 | 10 => Dynamic::Bits(ty, self.number(8)),
            11 => Dynamic::Text(self.text()),
            12 => {
                let mut fields = BTreeMap::new();
                loop {
                    let ty = self.number(1) as u8;
                    if ty == 0 {
                        return Dynamic::Struct(fields);
                    }
                    let id = self.number(2) as u16;
                    let value = self.value(ty);
                    assert_eq!(fields.insert(id, value), None, "field {id} twice");
                }
            }
            13 => {
                let (key, value, size) =
                    (self.number(1) as u8, self.number(1) as u8, self.number(4));
                Dynamic::Map(
                    (0..size)
                        .map(|_| (self.value(key), self.value(value)))
                        .collect(),
                )
            }
            14 | 15 => {
                let (element, size) = (self.number(1) as u8, self.number(4));
                let items = (0..size).map(|_| self.value(element));
                if ty == 14 {
                    Dynamic::Set(items.collect())
                } else {
                    Dynamic::List(items.collect())
                }
            }
            other => panic!("type {other} is not in use"),
        }
    }
}

impl Message {
    /// Parses a strict message; panics on what is none.
    pub(crate) fn parse(bytes: &[u8]) -> Self {
        let mut cursor = Cursor(bytes);
        let kind = cursor.number(4) as u32;
        let name = String::from_utf8(cursor.text()).unwrap();
        let sequence = cursor.number(4) as u32;
        let body = cursor.value(12);
        assert!(cursor.0.is_empty());
        Self {
            name,
            kind,
            sequence,
            body,
        }
    }
}
