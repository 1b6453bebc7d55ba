//! The listening side: tells messages from plain requests, and finds the process each is for.

use std::convert::Infallible;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::header;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{StatusCode, Uri};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::socket::{HEAD_WITHIN, Socket, Traffic};
use super::{Handler, Message, frame};
use crate::http::{Query, Request, RequestBody, Response, percent_decode};

/// How long accepting rests when the program has run out of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Serves until `stop` is done; then all connections are closed.
pub(super) async fn serve(
    listener: TcpListener,
    handler: Arc<dyn Handler>,
    stop: impl Future<Output = ()>,
) {
    let mut stop = std::pin::pin!(stop);
    let mut connections = JoinSet::new();
    loop {
        let stream = tokio::select! {
            () = &mut stop => return,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            },
            Some(_) = connections.join_next() => continue,
        };
        let _ = stream.set_nodelay(true);
        let handler = handler.clone();
        connections.spawn(async move {
            let traffic = Arc::new(Traffic::default());
            let socket = Socket::new(stream, traffic.clone(), HEAD_WITHIN);
            let service = service_fn(move |mut request: hyper::Request<Incoming>| {
                request.extensions_mut().insert(traffic.clone());
                let handler = handler.clone();
                let is_message = frame::is_message(request.method(), request.headers());
                // From now on, not from when the future is first asked.
                let taking = traffic.clone().take(is_message);
                async move {
                    let response = answer(handler, request, is_message).await;
                    // The end of a stream's reader is to be seen again.
                    drop(taking);
                    Ok::<_, Infallible>(response)
                }
            });
            // Idle connections are never closed: to the peer that would mean that we are gone.
            // Nor are flushes put together (`pipeline_flush`): that has no bound for what waits to be written.
            let connection = http1::Builder::new()
                // As the original spells them: not every client compares names as HTTP says.
                .title_case_headers(true)
                .serve_connection(TokioIo::new(socket), service);
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection ended");
            }
        });
    }
}

async fn answer(
    handler: Arc<dyn Handler>,
    request: hyper::Request<Incoming>,
    is_message: bool,
) -> hyper::Response<http_body_util::combinators::UnsyncBoxBody<bytes::Bytes, Infallible>> {
    let accept = request.headers().get(header::ACCEPT_ENCODING).cloned();
    let response = if is_message {
        take_message(&*handler, request).await
    } else {
        take_request(handler, request).await
    };
    response.into_hyper(accept.as_ref())
}

async fn take_message(handler: &dyn Handler, request: hyper::Request<Incoming>) -> Response {
    let Some(from) = frame::sender(request.headers()) else {
        return Response::status(StatusCode::INTERNAL_SERVER_ERROR);
    };
    if !request.uri().path().starts_with('/') {
        return Response::status(StatusCode::BAD_REQUEST);
    }
    let Some((to, name)) = frame::target(request.uri().path()) else {
        return Response::status(StatusCode::INTERNAL_SERVER_ERROR);
    };
    if !handler.has(&to) {
        return Response::status(StatusCode::NOT_FOUND);
    }
    let gzip = request
        .headers()
        .get(header::CONTENT_ENCODING)
        .is_some_and(|encoding| encoding.as_bytes() == b"gzip");
    let mut body = RequestBody::new(request.into_body());
    let body = match body.whole().await {
        Ok(body) if gzip => match crate::http::gunzip(&body) {
            Ok(body) => body,
            Err(response) => return response,
        },
        Ok(body) => body,
        Err(response) => return response,
    };
    handler.message(Message {
        from,
        to,
        name,
        body,
    });
    Response::status(StatusCode::ACCEPTED)
}

async fn take_request(handler: Arc<dyn Handler>, request: hyper::Request<Incoming>) -> Response {
    let (mut parts, body) = request.into_parts();
    let Some((process, path)) = route(&*handler, &parts.uri) else {
        return Response::status(StatusCode::NOT_FOUND);
    };
    let Some(query) = Query::parse(parts.uri.query().unwrap_or_default()) else {
        return Response::status(StatusCode::BAD_REQUEST);
    };
    let target = parts
        .uri
        .path_and_query()
        .map_or("/", |target| target.as_str())
        .to_string();
    handler
        .http(Request {
            method: parts.method,
            process,
            path,
            query,
            headers: parts.headers,
            target,
            principal: None,
            body: RequestBody::new(body),
            traffic: parts.extensions.remove(),
        })
        .await
}

/// The process that a path is for and the rest of the path; `None` for one that climbs upwards.
fn route(handler: &dyn Handler, uri: &Uri) -> Option<(String, String)> {
    let path = uri.path();
    if path.contains("/..") {
        return None;
    }
    let trimmed = path.trim_start_matches('/');
    let (first, rest) = trimmed.split_once('/').unwrap_or((trimmed, ""));
    let first = percent_decode(first)?;
    let (process, rest) = if !first.is_empty() && handler.has(&first) {
        (first, rest)
    } else {
        (handler.delegate().to_string(), trimmed)
    };
    Some((process, rest.trim_end_matches('/').to_string()))
}
