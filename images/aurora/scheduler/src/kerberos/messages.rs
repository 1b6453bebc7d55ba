//! Kerberos' messages as they stand in ASN.1 (RFC 4120, 5), as far as a server needs them.

use der::asn1::{AnyRef, BitStringRef, GeneralStringRef, GeneralizedTime, OctetStringRef};
use der::{Decode, Encode, Sequence, Tag, TagNumber, Tagged as _};

/// Numbers of the application's tags.
pub(super) const TICKET: u32 = 1;
pub(super) const AUTHENTICATOR: u32 = 2;
pub(super) const ENC_TICKET_PART: u32 = 3;
pub(super) const AP_REQ: u32 = 14;
pub(super) const AP_REP: u32 = 15;
pub(super) const ENC_AP_REP_PART: u32 = 27;

/// The version of the protocol, in every message.
pub(super) const VERSION: i32 = 5;

/// What a tag of the application's own is around; nothing may follow it.
pub(super) fn unwrap<'a, T>(number: u32, bytes: &'a [u8]) -> der::Result<T>
where
    T: Decode<'a, Error = der::Error>,
{
    let outer = AnyRef::from_der(bytes)?;
    within(number, outer)
}

/// The same where the tag has been read.
pub(super) fn within<'a, T>(number: u32, outer: AnyRef<'a>) -> der::Result<T>
where
    T: Decode<'a, Error = der::Error>,
{
    let wanted = application(number);
    match outer.tag() {
        tag if tag == wanted => T::from_der(outer.value()),
        tag => Err(tag.unexpected_error(Some(wanted)).into()),
    }
}

/// A message with a tag of the application's own around it.
pub(super) fn wrap(number: u32, message: &impl Encode) -> der::Result<Vec<u8>> {
    wrap_bytes(number, &message.to_der()?)
}

/// The same around what need not be a message.
pub(super) fn wrap_bytes(number: u32, bytes: &[u8]) -> der::Result<Vec<u8>> {
    AnyRef::new(application(number), bytes)?.to_der()
}

pub(super) fn application(number: u32) -> Tag {
    Tag::Application {
        constructed: true,
        number: TagNumber(number),
    }
}

/// Whether a flag is set. Flags are counted from the left.
pub(super) fn is_set(flags: BitStringRef<'_>, nth: usize) -> bool {
    let byte = flags.raw_bytes().get(nth / 8);
    byte.is_some_and(|byte| byte >> (7 - nth % 8) & 1 == 1)
}

/// Somebody's name, without the realm.
#[derive(Debug, Clone, PartialEq, Eq, Sequence)]
pub(super) struct Name<'a> {
    #[asn1(context_specific = "0", tag_mode = "EXPLICIT")]
    pub(super) kind: i32,
    #[asn1(context_specific = "1", tag_mode = "EXPLICIT")]
    pub(super) parts: Vec<GeneralStringRef<'a>>,
}

/// What is encrypted, and how.
#[derive(Debug, Clone, PartialEq, Eq, Sequence)]
pub(super) struct Encrypted<'a> {
    #[asn1(context_specific = "0", tag_mode = "EXPLICIT")]
    pub(super) etype: i32,
    /// The version of the key, where keys have one.
    #[asn1(context_specific = "1", tag_mode = "EXPLICIT", optional = "true")]
    pub(super) kvno: Option<u32>,
    #[asn1(context_specific = "2", tag_mode = "EXPLICIT")]
    pub(super) cipher: &'a OctetStringRef,
}

/// A key, or a checksum: a number that says which kind, and bytes.
#[derive(Debug, Clone, PartialEq, Eq, Sequence)]
pub(super) struct Typed<'a> {
    #[asn1(context_specific = "0", tag_mode = "EXPLICIT")]
    pub(super) kind: i32,
    #[asn1(context_specific = "1", tag_mode = "EXPLICIT")]
    pub(super) value: &'a OctetStringRef,
}

/// What a client sends to a server.
#[derive(Debug, Clone, PartialEq, Eq, Sequence)]
pub(super) struct ApReq<'a> {
    #[asn1(context_specific = "0", tag_mode = "EXPLICIT")]
    pub(super) version: i32,
    #[asn1(context_specific = "1", tag_mode = "EXPLICIT")]
    pub(super) kind: i32,
    #[asn1(context_specific = "2", tag_mode = "EXPLICIT")]
    pub(super) options: BitStringRef<'a>,
    /// A [`Ticket`].
    #[asn1(context_specific = "3", tag_mode = "EXPLICIT")]
    pub(super) ticket: AnyRef<'a>,
    /// An [`Authenticator`].
    #[asn1(context_specific = "4", tag_mode = "EXPLICIT")]
    pub(super) authenticator: Encrypted<'a>,
}

/// What the key distribution centre lets a client show to a server.
#[derive(Debug, Clone, PartialEq, Eq, Sequence)]
pub(super) struct Ticket<'a> {
    #[asn1(context_specific = "0", tag_mode = "EXPLICIT")]
    pub(super) version: i32,
    #[asn1(context_specific = "1", tag_mode = "EXPLICIT")]
    pub(super) realm: GeneralStringRef<'a>,
    #[asn1(context_specific = "2", tag_mode = "EXPLICIT")]
    pub(super) server: Name<'a>,
    /// An [`EncTicketPart`].
    #[asn1(context_specific = "3", tag_mode = "EXPLICIT")]
    pub(super) secret: Encrypted<'a>,
}

/// The part of a ticket that only the server can read. What it does not look at is not taken apart.
#[derive(Debug, Clone, PartialEq, Eq, Sequence)]
pub(super) struct EncTicketPart<'a> {
    #[asn1(context_specific = "0", tag_mode = "EXPLICIT")]
    pub(super) flags: BitStringRef<'a>,
    #[asn1(context_specific = "1", tag_mode = "EXPLICIT")]
    pub(super) session_key: Typed<'a>,
    #[asn1(context_specific = "2", tag_mode = "EXPLICIT")]
    pub(super) realm: GeneralStringRef<'a>,
    #[asn1(context_specific = "3", tag_mode = "EXPLICIT")]
    pub(super) client: Name<'a>,
    #[asn1(context_specific = "4", tag_mode = "EXPLICIT")]
    pub(super) transited: AnyRef<'a>,
    #[asn1(context_specific = "5", tag_mode = "EXPLICIT")]
    pub(super) authenticated_at: GeneralizedTime,
    #[asn1(context_specific = "6", tag_mode = "EXPLICIT", optional = "true")]
    pub(super) begins: Option<GeneralizedTime>,
    #[asn1(context_specific = "7", tag_mode = "EXPLICIT")]
    pub(super) ends: GeneralizedTime,
    #[asn1(context_specific = "8", tag_mode = "EXPLICIT", optional = "true")]
    pub(super) renewable_until: Option<AnyRef<'a>>,
    #[asn1(context_specific = "9", tag_mode = "EXPLICIT", optional = "true")]
    pub(super) addresses: Option<AnyRef<'a>>,
    #[asn1(context_specific = "10", tag_mode = "EXPLICIT", optional = "true")]
    pub(super) authorization: Option<AnyRef<'a>>,
}

/// By which a client proves that the ticket is its own: only it and the server know the session's key.
#[derive(Debug, Clone, PartialEq, Eq, Sequence)]
pub(super) struct Authenticator<'a> {
    #[asn1(context_specific = "0", tag_mode = "EXPLICIT")]
    pub(super) version: i32,
    #[asn1(context_specific = "1", tag_mode = "EXPLICIT")]
    pub(super) realm: GeneralStringRef<'a>,
    #[asn1(context_specific = "2", tag_mode = "EXPLICIT")]
    pub(super) client: Name<'a>,
    #[asn1(context_specific = "3", tag_mode = "EXPLICIT", optional = "true")]
    pub(super) checksum: Option<Typed<'a>>,
    #[asn1(context_specific = "4", tag_mode = "EXPLICIT")]
    pub(super) microseconds: u32,
    #[asn1(context_specific = "5", tag_mode = "EXPLICIT")]
    pub(super) time: GeneralizedTime,
    #[asn1(context_specific = "6", tag_mode = "EXPLICIT", optional = "true")]
    pub(super) subkey: Option<AnyRef<'a>>,
    #[asn1(context_specific = "7", tag_mode = "EXPLICIT", optional = "true")]
    pub(super) sequence: Option<AnyRef<'a>>,
    #[asn1(context_specific = "8", tag_mode = "EXPLICIT", optional = "true")]
    pub(super) authorization: Option<AnyRef<'a>>,
}

/// What a server sends back to prove itself.
#[derive(Debug, Clone, PartialEq, Eq, Sequence)]
pub(super) struct ApRep<'a> {
    #[asn1(context_specific = "0", tag_mode = "EXPLICIT")]
    pub(super) version: i32,
    #[asn1(context_specific = "1", tag_mode = "EXPLICIT")]
    pub(super) kind: i32,
    /// An [`EncApRepPart`].
    #[asn1(context_specific = "2", tag_mode = "EXPLICIT")]
    pub(super) secret: Encrypted<'a>,
}

/// The authenticator's time again, which only the server could read.
#[derive(Debug, Clone, PartialEq, Eq, Sequence)]
pub(super) struct EncApRepPart {
    #[asn1(context_specific = "0", tag_mode = "EXPLICIT")]
    pub(super) time: GeneralizedTime,
    #[asn1(context_specific = "1", tag_mode = "EXPLICIT")]
    pub(super) microseconds: u32,
    #[asn1(context_specific = "3", tag_mode = "EXPLICIT", optional = "true")]
    pub(super) sequence: Option<u32>,
}
