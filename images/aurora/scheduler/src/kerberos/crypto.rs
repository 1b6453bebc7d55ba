//! Kerberos' encryption types aes128-cts-hmac-sha1-96 and aes256-cts-hmac-sha1-96 (RFC 3961 and RFC 3962).

use aes::cipher::{BlockCipherEncrypt, BlockSizeUser, KeyInit, KeyIvInit};
use aes::{Aes128, Aes256, Block};
use cts::{CbcCs3, Decrypt as _, Encrypt as _};
use hmac::{Hmac, Mac};
use sha1::Sha1;

/// AES' block, and the length of the random beginning of each message, in bytes.
const BLOCK: usize = 16;
/// So many bytes of the HMAC stand behind a message.
const MAC: usize = 12;
/// Ends of the constants that keys are derived with: of the key that encrypts, and of the one that checks.
const ENCRYPTS: u8 = 0xaa;
const CHECKS: u8 = 0x55;

/// What a message is, which decides the key that is derived for it (RFC 4120, 7.5.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub(super) enum Usage {
    /// A ticket's secret part.
    Ticket = 2,
    /// The authenticator of an AP-REQ.
    Authenticator = 11,
    /// The secret part of an AP-REP.
    Reply = 12,
}

/// A message that was not encrypted with this key, or was changed since.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Tampered;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Size {
    Aes128,
    Aes256,
}

/// A key. Its bytes are never shown.
#[derive(Clone)]
pub(super) struct Key {
    size: Size,
    bytes: Vec<u8>,
}

impl Key {
    /// A key of an encryption type by its number (RFC 3962, 7). `None` if the type is not one of the two, or the
    /// length is not its own.
    pub(super) fn new(etype: i32, bytes: &[u8]) -> Option<Self> {
        let (size, length) = match etype {
            17 => (Size::Aes128, 16),
            18 => (Size::Aes256, 32),
            _ => return None,
        };
        (bytes.len() == length).then(|| Self {
            size,
            bytes: bytes.to_vec(),
        })
    }

    /// The number of its encryption type.
    pub(super) fn etype(&self) -> i32 {
        match self.size {
            Size::Aes128 => 17,
            Size::Aes256 => 18,
        }
    }

    /// Encrypts a message behind a beginning that must be random.
    pub(super) fn encrypt(
        &self,
        usage: Usage,
        beginning: [u8; BLOCK],
        message: &[u8],
    ) -> Result<Vec<u8>, Tampered> {
        let mut data = [&beginning, message].concat();
        let mac = self.mac(usage, &data)?.finalize().into_bytes();
        let key = self.derive(usage, ENCRYPTS)?;
        let done = match self.size {
            Size::Aes128 => stealing::<Aes128>(&key)?.encrypt(&mut data),
            Size::Aes256 => stealing::<Aes256>(&key)?.encrypt(&mut data),
        };
        done.map_err(|_| Tampered)?;
        data.extend_from_slice(mac.get(..MAC).ok_or(Tampered)?);
        Ok(data)
    }

    /// Decrypts a message, and checks that it is what was encrypted with this key for this use.
    pub(super) fn decrypt(&self, usage: Usage, encrypted: &[u8]) -> Result<Vec<u8>, Tampered> {
        let length = encrypted.len().checked_sub(MAC).ok_or(Tampered)?;
        let (data, mac) = encrypted.split_at_checked(length).ok_or(Tampered)?;
        let mut data = data.to_vec();
        let key = self.derive(usage, ENCRYPTS)?;
        let done = match self.size {
            Size::Aes128 => stealing::<Aes128>(&key)?.decrypt(&mut data),
            Size::Aes256 => stealing::<Aes256>(&key)?.decrypt(&mut data),
        };
        done.map_err(|_| Tampered)?;
        let checked = self.mac(usage, &data)?.verify_truncated_left(mac);
        checked.map_err(|_| Tampered)?;
        data.get(BLOCK..).map(<[u8]>::to_vec).ok_or(Tampered)
    }

    fn mac(&self, usage: Usage, data: &[u8]) -> Result<Hmac<Sha1>, Tampered> {
        let key = self.derive(usage, CHECKS)?;
        let mut mac = <Hmac<Sha1> as KeyInit>::new_from_slice(&key).map_err(|_| Tampered)?;
        mac.update(data);
        Ok(mac)
    }

    /// The key that is used for one purpose (RFC 3961, 5.1 and 5.3).
    fn derive(&self, usage: Usage, end: u8) -> Result<Vec<u8>, Tampered> {
        let [a, b, c, d] = (usage as u32).to_be_bytes();
        let mut block = Block::from(n_fold(&[a, b, c, d, end]));
        let mut derived = Vec::with_capacity(self.bytes.len());
        while derived.len() < self.bytes.len() {
            match self.size {
                Size::Aes128 => cipher::<Aes128>(&self.bytes)?.encrypt_block(&mut block),
                Size::Aes256 => cipher::<Aes256>(&self.bytes)?.encrypt_block(&mut block),
            }
            derived.extend_from_slice(&block);
        }
        Ok(derived)
    }
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Key({:?})", self.size)
    }
}

/// The mode in which a message is as long encrypted as it was (CBC with ciphertext stealing, the last blocks swapped).
fn stealing<C>(key: &[u8]) -> Result<CbcCs3<C>, Tampered>
where
    C: BlockSizeUser + KeyInit,
{
    KeyIvInit::new_from_slices(key, &[0; BLOCK]).map_err(|_| Tampered)
}

fn cipher<C: KeyInit>(key: &[u8]) -> Result<C, Tampered> {
    C::new_from_slice(key).map_err(|_| Tampered)
}

/// Stretches bytes to a length: copies, each turned right by 13 bits more than the one before, are added up in one's
/// complement (RFC 3961, 5.1).
fn n_fold<const LENGTH: usize>(input: &[u8]) -> [u8; LENGTH] {
    let bits = input.len() * 8;
    let mut sum = [0; LENGTH];
    let mut carry = 0;
    // As many copies as there are bytes to fill: of those beyond the least common multiple none is needed, and the
    // sum of whole rounds is the same.
    let total = (1..=LENGTH)
        .map(|copies| copies * input.len())
        .find(|total| total % LENGTH == 0)
        .unwrap_or(0);
    for at in (0..total).rev() {
        let byte = (at * 8..at * 8 + 8).fold(0, |byte, at| {
            let turned = (at % bits + bits * 13 - 13 * (at / bits % bits)) % bits;
            let whole = input.get(turned / 8).copied().unwrap_or(0);
            byte << 1 | u16::from(whole >> (7 - turned % 8) & 1)
        });
        if let Some(place) = sum.get_mut(at % LENGTH) {
            carry += u16::from(*place) + byte;
            *place = (carry & 0xff) as u8;
            carry >>= 8;
        }
    }
    // What is carried out of the front comes back in at the end.
    for place in sum.iter_mut().rev() {
        carry += u16::from(*place);
        *place = (carry & 0xff) as u8;
        carry >>= 8;
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_stretched_as_the_standard_does() {
        // RFC 3961, A.1.
        assert_eq!(n_fold(b"012345"), 0xbe07_2631_276b_1955_u64.to_be_bytes());
        let folded: [u8; 7] = n_fold(b"password");
        assert_eq!(folded, [0x78, 0xa0, 0x7b, 0x6c, 0xaf, 0x85, 0xfa]);
        let folded = 0x6b65_7262_6572_6f73_7b9b_5b2b_9313_2b93_u128;
        assert_eq!(n_fold(b"kerberos"), folded.to_be_bytes());
    }

    #[test]
    fn only_what_was_encrypted_with_a_key_for_a_use_is_decrypted() {
        for (etype, length) in [(17, 16), (18, 32)] {
            let key = Key::new(etype, &vec![7; length]).unwrap();
            for length in [0, 1, 15, 16, 17, 31, 32, 33, 100] {
                let message: Vec<u8> = (0..length).collect();
                let encrypted = key.encrypt(Usage::Reply, [9; BLOCK], &message).unwrap();
                assert_eq!(encrypted.len(), BLOCK + message.len() + MAC);
                assert_eq!(key.decrypt(Usage::Reply, &encrypted), Ok(message));
                assert_eq!(key.decrypt(Usage::Ticket, &encrypted), Err(Tampered));
                for at in 0..encrypted.len() {
                    let mut changed = encrypted.clone();
                    changed[at] ^= 1;
                    assert_eq!(key.decrypt(Usage::Reply, &changed), Err(Tampered));
                    assert_eq!(key.decrypt(Usage::Reply, &encrypted[..at]), Err(Tampered));
                }
            }
        }
    }

    #[test]
    fn keys_have_the_length_of_their_type() {
        assert!(Key::new(18, &[0; 16]).is_none() && Key::new(17, &[0; 32]).is_none());
        assert!(Key::new(23, &[0; 16]).is_none(), "RC4 is not taken");
        assert_eq!(
            format!("{:?}", Key::new(17, &[1; 16]).unwrap()),
            "Key(Aes128)"
        );
    }
}
