//! What is refused of tickets, one thing after the other, and how the others are answered.

mod made;

use der::asn1::{AnyRef, ContextSpecific};
use der::{Decode as _, Encode as _};
use proptest::prelude::*;

use super::exchange::GSS_CHECKSUM;
use super::messages::{ApRep, EncApRepPart, wrap_bytes};
use super::*;
use made::{Made, NAME, NOW, SESSION, checksum, judge, octets, plain, time};

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
