//! RecordIO: the framing of the v1 API's streams. Each record is its length in decimal digits, a
//! line feed, and that many bytes.

use bytes::{Buf, Bytes, BytesMut};
use thiserror::Error;

/// More digits than any length that fits the largest allowed record.
const MAX_LENGTH_DIGITS: usize = 20;

/// Why a stream is not RecordIO.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum RecordError {
    /// What stands where a length belongs is not a number.
    #[error("a record's length is not a decimal number")]
    Length,
    /// A record is larger than the reader allows.
    #[error("a record of {length} bytes is larger than the {limit} allowed")]
    TooLarge {
        /// The record's announced length, in bytes.
        length: u64,
        /// What the reader allows, in bytes.
        limit: usize,
    },
}

/// One record, framed.
pub fn encode(record: &[u8]) -> Bytes {
    let mut framed = Vec::with_capacity(record.len() + 12);
    framed.extend_from_slice(record.len().to_string().as_bytes());
    framed.push(b'\n');
    framed.extend_from_slice(record);
    Bytes::from(framed)
}

/// Takes a stream apart, however it was cut into chunks.
#[derive(Debug)]
pub struct Decoder {
    buffer: BytesMut,
    limit: usize,
}

impl Decoder {
    /// A decoder that refuses records of more than `limit` bytes.
    pub fn new(limit: usize) -> Self {
        Self {
            buffer: BytesMut::new(),
            limit,
        }
    }

    /// Adds bytes as they came.
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// Whether a record has begun that is not whole.
    pub fn is_midway(&self) -> bool {
        !self.buffer.is_empty()
    }

    /// The next whole record, or `None` until more bytes come. After an error the stream is of no use.
    pub fn next_record(&mut self) -> Result<Option<Bytes>, RecordError> {
        let Some(end) = self
            .buffer
            .iter()
            .take(MAX_LENGTH_DIGITS + 1)
            .position(|b| *b == b'\n')
        else {
            let digits = self.buffer.iter().all(u8::is_ascii_digit);
            return if digits && self.buffer.len() <= MAX_LENGTH_DIGITS {
                Ok(None)
            } else {
                Err(RecordError::Length)
            };
        };
        let digits = self.buffer.get(..end).unwrap_or_default();
        let length = std::str::from_utf8(digits)
            .ok()
            .filter(|text| text.bytes().all(|b| b.is_ascii_digit()))
            .and_then(|text| text.parse::<u64>().ok())
            .ok_or(RecordError::Length)?;
        let size = usize::try_from(length)
            .ok()
            .filter(|size| *size <= self.limit)
            .ok_or(RecordError::TooLarge {
                length,
                limit: self.limit,
            })?;
        if self.buffer.len() < end + 1 + size {
            return Ok(None);
        }
        self.buffer.advance(end + 1);
        Ok(Some(self.buffer.split_to(size).freeze()))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn records_survive_any_cut(records in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..8), step in 1usize..9) {
            let stream: Vec<u8> = records.iter().flat_map(|r| encode(r)).collect();
            let mut decoder = Decoder::new(64);
            let mut got = Vec::new();
            for chunk in stream.chunks(step) {
                decoder.push(chunk);
                while let Some(record) = decoder.next_record().unwrap() {
                    got.push(record.to_vec());
                }
            }
            prop_assert_eq!(got, records);
            prop_assert!(!decoder.is_midway());
        }

        #[test]
        fn any_bytes_end_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let mut decoder = Decoder::new(64);
            decoder.push(&bytes);
            while let Ok(Some(_)) = decoder.next_record() {}
        }
    }

    #[test]
    fn a_length_that_cannot_be_is_refused() {
        let cases: [(&[u8], RecordError); 4] = [
            (b"x\n", RecordError::Length),
            (b"-1\nx", RecordError::Length),
            (b"111111111111111111111111", RecordError::Length),
            (
                b"65\n",
                RecordError::TooLarge {
                    length: 65,
                    limit: 64,
                },
            ),
        ];
        for (bytes, want) in cases {
            let mut decoder = Decoder::new(64);
            decoder.push(bytes);
            assert_eq!(decoder.next_record(), Err(want));
        }
    }
}
