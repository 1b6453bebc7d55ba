//! The wrapping of a GSS-API token: that of Kerberos itself (RFC 4121, 4.1), alone or within SPNEGO (RFC 4178).

use der::asn1::{AnyRef, BitStringRef, ContextSpecific, ObjectIdentifier, OctetStringRef};
use der::{
    Decode, Encode, Enumerated, Reader, Sequence, SliceReader, TagMode, TagNumber, Tagged as _,
};

use super::messages::{application, wrap_bytes};

pub(super) const KERBEROS: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113554.1.2.2");
/// The same with the number that Windows gave it by mistake; what is within has the right one.
pub(super) const KERBEROS_OF_WINDOWS: ObjectIdentifier =
    ObjectIdentifier::new_unwrap("1.2.840.48018.1.2.2");
pub(super) const SPNEGO: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.2");

/// What stands before a message in a token of Kerberos'.
const AP_REQ: [u8; 2] = [1, 0];
const AP_REP: [u8; 2] = [2, 0];

/// The application's tag around every token of a mechanism, and the tags of SPNEGO's first token and its answer.
const INITIAL: u32 = 0;
const INIT: TagNumber = TagNumber(0);
const ANSWER: TagNumber = TagNumber(1);

/// Why a token is not taken.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum BadToken {
    #[error("it is no token of the GSS-API: {0}")]
    Malformed(#[from] der::Error),
    #[error("its mechanism is `{0}`, which is neither SPNEGO nor Kerberos")]
    Mechanism(ObjectIdentifier),
    #[error("it offers no Kerberos ticket at once")]
    NoTicket,
    #[error("it holds no AP-REQ")]
    NotRequest,
}

/// How a token was wrapped, and so how the answer is to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wrapping {
    Plain,
    /// In SPNEGO, which names the mechanism that was chosen.
    Negotiated(ObjectIdentifier),
}

/// The first token of a negotiation.
#[derive(Debug, Clone, PartialEq, Eq, Sequence)]
pub(super) struct Init<'a> {
    /// In the order of the client's liking; the token is one of the first.
    #[asn1(context_specific = "0", tag_mode = "EXPLICIT")]
    pub(super) mechanisms: Vec<ObjectIdentifier>,
    #[asn1(context_specific = "1", tag_mode = "EXPLICIT", optional = "true")]
    pub(super) flags: Option<BitStringRef<'a>>,
    #[asn1(context_specific = "2", tag_mode = "EXPLICIT", optional = "true")]
    pub(super) token: Option<&'a OctetStringRef>,
    #[asn1(context_specific = "3", tag_mode = "EXPLICIT", optional = "true")]
    pub(super) integrity: Option<AnyRef<'a>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Enumerated)]
#[repr(u8)]
pub(super) enum State {
    Completed = 0,
    Incomplete = 1,
    Rejected = 2,
    WantsIntegrity = 3,
}

/// The answer in a negotiation.
#[derive(Debug, Clone, PartialEq, Eq, Sequence)]
pub(super) struct Answer<'a> {
    #[asn1(context_specific = "0", tag_mode = "EXPLICIT", optional = "true")]
    pub(super) state: Option<State>,
    #[asn1(context_specific = "1", tag_mode = "EXPLICIT", optional = "true")]
    pub(super) mechanism: Option<ObjectIdentifier>,
    #[asn1(context_specific = "2", tag_mode = "EXPLICIT", optional = "true")]
    pub(super) token: Option<&'a OctetStringRef>,
}

/// The mechanism that a token is of, and what the mechanism makes of the rest.
fn initial(token: &[u8]) -> Result<(ObjectIdentifier, &[u8]), BadToken> {
    let outer = AnyRef::from_der(token)?;
    let tag = outer.tag();
    if tag != application(INITIAL) {
        let error = tag.unexpected_error(Some(application(INITIAL)));
        return Err(der::Error::from(error).into());
    }
    let mut reader = SliceReader::new(outer.value())?;
    let mechanism = ObjectIdentifier::decode(&mut reader)?;
    let rest = reader.read_slice(reader.remaining_len())?;
    Ok((mechanism, rest))
}

/// The AP-REQ in a token.
pub(super) fn request(token: &[u8]) -> Result<(Wrapping, &[u8]), BadToken> {
    let (mechanism, body) = initial(token)?;
    match mechanism {
        KERBEROS => Ok((Wrapping::Plain, plain(body)?)),
        SPNEGO => {
            let init = ContextSpecific::<Init<'_>>::from_der(body)?;
            let first = init.value.mechanisms.first().copied();
            // A token of another mechanism would have to be answered with the wish for another round, and no
            // state is kept between requests.
            let first = first.filter(|first| {
                init.tag_number == INIT && [KERBEROS, KERBEROS_OF_WINDOWS].contains(first)
            });
            let (Some(first), Some(inner)) = (first, init.value.token) else {
                return Err(BadToken::NoTicket);
            };
            match initial(inner.as_bytes())? {
                (KERBEROS, body) => Ok((Wrapping::Negotiated(first), plain(body)?)),
                (other, _) => Err(BadToken::Mechanism(other)),
            }
        }
        other => Err(BadToken::Mechanism(other)),
    }
}

fn plain(body: &[u8]) -> Result<&[u8], BadToken> {
    body.strip_prefix(&AP_REQ).ok_or(BadToken::NotRequest)
}

/// The token that answers: with an AP-REP, if the client wants the server to prove itself. Without SPNEGO and without
/// that there is nothing to answer.
pub(super) fn answer(wrapping: Wrapping, reply: Option<&[u8]>) -> der::Result<Option<Vec<u8>>> {
    let inner = reply
        .map(|reply| {
            let body = [&KERBEROS.to_der()?, AP_REP.as_slice(), reply].concat();
            wrap_bytes(INITIAL, &body)
        })
        .transpose()?;
    let Wrapping::Negotiated(mechanism) = wrapping else {
        return Ok(inner);
    };
    let answer = Answer {
        state: Some(State::Completed),
        mechanism: Some(mechanism),
        token: inner.as_deref().map(OctetStringRef::new).transpose()?,
    };
    let tagged = ContextSpecific {
        tag_number: ANSWER,
        tag_mode: TagMode::Explicit,
        value: answer,
    };
    tagged.to_der().map(Some)
}
