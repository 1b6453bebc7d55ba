//! What is asked of a ticket, of the authenticator that is shown with it, and of the client they name; and what is
//! answered (RFC 4120, 3.2.3 and 3.2.4).

use der::asn1::{GeneralStringRef, GeneralizedTime, OctetStringRef};

use super::crypto::{Key, Usage};
use super::messages::{self, ApRep, Authenticator, EncApRepPart, EncTicketPart, Encrypted, Name};
use super::messages::{is_set, wrap};
use super::{Principal, Refusal, SKEW_SECS};

/// The ticket's flag of one that is not valid yet.
const INVALID: usize = 7;
/// The checksum that holds what the GSS-API wants (RFC 4121, 4.1.1), and where its flags are.
pub(super) const GSS_CHECKSUM: i32 = 0x8003;
const GSS_FLAGS: std::ops::Range<usize> = 20..24;
/// The client wants to know who the server is.
pub(super) const MUTUAL: u32 = 2;

pub(super) fn decrypt(key: &Key, usage: Usage, secret: &Encrypted<'_>) -> Result<Vec<u8>, Refusal> {
    let of_type = Some(secret).filter(|secret| secret.etype == key.etype());
    of_type
        .and_then(|secret| key.decrypt(usage, secret.cipher.as_bytes()).ok())
        .ok_or(match usage {
            Usage::Ticket => Refusal::Integrity("the ticket"),
            _ => Refusal::Integrity("the authenticator"),
        })
}

/// Whether ticket and authenticator are valid at a time, in seconds since 1970.
pub(super) fn in_time(
    part: &EncTicketPart<'_>,
    shown: &Authenticator<'_>,
    now: i64,
) -> Result<(), Refusal> {
    let begins = seconds(part.begins.as_ref().unwrap_or(&part.authenticated_at));
    if is_set(part.flags, INVALID) || begins.saturating_sub(now) > SKEW_SECS {
        return Err(Refusal::Time("the ticket is not valid yet"));
    }
    if now.saturating_sub(seconds(&part.ends)) > SKEW_SECS {
        return Err(Refusal::Time("the ticket has expired"));
    }
    if seconds(&shown.time).saturating_sub(now).saturating_abs() > SKEW_SECS {
        return Err(Refusal::Time("the client's clock is too far from ours"));
    }
    Ok(())
}

/// The flags of what the client wants.
pub(super) fn wanted(shown: &Authenticator<'_>) -> Result<u32, Refusal> {
    let checksum = shown.checksum.as_ref();
    let checksum = checksum.filter(|checksum| checksum.kind == GSS_CHECKSUM);
    checksum
        .and_then(|checksum| checksum.value.as_bytes().get(GSS_FLAGS))
        .and_then(|flags| flags.try_into().ok())
        .map(u32::from_le_bytes)
        .ok_or_else(|| malformed("its authenticator does not say what the client wants"))
}

/// The user whom a client is: its name without the realm. The original takes that whatever the realm is, because it
/// supposes that there is one; here there is, so that no other realm's `root` is ours.
pub(super) fn user(client: &Principal, server: &Principal) -> Result<String, Refusal> {
    let is_plain = |part: &String| !part.is_empty() && !part.contains(['/', '@', '\\', '\0']);
    let is_user = client.realm == server.realm
        && !client.parts.is_empty()
        && client.parts.iter().all(is_plain);
    match is_user {
        true => Ok(client.parts.join("/")),
        false => Err(Refusal::Client(client.to_string())),
    }
}

/// The AP-REP that proves to the client who the server is.
pub(super) fn reply(session: &Key, shown: &Authenticator<'_>) -> Result<Vec<u8>, Refusal> {
    let failed = |why: &dyn std::fmt::Display| Refusal::Answer(why.to_string());
    let mut random = [0; 20];
    getrandom::fill(&mut random).map_err(|error| failed(&error))?;
    let (beginning, sequence) = random.split_at(16);
    let beginning = beginning.try_into().map_err(|error| failed(&error))?;
    let sequence: [u8; 4] = sequence.try_into().map_err(|error| failed(&error))?;
    let part = EncApRepPart {
        time: shown.time,
        microseconds: shown.microseconds,
        sequence: Some(u32::from_be_bytes(sequence)),
    };
    let part = wrap(messages::ENC_AP_REP_PART, &part).map_err(|error| failed(&error))?;
    let cipher = session.encrypt(Usage::Reply, beginning, &part);
    let cipher = cipher.map_err(|_| failed(&"it cannot be encrypted"))?;
    let reply = ApRep {
        version: messages::VERSION,
        kind: i32::try_from(messages::AP_REP).unwrap_or_default(),
        secret: Encrypted {
            etype: session.etype(),
            kvno: None,
            cipher: OctetStringRef::new(&cipher).map_err(|error| failed(&error))?,
        },
    };
    wrap(messages::AP_REP, &reply).map_err(|error| failed(&error))
}

pub(super) fn malformed(error: impl std::fmt::Display) -> Refusal {
    Refusal::Token(error.to_string())
}

fn text<'a>(string: &GeneralStringRef<'a>) -> Result<&'a str, Refusal> {
    std::str::from_utf8(string.as_bytes()).map_err(malformed)
}

pub(super) fn named(name: &Name<'_>, realm: &GeneralStringRef<'_>) -> Result<Principal, Refusal> {
    let parts = name.parts.iter().map(|part| Ok(text(part)?.to_owned()));
    Ok(Principal {
        parts: parts.collect::<Result<_, Refusal>>()?,
        realm: Some(text(realm)?.to_owned()),
    })
}

fn seconds(time: &GeneralizedTime) -> i64 {
    i64::try_from(time.to_unix_duration().as_secs()).unwrap_or(i64::MAX)
}
