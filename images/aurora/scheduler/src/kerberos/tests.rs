//! Tickets of a key distribution centre that can be told what to put into them.

use std::io::Write as _;
use std::time::Duration;

use der::asn1::{
    AnyRef, BitStringRef, ContextSpecific, GeneralStringRef, GeneralizedTime, OctetStringRef,
};
use der::{Decode as _, Encode as _};
use proptest::prelude::*;

use super::exchange::GSS_CHECKSUM;
use super::messages::{ApRep, EncApRepPart, Name, Typed, wrap, wrap_bytes};
use super::*;

const NOW: u64 = 1_700_000_000;
const KEY: [u8; 32] = [3; 32];
const SESSION: [u8; 16] = [4; 16];
const NAME: &str = "HTTP/h@R";

/// What is in a token; by default it is good.
#[derive(Clone)]
struct Made {
    version: i32,
    options: u8,
    server: &'static str,
    etype: i32,
    kvno: Option<u32>,
    flags: u8,
    client: &'static str,
    begins: Option<u64>,
    ends: u64,
    session: i32,
    shower: &'static str,
    shown: u64,
    checksum: Option<(i32, Vec<u8>)>,
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

fn checksum(flags: u32) -> Vec<u8> {
    let mut bytes = vec![0; 24];
    bytes[0] = 16;
    bytes[20..].copy_from_slice(&flags.to_le_bytes());
    bytes
}

fn time(seconds: u64) -> GeneralizedTime {
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

fn octets(bytes: &[u8]) -> &OctetStringRef {
    OctetStringRef::new(bytes).unwrap()
}

impl Made {
    fn authenticator(&self) -> Vec<u8> {
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
    fn request(&self, authenticator: &[u8]) -> Vec<u8> {
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

    fn token(&self) -> Vec<u8> {
        plain(&self.request(&self.authenticator()))
    }
}

fn plain(request: &[u8]) -> Vec<u8> {
    let body = [&token::KERBEROS.to_der().unwrap(), &[1, 0][..], request].concat();
    wrap_bytes(0, &body).unwrap()
}

/// A server whose keytab has a key of each type, and of one an older one.
fn acceptor() -> (Acceptor, tempfile::NamedTempFile) {
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

fn judge(token: &[u8]) -> Result<Proved, Refusal> {
    let (acceptor, _file) = acceptor();
    acceptor.accept(token, UNIX_EPOCH + Duration::from_secs(NOW))
}

/// What the answer of a server to [`Made`] proves.
fn answered(answer: &[u8]) -> EncApRepPart {
    let outer = AnyRef::from_der(answer).unwrap();
    let head = [token::KERBEROS.to_der().unwrap(), vec![2, 0]].concat();
    let reply = outer.value().strip_prefix(head.as_slice()).unwrap();
    let reply: ApRep<'_> = unwrap(messages::AP_REP, reply).unwrap();
    assert_eq!((reply.version, reply.kind, reply.secret.etype), (5, 15, 17));
    let session = Key::new(17, &SESSION).unwrap();
    let part = session.decrypt(Usage::Reply, reply.secret.cipher.as_bytes());
    unwrap(messages::ENC_AP_REP_PART, &part.unwrap()).unwrap()
}

#[test]
fn who_wants_an_answer_gets_the_authenticators_time_back() {
    let proved = judge(&Made::default().token()).unwrap();
    assert_eq!(proved.user, "root");
    let part = answered(&proved.answer.unwrap());
    assert_eq!((part.time, part.microseconds), (time(NOW), 7));
    let silent = Made {
        checksum: Some((GSS_CHECKSUM, checksum(0))),
        ..Made::default()
    };
    assert_eq!(judge(&silent.token()).unwrap().answer, None);
}

#[test]
fn spnego_is_answered_in_spnego() {
    for (mechanism, taken) in [
        (token::KERBEROS, true),
        (token::KERBEROS_OF_WINDOWS, true),
        (token::SPNEGO, false),
    ] {
        let inner = Made::default().token();
        let init = token::Init {
            mechanisms: vec![mechanism, token::KERBEROS],
            flags: None,
            token: Some(octets(&inner)),
            integrity: None,
        };
        let tagged = |number: u32| ContextSpecific {
            tag_number: der::TagNumber(number),
            tag_mode: der::TagMode::Explicit,
            value: init.clone(),
        };
        let outer = |number| {
            let body = [token::SPNEGO.to_der(), tagged(number).to_der()];
            wrap_bytes(0, &body.map(Result::unwrap).concat()).unwrap()
        };
        assert!(judge(&outer(1)).is_err(), "that is an answer");
        let got = judge(&outer(0));
        if !taken {
            let want = malformed(token::BadToken::NoTicket);
            assert_eq!(got, Err(want));
            continue;
        }
        let answer = got.unwrap().answer.unwrap();
        let answer = ContextSpecific::<token::Answer<'_>>::from_der(&answer).unwrap();
        assert_eq!(answer.tag_number, der::TagNumber(1));
        assert_eq!(answer.value.state, Some(token::State::Completed));
        assert_eq!(answer.value.mechanism, Some(mechanism));
        answered(answer.value.token.unwrap().as_bytes());
    }
}

#[test]
fn each_thing_that_is_wrong_has_its_own_refusal() {
    let made = Made::default;
    let token = |text: &str| Refusal::Token(text.to_string());
    let unwanted = "its authenticator does not say what the client wants";
    let no_key = |which: &str| {
        let text = format!("there is no key of type {which} for `{NAME}` that is known here");
        Refusal::NoKey(text)
    };
    for (made, want) in [
        (
            Made {
                version: 4,
                ..made()
            },
            token("it is of another version or kind"),
        ),
        (
            Made {
                options: 0x40,
                ..made()
            },
            token("it is encrypted from user to user"),
        ),
        (
            Made {
                server: "HTTP/x@R",
                ..made()
            },
            Refusal::NotUs("HTTP/x@R".to_string()),
        ),
        (
            Made {
                etype: 23,
                ..made()
            },
            no_key("23 and version 1"),
        ),
        (
            Made {
                kvno: Some(2),
                ..made()
            },
            no_key("18 and version 2"),
        ),
        (
            Made {
                etype: 17,
                ..made()
            },
            Refusal::Integrity("the ticket"),
        ),
        (
            Made {
                kvno: Some(0),
                ..made()
            },
            Refusal::Integrity("the ticket"),
        ),
        (
            Made { flags: 1, ..made() },
            Refusal::Time("the ticket is not valid yet"),
        ),
        (
            Made {
                begins: Some(NOW + 301),
                ..made()
            },
            Refusal::Time("the ticket is not valid yet"),
        ),
        (
            Made {
                ends: NOW - 301,
                ..made()
            },
            Refusal::Time("the ticket has expired"),
        ),
        (
            Made {
                shown: NOW + 301,
                ..made()
            },
            Refusal::Time("the client's clock is too far from ours"),
        ),
        (
            Made {
                session: 18,
                ..made()
            },
            Refusal::NoKey("the session's key is of the unknown type 18".to_string()),
        ),
        (
            Made {
                shower: "vagrant@R",
                ..made()
            },
            Refusal::Mismatch,
        ),
        (
            Made {
                shower: "root@S",
                ..made()
            },
            Refusal::Mismatch,
        ),
        (
            Made {
                client: "root@S",
                shower: "root@S",
                ..made()
            },
            Refusal::Client("root@S".to_string()),
        ),
        (
            Made {
                client: "ro\\ot@R",
                shower: "ro\\ot@R",
                ..made()
            },
            Refusal::Client("ro\\ot@R".to_string()),
        ),
        (
            Made {
                checksum: None,
                ..made()
            },
            token(unwanted),
        ),
        (
            Made {
                checksum: Some((7, checksum(0))),
                ..made()
            },
            token(unwanted),
        ),
        (
            Made {
                checksum: Some((GSS_CHECKSUM, vec![0; 23])),
                ..made()
            },
            token(unwanted),
        ),
    ] {
        assert_eq!(judge(&made.token()), Err(want));
    }
    let good = [
        Made {
            kvno: None,
            ..made()
        },
        Made {
            begins: Some(NOW + 299),
            ends: NOW + 300,
            ..made()
        },
        Made {
            ends: NOW - 299,
            ..made()
        },
    ];
    for made in good {
        assert_eq!(judge(&made.token()).unwrap().user, "root");
    }
    let made = Made {
        client: "a/b@R",
        shower: "a/b@R",
        ..made()
    };
    assert_eq!(judge(&made.token()).unwrap().user, "a/b");
}

proptest! {
    /// A client knows the session's key, and so may encrypt what it likes.
    #[test]
    fn changed_authenticators_are_survived(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        cut in prop::option::of(any::<prop::sample::Index>()),
    ) {
        let made = Made::default();
        let mut authenticator = made.authenticator();
        for (at, byte) in changes {
            let at = at.index(authenticator.len());
            authenticator[at] = byte;
        }
        if let Some(cut) = cut {
            authenticator.truncate(cut.index(authenticator.len()));
        }
        if let Ok(proved) = judge(&plain(&made.request(&authenticator))) {
            prop_assert_eq!(proved.user, "root");
        }
    }
}
