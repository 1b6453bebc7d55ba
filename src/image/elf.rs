//! Whether a program needs a loader: one that does runs only in images that have the right one.
//!
//! The format: <https://refspecs.linuxfoundation.org/elf/gabi4+/contents.html>.

/// Says why a file is no static program for Linux.
pub(super) fn check_static(file: &[u8]) -> Result<(), String> {
    const INTERPRETER: u32 = 3;
    if file.get(..4) != Some(b"\x7fELF") {
        return Err("it is no program for Linux".to_owned());
    }
    if file.get(4..6) != Some(&[2, 1]) {
        return Err("it is no 64-bit little-endian program".to_owned());
    }
    let cut = || "it is cut short".to_owned();
    let table = word(file, 32, 8).ok_or_else(cut)?;
    let size = word(file, 54, 2).ok_or_else(cut)?;
    let count = word(file, 56, 2).ok_or_else(cut)?;
    for index in 0..count {
        let at = size
            .checked_mul(index)
            .and_then(|offset| table.checked_add(offset))
            .ok_or_else(cut)?;
        let kind = word(file, at, 4).ok_or_else(cut)?;
        if kind == u64::from(INTERPRETER) {
            let at = at
                .checked_add(8)
                .and_then(|at| word(file, at, 8))
                .ok_or_else(cut)?;
            let name = file
                .get(usize::try_from(at).map_err(|_| cut())?..)
                .unwrap_or_default();
            let name = name
                .iter()
                .take(200)
                .take_while(|byte| **byte != 0)
                .map(|byte| char::from(*byte))
                .collect::<String>();
            return Err(format!(
                "it is linked dynamically and wants `{name}`, which images need not have"
            ));
        }
    }
    Ok(())
}

/// A little-endian number of up to eight bytes.
fn word(file: &[u8], at: u64, length: usize) -> Option<u64> {
    let at = usize::try_from(at).ok()?;
    let bytes = file.get(at..at.checked_add(length)?)?;
    Some(
        bytes
            .iter()
            .rev()
            .fold(0, |number, byte| (number << 8) | u64::from(*byte)),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A program of nothing but its headers.
    fn program(kinds: &[u32]) -> Vec<u8> {
        let mut file = vec![0u8; 64];
        file[..6].copy_from_slice(b"\x7fELF\x02\x01");
        file[32] = 64;
        file[54] = 56;
        file[56] = u8::try_from(kinds.len()).unwrap();
        for kind in kinds {
            let mut header = vec![0u8; 56];
            header[..4].copy_from_slice(&kind.to_le_bytes());
            header[8..16].copy_from_slice(&(64 + 56 * kinds.len() as u64).to_le_bytes());
            file.extend(header);
        }
        file.extend(b"/lib64/ld-linux-x86-64.so.2\0");
        file
    }

    #[test]
    fn a_program_with_a_loader_is_refused_by_name() {
        assert_eq!(check_static(&program(&[1, 2, 1])), Ok(()));
        let why = check_static(&program(&[6, 3, 1])).unwrap_err();
        assert!(why.contains("/lib64/ld-linux-x86-64.so.2"), "{why}");
    }

    #[test]
    fn what_is_no_program_is_refused_without_a_panic() {
        for file in [&b""[..], b"#!/bin/sh\n", b"\x7fELF", b"\x7fELF\x01\x01"] {
            assert!(check_static(file).is_err(), "case {file:?}");
        }
        let whole = program(&[3]);
        for length in 0..whole.len() {
            let _ = check_static(&whole[..length]);
        }
    }
}
