//! Attaching to a container's streams: output as a stream of records in the answer, input as a stream
//! of records in the request (v1-api.md, section 11; clients.md, section 8).

use std::path::Path;
use std::sync::Arc;

use hyper::StatusCode;
use hyper::header::HeaderName;
use mesos_proto::v1_agent::{Call, ProcessIO, call, process_io};
use mesos_wire::authorization::Action;
use mesos_wire::http::{Feed, Media, Request, Response, not_acceptable};
use mesos_wire::json::{self, Dialect};
use mesos_wire::recordio::{self, Decoder};
use protobuf::Message as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;
use tokio::time::{Duration, interval};

use super::agent::Agent;
use super::container_calls::{executor, may_attach};
use super::container_checks;
use super::operator::invalid;
use crate::launcher::switchboard::{INPUT, OUTPUT};
use crate::model::State;
use crate::nested::{AttachError, Chain};

/// The media type of streams of records.
pub(super) const RECORDIO: &str = "application/recordio";
/// The largest record of either direction, in bytes.
const MAX_RECORD: usize = 1 << 20;
/// How many records may wait for a client. Behind that the container's own writes wait.
const QUEUED: usize = 16;
/// The most of the launcher's answer that is read, in bytes.
const MAX_ANSWER: u64 = 4096;

/// How a stream of output is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Form {
    media: Media,
    is_recordio: bool,
}

/// The form of the stream that a client takes.
pub(super) fn form(request: &Request) -> Result<Form, Response> {
    if let Some(media) = Media::accepted(request) {
        let is_recordio = false;
        return Ok(Form { media, is_recordio });
    }
    if !request.accepts(RECORDIO) {
        return Err(not_acceptable());
    }
    let accepted = request.header("message-accept").unwrap_or("*/*");
    let allows = |media: &Media| {
        accepted.split(',').any(|range| {
            let range = range.split(';').next().unwrap_or_default().trim();
            range == media.name() || range == "*/*" || range == "application/*"
        })
    };
    let media = [Media::Json, Media::Protobuf].into_iter().find(allows);
    match media {
        Some(media) => Ok(Form {
            media,
            is_recordio: true,
        }),
        None => Err(Response::text(
            StatusCode::NOT_ACCEPTABLE,
            "Expecting 'Message-Accept' to allow 'application/json' or 'application/x-protobuf'",
        )),
    }
}

async fn connect(agent: &Agent, id: &Chain, way: u8) -> Result<UnixStream, Response> {
    let failed = |text: String| Response::text(StatusCode::INTERNAL_SERVER_ERROR, text);
    let socket = match agent.nested.socket(id) {
        Ok(socket) => socket,
        Err(AttachError::Unknown)
            if executor(agent, id.outermost()).is_none() || id.parent().is_some() =>
        {
            let text = format!("Container {id} cannot be found");
            return Err(Response::text(StatusCode::NOT_FOUND, text));
        }
        Err(_) => return Err(failed(AttachError::Disabled.to_string())),
    };
    let connected = async {
        let mut stream = UnixStream::connect(Path::new(&socket)).await?;
        stream.write_all(&[way]).await?;
        Ok::<_, std::io::Error>(stream)
    };
    connected
        .await
        .map_err(|error| failed(format!("I/O switchboard has shutdown: {error}")))
}

/// Streams a container's output. One that belongs to this connection ends with it.
pub(super) async fn output(
    agent: &Arc<Agent>,
    request: &Request,
    id: &Chain,
    is_session: bool,
) -> Response {
    let form = match form(request) {
        Ok(form) => form,
        Err(response) => return response,
    };
    let stream = match connect(agent, id, OUTPUT).await {
        Ok(stream) => stream,
        Err(response) => {
            if is_session {
                agent.nested.destroy(id).await;
            }
            return response;
        }
    };
    let media_type = if form.is_recordio {
        RECORDIO
    } else {
        form.media.name()
    };
    let (sender, mut response) = Response::stream(media_type, QUEUED);
    if form.is_recordio {
        let name = HeaderName::from_static("message-content-type");
        response.set(name, form.media.name());
    }
    let pause = agent
        .flags
        .text("http_heartbeat_interval")
        .unwrap_or_default();
    let pause = mesos_wire::duration::parse(pause).unwrap_or(Duration::from_secs(30));
    let (nested, id) = (agent.nested.clone(), id.clone());
    tokio::spawn(async move {
        tokio::select! {
            () = sender.closed() => tracing::info!("the connection to container {id} broke"),
            () = pass_on(stream, &sender, form.media, pause) => {}
        }
        if is_session {
            nested.destroy(&id).await;
        }
    });
    response
}

/// Passes records on until the container has no more, or nobody takes them.
async fn pass_on(mut stream: UnixStream, sender: &Feed, media: Media, pause: Duration) {
    let mut decoder = Decoder::new(MAX_RECORD);
    let mut piece = vec![0; 16 << 10];
    let mut beat = interval(pause.max(Duration::from_millis(1)));
    beat.tick().await;
    loop {
        while let Ok(Some(record)) = decoder.next_record() {
            let Ok(io) = ProcessIO::parse_from_bytes(&record) else {
                return;
            };
            if sender
                .send(recordio::encode(&media.encode(&io)))
                .await
                .is_err()
            {
                return;
            }
        }
        tokio::select! {
            read = stream.read(&mut piece) => match read {
                Ok(0) | Err(_) => return,
                Ok(count) => decoder.push(piece.get(..count).unwrap_or_default()),
            },
            _ = beat.tick() => {
                if sender.send(recordio::encode(&media.encode(&heartbeat(pause)))).await.is_err() {
                    return;
                }
            }
        }
    }
}

fn heartbeat(pause: Duration) -> ProcessIO {
    let mut io = ProcessIO::new();
    io.set_type(process_io::Type::CONTROL);
    let control = io.control.mut_or_insert_default();
    control.set_type(process_io::control::Type::HEARTBEAT);
    let nanos = i64::try_from(pause.as_nanos()).unwrap_or(i64::MAX);
    let beat = control.heartbeat.mut_or_insert_default();
    beat.interval.mut_or_insert_default().set_nanoseconds(nanos);
    io
}

/// Records of a request.
struct Records {
    request: Request,
    media: Media,
    decoder: Decoder,
}

impl Records {
    /// The next call; `None` at the end of the request. The error is the answer to give.
    async fn next(&mut self) -> Result<Option<Call>, Response> {
        let bad = |text: String| Response::text(StatusCode::BAD_REQUEST, text);
        loop {
            let record = self.decoder.next_record();
            if let Some(record) = record.map_err(|error| bad(error.to_string()))? {
                return match self.media {
                    Media::Json => json::from_slice(&record, Dialect::V1)
                        .map_err(|error| bad(error.to_string())),
                    Media::Protobuf => Call::parse_from_bytes(&record)
                        .map_err(|_| bad("Failed to parse body into Call protobuf".to_string())),
                }
                .map(Some);
            }
            match self.request.chunk().await? {
                Some(piece) => self.decoder.push(&piece),
                None => return Ok(None),
            }
        }
    }
}

/// Answers a request that is a stream of records: ATTACH_CONTAINER_INPUT.
pub(super) async fn input(agent: Arc<Agent>, request: Request) -> Response {
    let media = match request.header("message-content-type") {
        None => {
            let text = "Expecting 'Message-Content-Type' to be set for streaming requests";
            return Response::text(StatusCode::BAD_REQUEST, text);
        }
        Some(name) => Media::from_name(name),
    };
    let Some(media) = media else {
        return Response::text(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "Expecting 'Message-Content-Type' of application/json or application/x-protobuf",
        );
    };
    let rights = agent.rights(&request);
    request.give_up_when_abandoned();
    let mut records = Records {
        request,
        media,
        decoder: Decoder::new(MAX_RECORD),
    };
    let first = match records.next().await {
        Ok(Some(call)) => call,
        Ok(None) => {
            let text = "Received EOF while reading request body";
            return Response::text(StatusCode::BAD_REQUEST, text);
        }
        Err(response) => return response,
    };
    match target(&agent, &first) {
        Ok(id) if !may_attach(&agent, &rights, Action::AttachContainerInput, &id) => {
            Response::status(StatusCode::FORBIDDEN)
        }
        Ok(id) => match connect(&agent, &id, INPUT).await {
            Ok(stream) => feed(records, stream).await,
            Err(response) => response,
        },
        Err(response) => response,
    }
}

/// The container that the first record names.
fn target(agent: &Agent, call: &Call) -> Result<Chain, Response> {
    if !call.has_type() {
        return Err(invalid("Expecting 'type' to be present"));
    }
    container_checks::validate(call).map_err(|reason| invalid(&reason))?;
    if agent.look(|model| model.state() == State::Recovering) {
        let text = "Agent has not finished recovery";
        return Err(Response::text(StatusCode::SERVICE_UNAVAILABLE, text));
    }
    if call.type_() != call::Type::ATTACH_CONTAINER_INPUT {
        return Err(Response::text(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            format!(
                "Streaming 'Content-Type' {RECORDIO} is not supported for {:?} call",
                call.type_()
            ),
        ));
    }
    let asked = call.attach_container_input.get_or_default();
    if asked.type_() != call::attach_container_input::Type::CONTAINER_ID {
        return Err(Response::text(
            StatusCode::BAD_REQUEST,
            "Expecting 'attach_container_input.type' to be CONTAINER_ID",
        ));
    }
    Chain::read(asked.container_id.get_or_default()).map_err(|reason| invalid(&reason))
}

/// Passes input on until the request or the container ends.
async fn feed(mut records: Records, stream: UnixStream) -> Response {
    let (reader, mut writer) = stream.into_split();
    let mut answer = Vec::new();
    let mut reader = reader.take(MAX_ANSWER);
    let feeding = async {
        while let Some(call) = records.next().await? {
            let io = container_checks::input(&call)
                .map_err(|text| Response::text(StatusCode::BAD_REQUEST, text))?;
            let record = recordio::encode(&io.write_to_bytes().unwrap_or_default());
            if writer.write_all(&record).await.is_err() {
                // The launcher says why.
                break;
            }
        }
        let _ = writer.shutdown().await;
        Ok(())
    };
    let fed = tokio::select! {
        fed = feeding => fed,
        // The launcher speaks before the end only where it takes no more.
        _ = reader.read_to_end(&mut answer) => return said(&answer),
    };
    match fed {
        Ok(()) => {
            let _ = reader.read_to_end(&mut answer).await;
            said(&answer)
        }
        Err(response) => response,
    }
}

/// What a launcher's answer means; none means that the container has ended.
fn said(answer: &[u8]) -> Response {
    let answer = String::from_utf8_lossy(answer);
    let (status, text) = answer.split_once(' ').unwrap_or(("200", ""));
    let status = status.parse().unwrap_or(StatusCode::OK);
    match text {
        "" => Response::status(status),
        text => Response::text(status, text),
    }
}
