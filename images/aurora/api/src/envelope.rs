//! Whole messages: a call, the reply to it, or the protocol's own exception.
//!
//! A server does `decode_call`, answers the [`Request`], and sends `encode_reply`; an undecodable
//! call that names itself gets the `TApplicationException` in [`BadCall::Refused`]. A client does
//! `encode_call` and `decode_reply`.

use thiserror::Error;
use thrift::protocol::{TInputProtocol, TMessageIdentifier, TMessageType, TType};
use thrift::{ApplicationError, ApplicationErrorKind};

use crate::calls::Call;
use crate::protocol::Protocol;
use crate::types::Response;
use crate::value::{self, Value, invalid};

/// A call as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The caller's number for it, repeated in the reply.
    pub sequence: i32,
    pub call: Call,
}

/// A message that cannot be served as a call.
#[derive(Debug, Error)]
pub enum BadCall {
    /// It names itself, so Thrift's own exception can be the answer (HTTP status 200).
    #[error("refused the call `{method}`: {}", exception.message)]
    Refused {
        method: String,
        sequence: i32,
        exception: ApplicationError,
    },
    /// It is no Thrift message at all (HTTP status 500 in the original).
    #[error("not a thrift message")]
    Malformed(#[source] thrift::Error),
}

/// Why a reply carries no response.
#[derive(Debug, Error)]
pub enum BadReply {
    /// The server answered with Thrift's own exception. Shown as the original client shows it.
    #[error("{}", .0.message)]
    Exception(ApplicationError),
    /// It is not a reply to this call.
    #[error("expected the reply to `{expected}`, got {found}")]
    Unexpected {
        expected: &'static str,
        found: String,
    },
    /// It is no Thrift message at all.
    #[error("not a thrift message")]
    Malformed(#[from] thrift::Error),
}

/// A call as bytes. The original clients always send sequence number 0.
pub fn encode_call(protocol: Protocol, sequence: i32, call: &Call) -> thrift::Result<Vec<u8>> {
    protocol.writing(|output| {
        let head = TMessageIdentifier::new(call.name(), TMessageType::Call, sequence);
        output.write_message_begin(&head)?;
        call.write_args(output)?;
        output.write_message_end()
    })
}

/// A call from a request's body.
pub fn decode_call(protocol: Protocol, body: &[u8]) -> Result<Request, BadCall> {
    let mut head = None;
    let read = protocol.reading(body, |input| {
        let found = input.read_message_begin()?;
        let (name, kind, sequence) = (
            found.name.clone(),
            found.message_type,
            found.sequence_number,
        );
        head = Some((name.clone(), sequence));
        if !matches!(kind, TMessageType::Call | TMessageType::OneWay) {
            let message = format!("Invalid message type: {}", u8::from(kind));
            return Err(application(
                ApplicationErrorKind::InvalidMessageType,
                message,
            ));
        }
        let Some(call) = Call::read_args(&name, input)? else {
            let message = format!("Invalid method name: '{name}'");
            return Err(application(ApplicationErrorKind::UnknownMethod, message));
        };
        input.read_message_end()?;
        Ok(Request { sequence, call })
    });
    read.map_err(|error| match (head, error) {
        (Some((method, sequence)), thrift::Error::Application(exception)) => BadCall::Refused {
            method,
            sequence,
            exception,
        },
        (Some((method, sequence)), thrift::Error::Protocol(error)) => BadCall::Refused {
            method,
            sequence,
            exception: ApplicationError::new(ApplicationErrorKind::ProtocolError, error.message),
        },
        (_, error) => BadCall::Malformed(error),
    })
}

fn application(kind: ApplicationErrorKind, message: String) -> thrift::Error {
    thrift::Error::Application(ApplicationError::new(kind, message))
}

/// The reply to the call `method`, as bytes.
pub fn encode_reply(
    protocol: Protocol,
    method: &str,
    sequence: i32,
    response: &Response,
) -> thrift::Result<Vec<u8>> {
    protocol.writing(|output| {
        let head = TMessageIdentifier::new(method, TMessageType::Reply, sequence);
        output.write_message_begin(&head)?;
        output.write_struct_begin(&value::STRUCT)?;
        output.write_field_begin(&value::field::<Response>(SUCCESS))?;
        response.write(output)?;
        output.write_field_end()?;
        output.write_field_stop()?;
        output.write_struct_end()?;
        output.write_message_end()
    })
}

/// Thrift's own exception in answer to the call `method`, as bytes.
pub fn encode_exception(
    protocol: Protocol,
    method: &str,
    sequence: i32,
    exception: &ApplicationError,
) -> thrift::Result<Vec<u8>> {
    protocol.writing(|output| {
        let head = TMessageIdentifier::new(method, TMessageType::Exception, sequence);
        output.write_message_begin(&head)?;
        thrift::Error::write_application_error_to_out_protocol(exception, output)?;
        output.write_message_end()
    })
}

/// The response in the body of the reply to `call`.
pub fn decode_reply(protocol: Protocol, call: &Call, body: &[u8]) -> Result<Response, BadReply> {
    enum Reply {
        Response(Option<Box<Response>>),
        Exception(ApplicationError),
        Other(String),
    }
    let expected = call.name();
    let reply = protocol.reading(body, |input| {
        let head = input.read_message_begin()?;
        let reply = match head.message_type {
            TMessageType::Reply => Reply::Response(read_success(input)?.map(Box::new)),
            TMessageType::Exception => Reply::Exception(read_exception(input)?),
            other => {
                input.skip(TType::Struct)?;
                Reply::Other(format!("{other} of `{}`", head.name))
            }
        };
        input.read_message_end()?;
        Ok(if head.name == expected {
            reply
        } else {
            Reply::Other(format!("{} of `{}`", head.message_type, head.name))
        })
    })?;
    match reply {
        Reply::Response(Some(response)) => Ok(*response),
        Reply::Response(None) => Err(BadReply::Unexpected {
            expected,
            found: "one without a result".to_owned(),
        }),
        Reply::Exception(exception) => Err(BadReply::Exception(exception)),
        Reply::Other(found) => Err(BadReply::Unexpected { expected, found }),
    }
}

/// Number of the field that holds a method's return value.
const SUCCESS: i16 = 0;

fn read_success(input: &mut dyn TInputProtocol) -> thrift::Result<Option<Response>> {
    let mut response = None;
    input.read_struct_begin()?;
    loop {
        let field = input.read_field_begin()?;
        match (field.id, field.field_type) {
            (_, TType::Stop) => break,
            (Some(SUCCESS), TType::Struct) => response = Response::read(input)?,
            (_, other) => input.skip(other)?,
        }
        input.read_field_end()?;
    }
    input.read_struct_end()?;
    Ok(response)
}

/// Reads a `TApplicationException`. Not the crate's own reader: that one panics on a field without a
/// number and believes whatever type a field claims.
fn read_exception(input: &mut dyn TInputProtocol) -> thrift::Result<ApplicationError> {
    let mut message = None;
    let mut kind = ApplicationErrorKind::Unknown;
    input.read_struct_begin()?;
    loop {
        let field = input.read_field_begin()?;
        match (field.id, field.field_type) {
            (_, TType::Stop) => break,
            (Some(1), TType::String) => message = Some(input.read_string()?),
            (Some(2), TType::I32) => {
                kind = ApplicationErrorKind::try_from(input.read_i32()?)
                    .unwrap_or(ApplicationErrorKind::Unknown);
            }
            (_, other) => input.skip(other)?,
        }
        input.read_field_end()?;
    }
    input.read_struct_end()?;
    let message = message.ok_or_else(|| invalid("an exception without a message".to_owned()))?;
    Ok(ApplicationError::new(kind, message))
}

/// The bytes that answer a refused call; `None` for what is no message at all.
pub fn encode_refusal(protocol: Protocol, refused: &BadCall) -> Option<thrift::Result<Vec<u8>>> {
    match refused {
        BadCall::Refused {
            method,
            sequence,
            exception,
        } => Some(encode_exception(protocol, method, *sequence, exception)),
        BadCall::Malformed(_) => None,
    }
}
