//! Keytabs: files with the keys of servers, in the format of MIT Kerberos (its documentation, "The Kerberos V5 keytab
//! file format").

use super::crypto::Key;
use super::principal::Principal;

/// Why a file is no keytab.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum BadKeytab {
    /// It begins otherwise.
    #[error("it does not begin as a keytab of version 2 does")]
    Version,
    /// It ends within an entry, or an entry within a field.
    #[error("it is cut off")]
    CutOff,
}

/// One key of somebody.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) owner: Principal,
    /// Which of the owner's keys it is: each change of the password counts one further.
    pub(super) kvno: u32,
    /// The number of the key's encryption type.
    pub(super) etype: i32,
    /// The key, if its type is one that is known here.
    pub(super) key: Option<Key>,
}

/// Takes big-endian fields from the front.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn take(&mut self, length: usize) -> Result<&'a [u8], BadKeytab> {
        let (front, rest) = self.0.split_at_checked(length).ok_or(BadKeytab::CutOff)?;
        self.0 = rest;
        Ok(front)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], BadKeytab> {
        self.take(N)?.try_into().map_err(|_| BadKeytab::CutOff)
    }

    fn short(&mut self) -> Result<u16, BadKeytab> {
        Ok(u16::from_be_bytes(self.array()?))
    }

    fn long(&mut self) -> Result<u32, BadKeytab> {
        Ok(u32::from_be_bytes(self.array()?))
    }

    fn counted(&mut self) -> Result<&'a [u8], BadKeytab> {
        let length = self.short()?;
        self.take(usize::from(length))
    }

    fn text(&mut self) -> Result<String, BadKeytab> {
        Ok(String::from_utf8_lossy(self.counted()?).into_owned())
    }
}

/// All entries of a keytab.
pub(super) fn read(bytes: &[u8]) -> Result<Vec<Entry>, BadKeytab> {
    let mut fields = Fields(bytes.strip_prefix(&[5, 2]).ok_or(BadKeytab::Version)?);
    let mut entries = Vec::new();
    while !fields.0.is_empty() {
        let size = i32::from_be_bytes(fields.array()?);
        let length = usize::try_from(size.unsigned_abs()).map_err(|_| BadKeytab::CutOff)?;
        let body = fields.take(length)?;
        // An entry that was removed leaves a hole of negative size.
        if size > 0 {
            entries.push(entry(Fields(body))?);
        }
    }
    Ok(entries)
}

fn entry(mut fields: Fields<'_>) -> Result<Entry, BadKeytab> {
    let parts = fields.short()?;
    let realm = fields.text()?;
    let parts = (0..parts)
        .map(|_| fields.text())
        .collect::<Result<_, _>>()?;
    let _kind_of_name = fields.long()?;
    let _made_at = fields.long()?;
    let [short_kvno] = fields.array()?;
    let etype = i32::from(fields.short()?.cast_signed());
    let key = Key::new(etype, fields.counted()?);
    // Later versions of the format have the number again, with more bits; 0 is none.
    let kvno = match fields.long() {
        Ok(kvno) if kvno != 0 => kvno,
        _ => u32::from(short_kvno),
    };
    Ok(Entry {
        owner: Principal {
            parts,
            realm: Some(realm),
        },
        kvno,
        etype,
        key,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An entry as MIT's `ktutil` writes it.
    fn written(kvno: u8, long: Option<u32>, etype: u16, key: &[u8]) -> Vec<u8> {
        let mut body = vec![0, 2, 0, 1, b'R', 0, 4];
        body.extend(b"HTTP\0\x01h");
        body.extend([0, 0, 0, 1, 0x5f, 0, 0, 0, kvno]);
        body.extend(etype.to_be_bytes());
        body.extend(u16::try_from(key.len()).unwrap().to_be_bytes());
        body.extend(key);
        body.extend(long.into_iter().flat_map(u32::to_be_bytes));
        let length = i32::try_from(body.len()).unwrap();
        [length.to_be_bytes().to_vec(), body].concat()
    }

    #[test]
    fn entries_are_read_and_holes_passed_over() {
        let hole = [(-3_i32).to_be_bytes().as_slice(), b"old"].concat();
        let file = [
            vec![5, 2],
            written(1, None, 17, &[1; 16]),
            hole,
            written(44, Some(300), 18, &[2; 32]),
            written(2, Some(0), 23, &[3; 16]),
        ]
        .concat();
        let read = read(&file).unwrap();
        let told: Vec<_> = read
            .iter()
            .map(|e| (e.owner.to_string(), e.kvno, e.etype, e.key.is_some()))
            .collect();
        let name = || "HTTP/h@R".to_string();
        assert_eq!(
            told,
            [
                (name(), 1, 17, true),
                (name(), 300, 18, true),
                (name(), 2, 23, false)
            ]
        );
    }

    #[test]
    fn what_is_no_keytab_is_refused() {
        let file = [vec![5, 2], written(1, Some(1), 17, &[1; 16])].concat();
        for length in 3..file.len() {
            assert_eq!(read(&file[..length]).unwrap_err(), BadKeytab::CutOff);
        }
        assert_eq!(read(b"\x05\x01").unwrap_err(), BadKeytab::Version);
        assert_eq!(read(b"").unwrap_err(), BadKeytab::Version);
        let huge = b"\x05\x02\x80\0\0\0";
        assert_eq!(read(huge).unwrap_err(), BadKeytab::CutOff);
    }
}
