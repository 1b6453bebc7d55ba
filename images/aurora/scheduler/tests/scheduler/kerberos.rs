//! Kerberos tickets of a real key distribution centre (MIT's 1.20.1): what curl and the library sent to
//! `HTTP/localhost@KRBTEST.COM` is in `data/kerberos`, beside the keytab.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use aurora_scheduler::kerberos::{Acceptor, Refusal};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use proptest::prelude::*;
use reqwest::Method;

use crate::support::server::Server;

/// When the tokens were made, in seconds since 1970.
const MADE: u64 = 1_795_299_777;
const DAY: u64 = 86_400;
const SERVER: &str = "HTTP/localhost@KRBTEST.COM";

/// By curl, which wants the server to prove itself; by the library without SPNEGO, and that with AES-128.
const TOKENS: [(&str, &str); 3] = [
    (include_str!("data/kerberos/spnego-mutual.token"), "root"),
    (include_str!("data/kerberos/kerberos.token"), "root"),
    (include_str!("data/kerberos/aes128.token"), "vagrant"),
];

fn keytab() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scheduler/data/kerberos/server.keytab")
}

fn acceptor(server: &str) -> Acceptor {
    Acceptor::new(keytab(), server.parse().unwrap(), true)
}

fn decoded(token: &str) -> Vec<u8> {
    BASE64.decode(token.trim()).unwrap()
}

fn at(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
}

#[test]
fn tokens_of_real_clients_prove_who_they_are_once() {
    let acceptor = acceptor(SERVER);
    for (nth, (token, user)) in TOKENS.into_iter().enumerate() {
        let token = decoded(token);
        let proved = acceptor.accept(&token, at(MADE)).unwrap();
        assert_eq!(proved.user, user);
        assert_eq!(proved.answer.is_some(), nth == 0, "who wants one gets one");
        let again = acceptor.accept(&token, at(MADE + 250));
        assert_eq!(again, Err(Refusal::Replayed));
    }
}

#[test]
fn a_token_is_good_for_five_minutes_and_one_server() {
    let token = decoded(TOKENS[0].0);
    let late = "the client's clock is too far from ours";
    for (server, time, want) in [
        (SERVER, MADE + 290, None),
        (SERVER, MADE - 290, None),
        ("HTTP/localhost", MADE, None),
        (SERVER, MADE + 310, Some(Refusal::Time(late))),
        (SERVER, MADE - 310, Some(Refusal::Time(late))),
        (
            SERVER,
            MADE - DAY,
            Some(Refusal::Time("the ticket is not valid yet")),
        ),
        (
            SERVER,
            MADE + DAY + 310,
            Some(Refusal::Time("the ticket has expired")),
        ),
        (
            "HTTP/other@KRBTEST.COM",
            MADE,
            Some(Refusal::NotUs(SERVER.to_string())),
        ),
        (
            "HTTP/localhost@OTHER",
            MADE,
            Some(Refusal::NotUs(SERVER.to_string())),
        ),
    ] {
        let got = acceptor(server).accept(&token, at(time)).err();
        assert_eq!(got, want, "{server} at {time}");
    }
}

#[test]
fn the_keytab_is_read_for_each_token() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keytab");
    let acceptor = Acceptor::new(path.clone(), SERVER.parse().unwrap(), false);
    let token = decoded(TOKENS[0].0);
    let refused = |why: &str| {
        let error = acceptor.accept(&token, at(MADE)).unwrap_err().to_string();
        assert!(error.contains(why), "{error}");
    };
    refused("No such file");
    std::fs::write(&path, b"\x05\x01").unwrap();
    refused("does not begin as a keytab");
    std::fs::write(&path, b"\x05\x02").unwrap();
    refused("it has no key of `HTTP/localhost@KRBTEST.COM`");
    let mut file = std::fs::read(keytab()).unwrap();
    // The key's version, which is told twice, and the first letter of the realm.
    let versions: Vec<_> = (0..file.len() - 1)
        .filter(|at| file[*at..].starts_with(&[0, 0, 0, 2]))
        .collect();
    for at in versions {
        file[at + 3] = 9;
    }
    std::fs::write(&path, &file).unwrap();
    refused("no key of type 18 and version 2");
    std::fs::copy(keytab(), &path).unwrap();
    assert!(acceptor.accept(&token, at(MADE)).is_ok());
}

proptest! {
    /// Whatever is done to a token: nothing but what it was is let in, and nothing panics.
    #[test]
    fn changed_tokens_are_refused(
        which in 0..TOKENS.len(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        cut in prop::option::of(any::<prop::sample::Index>()),
        more in prop::collection::vec(any::<u8>(), 0..3),
    ) {
        let (token, user) = TOKENS[which];
        let mut token = decoded(token);
        for (at, byte) in changes {
            let at = at.index(token.len());
            token[at] = byte;
        }
        if let Some(cut) = cut {
            token.truncate(cut.index(token.len()));
        }
        token.extend(more);
        if let Ok(proved) = acceptor(SERVER).accept(&token, at(MADE)) {
            prop_assert_eq!(proved.user, user);
        }
    }
}

#[test]
fn every_beginning_and_every_changed_byte_is_survived() {
    let acceptor = acceptor(SERVER);
    for (token, user) in TOKENS {
        let token = decoded(token);
        for length in 0..token.len() {
            assert!(acceptor.accept(&token[..length], at(MADE)).is_err());
            for change in [1, 0x20, 0x80, 0xff] {
                let mut token = token.clone();
                token[length] ^= change;
                if let Ok(proved) = acceptor.accept(&token, at(MADE)) {
                    assert_eq!(proved.user, user);
                }
            }
        }
    }
}

#[tokio::test]
async fn callers_are_asked_for_a_ticket_when_they_change_something() {
    let folder = tempfile::tempdir().unwrap();
    let ini = folder.path().join("shiro.ini");
    std::fs::write(&ini, "[users]\nroot = x, admin\n[roles]\nadmin = *\n").unwrap();
    let server = Server::with(&[
        "-http_authentication_mechanism=NEGOTIATE".to_string(),
        "-shiro_realm_modules=KERBEROS5_AUTHN,INI_AUTHNZ".to_string(),
        format!("-shiro_ini_path={}", ini.display()),
        format!("-kerberos_server_keytab={}", keytab().display()),
        format!("-kerberos_server_principal={SERVER}"),
    ])
    .await;
    let asked = async |path: &str, header: Option<&str>| {
        let mut request = server.request(Method::POST, path).body("{}");
        if let Some(header) = header {
            request = request.header("Authorization", header);
        }
        let response = request.send().await.unwrap();
        let challenge = response.headers().get("WWW-Authenticate").cloned();
        let challenge = challenge.map(|text| text.to_str().unwrap().to_string());
        (response.status().as_u16(), challenge)
    };
    let challenged = (401, Some("Negotiate".to_string()));
    let read = "/apibeta/getRoleSummary";
    let snapshot = "/apibeta/snapshot";
    assert_eq!(asked(read, None).await, (200, None));
    assert_eq!(asked(snapshot, None).await, challenged);
    // A ticket that is long over, and what is none.
    let old = format!("Negotiate {}", TOKENS[0].0.trim());
    for wrong in [&old, "Negotiate YQ==", "Negotiate TlRMTVNTUAABAAAA"] {
        assert_eq!(asked(read, Some(wrong)).await, challenged, "{wrong}");
    }
    let malformed = [
        "Basic cm9vdDp4",
        "Negotiate",
        "Negotiate ?",
        "Negotiate a b",
        "",
    ];
    for wrong in malformed {
        assert_eq!(asked(read, Some(wrong)).await, (400, None), "{wrong}");
    }
}
