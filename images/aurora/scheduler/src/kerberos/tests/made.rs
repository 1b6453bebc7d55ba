//! Tokens with whatever is to be in them, as a key distribution centre and a client that can be told would make them.

use std::io::Write as _;
use std::time::{Duration, UNIX_EPOCH};

use der::asn1::{AnyRef, BitStringRef, GeneralStringRef, GeneralizedTime, OctetStringRef};
use der::{Decode as _, Encode as _};

use crate::kerberos::crypto::{Key, Usage};
use crate::kerberos::exchange::{GSS_CHECKSUM, MUTUAL};
use crate::kerberos::messages::{
    self, ApReq, Authenticator, EncTicketPart, Encrypted, Name, Ticket, Typed, wrap, wrap_bytes,
};
use crate::kerberos::{Acceptor, Proved, Refusal, token};

pub(super) const NOW: u64 = 1_700_000_000;
pub(super) const KEY: [u8; 32] = [3; 32];
pub(super) const SESSION: [u8; 16] = [4; 16];
pub(super) const NAME: &str = "HTTP/h@R";

/// What is in a token; by default it is good.
#[derive(Clone)]
pub(super) struct Made {
    pub(super) version: i32,
    pub(super) options: u8,
    pub(super) server: &'static str,
    pub(super) etype: i32,
    pub(super) kvno: Option<u32>,
    pub(super) flags: u8,
    pub(super) client: &'static str,
    pub(super) begins: Option<u64>,
    pub(super) ends: u64,
    pub(super) session: i32,
    pub(super) shower: &'static str,
    pub(super) shown: u64,
    pub(super) checksum: Option<(i32, Vec<u8>)>,
}

impl Default for Made {
    fn default() -> Self {
        Self {
            version: 5,
            options: 0,
            server: NAME,
            etype: 18,
            kvno: Some(1),
            flags: 0,
            client: "root@R",
            begins: None,
            ends: NOW + 1000,
            session: 17,
            shower: "root@R",
            shown: NOW,
            checksum: Some((GSS_CHECKSUM, checksum(MUTUAL))),
        }
    }
}

pub(super) fn checksum(flags: u32) -> Vec<u8> {
    let mut bytes = vec![0; 24];
    bytes[0] = 16;
    bytes[20..].copy_from_slice(&flags.to_le_bytes());
    bytes
}

pub(super) fn time(seconds: u64) -> GeneralizedTime {
    GeneralizedTime::from_unix_duration(Duration::from_secs(seconds)).unwrap()
}

fn general(text: &str) -> GeneralStringRef<'_> {
    let any = AnyRef::new(der::Tag::GeneralString, text.as_bytes()).unwrap();
    any.decode_as().unwrap()
}

fn split(principal: &str) -> (Name<'_>, GeneralStringRef<'_>) {
    let (name, realm) = principal.split_once('@').unwrap();
    let parts = name.split('/').map(general).collect();
    (Name { kind: 1, parts }, general(realm))
}

pub(super) fn octets(bytes: &[u8]) -> &OctetStringRef {
    OctetStringRef::new(bytes).unwrap()
}

impl Made {
    pub(super) fn authenticator(&self) -> Vec<u8> {
        let (client, realm) = split(self.shower);
        let checksum = self.checksum.as_ref().map(|(kind, value)| Typed {
            kind: *kind,
            value: octets(value),
        });
        let message = Authenticator {
            version: 5,
            realm,
            client,
            checksum,
            microseconds: 7,
            time: time(self.shown),
            subkey: None,
            sequence: None,
            authorization: None,
        };
        wrap(messages::AUTHENTICATOR, &message).unwrap()
    }

    /// The AP-REQ, with this as what should be an authenticator.
    pub(super) fn request(&self, authenticator: &[u8]) -> Vec<u8> {
        let (client, realm) = split(self.client);
        let (flags, options) = ([self.flags, 0, 0, 0], [self.options, 0, 0, 0]);
        let part = EncTicketPart {
            flags: BitStringRef::from_bytes(&flags).unwrap(),
            session_key: Typed {
                kind: self.session,
                value: octets(&SESSION),
            },
            realm,
            client,
            transited: AnyRef::NULL,
            authenticated_at: time(NOW - 9),
            begins: self.begins.map(time),
            ends: time(self.ends),
            renewable_until: None,
            addresses: None,
            authorization: None,
        };
        let part = wrap(messages::ENC_TICKET_PART, &part).unwrap();
        let secret = Key::new(18, &KEY).unwrap();
        let secret = secret.encrypt(Usage::Ticket, [1; 16], &part).unwrap();
        let (server, realm) = split(self.server);
        let ticket = Ticket {
            version: 5,
            realm,
            server,
            secret: Encrypted {
                etype: self.etype,
                kvno: self.kvno,
                cipher: octets(&secret),
            },
        };
        let ticket = wrap(messages::TICKET, &ticket).unwrap();
        let session = Key::new(17, &SESSION).unwrap();
        let shown = session.encrypt(Usage::Authenticator, [2; 16], authenticator);
        let shown = shown.unwrap();
        let request = ApReq {
            version: self.version,
            kind: 14,
            options: BitStringRef::from_bytes(&options).unwrap(),
            ticket: AnyRef::from_der(&ticket).unwrap(),
            authenticator: Encrypted {
                etype: 17,
                kvno: None,
                cipher: octets(&shown),
            },
        };
        wrap(messages::AP_REQ, &request).unwrap()
    }

    pub(super) fn token(&self) -> Vec<u8> {
        plain(&self.request(&self.authenticator()))
    }
}

pub(super) fn plain(request: &[u8]) -> Vec<u8> {
    let body = [&token::KERBEROS.to_der().unwrap(), &[1, 0][..], request].concat();
    wrap_bytes(0, &body).unwrap()
}

/// A server whose keytab has a key of each type, and of one an older one.
pub(super) fn acceptor() -> (Acceptor, tempfile::NamedTempFile) {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    let mut bytes = vec![5, 2];
    for (kvno, etype, key) in [(1, 18, &KEY[..]), (0, 18, &[9; 32]), (1, 17, &[8; 16])] {
        let mut body = b"\0\x02\0\x01R\0\x04HTTP\0\x01h\0\0\0\x01\0\0\0\0".to_vec();
        body.extend([kvno, 0, etype, 0, u8::try_from(key.len()).unwrap()]);
        body.extend(key);
        bytes.extend(i32::try_from(body.len()).unwrap().to_be_bytes());
        bytes.extend(body);
    }
    file.write_all(&bytes).unwrap();
    let path = file.path().to_owned();
    (Acceptor::new(path, NAME.parse().unwrap(), false), file)
}

pub(super) fn judge(token: &[u8]) -> Result<Proved, Refusal> {
    let (acceptor, _file) = acceptor();
    acceptor.accept(token, UNIX_EPOCH + Duration::from_secs(NOW))
}
