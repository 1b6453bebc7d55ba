//! One health check: a request to the task's port, or a command.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::process::ExitStatusExt;
use std::process::Stdio;
use std::time::Duration;

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use reqwest::Client;
use tokio::io::AsyncReadExt;

use crate::inside::Inside;
use crate::task::{HealthCheckConfig, HealthChecker, HttpHealthChecker};
use crate::users::User;

use super::sandbox::Place;

/// The name of the port that is asked for health.
const HEALTH_PORT: &str = "health";
/// The most of an answer that is looked at, in bytes.
const MAX_ANSWER: usize = 64 * 1024;

/// What is checked.
#[derive(Debug)]
pub(crate) enum Probe {
    Http {
        client: Client,
        url: String,
        expected: HttpHealthChecker,
    },
    Shell(Inside),
}

impl Probe {
    /// The check that a task asks for; `None` where it asks for none: a command where there is one,
    /// else a request where the task has a port for it.
    pub(crate) fn of(
        config: &HealthCheckConfig,
        ports: &BTreeMap<String, i64>,
        user: Option<User>,
        place: &Place,
    ) -> Result<Option<Self>, reqwest::Error> {
        Ok(match &config.checker {
            HealthChecker::Shell(command) => Some(Self::Shell(Inside {
                cmdline: command.clone(),
                user,
                root: place.root.clone(),
                folder: place.seen_at.clone(),
            })),
            HealthChecker::Http(expected) => match ports.get(HEALTH_PORT) {
                None => None,
                Some(port) => Some(Self::Http {
                    client: local_client(*port)?,
                    url: format!("http://localhost:{port}{}", expected.endpoint),
                    expected: expected.clone(),
                }),
            },
        })
    }

    /// Checks once; the error is the reason that is reported.
    pub(crate) async fn check(&self, timeout: Duration) -> Result<(), String> {
        match self {
            Self::Http {
                client,
                url,
                expected,
            } => check_http(client, url, expected, timeout).await,
            Self::Shell(inside) => check_shell(inside, timeout).await,
        }
    }
}

/// A client for a port of this machine: no proxy, no name server.
pub(crate) fn local_client(port: i64) -> Result<Client, reqwest::Error> {
    let port = u16::try_from(port).unwrap_or_default();
    Client::builder()
        .no_proxy()
        .resolve("localhost", SocketAddr::from((Ipv4Addr::LOCALHOST, port)))
        .pool_max_idle_per_host(0)
        .build()
}

async fn check_http(
    client: &Client,
    url: &str,
    expected: &HttpHealthChecker,
    timeout: Duration,
) -> Result<(), String> {
    let failed =
        |error: &reqwest::Error| format!("Failed to signal {url}: {}", urlopen_error(error));
    let mut response = client
        .get(url)
        .timeout(timeout)
        .send()
        .await
        .map_err(|e| failed(&e))?;
    let status = response.status();
    let mut body = Vec::new();
    // The original's client has no body for an answer that is an error.
    if status.is_success() || status.is_redirection() {
        while let Some(chunk) = response.chunk().await.map_err(|e| failed(&e))? {
            body.extend_from_slice(&chunk);
            if body.len() > MAX_ANSWER {
                break;
            }
        }
    }
    let body = String::from_utf8_lossy(&body).trim().to_lowercase();
    let wanted = expected.expected_response.to_lowercase();
    if !wanted.is_empty() && body != wanted {
        return Err(format!(
            "Response differs from expected response (expected \"{}\", got \"{}\")",
            shortened(&expected.expected_response),
            shortened(&body)
        ));
    }
    let code = expected.expected_response_code;
    if code != 0 && code != i64::from(status.as_u16()) {
        return Err(format!(
            "Response code differs from expected response (expected {code}, got {})",
            status.as_u16()
        ));
    }
    Ok(())
}

/// An error of a request, in the words of Python's `urlopen`.
pub(crate) fn urlopen_error(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return "Error within timeout".to_string();
    }
    let mut source: Option<&(dyn std::error::Error + 'static)> = std::error::Error::source(error);
    let mut last = error.to_string();
    while let Some(cause) = source {
        if let Some(errno) = cause
            .downcast_ref::<std::io::Error>()
            .and_then(std::io::Error::raw_os_error)
        {
            let text = nix::errno::Errno::from_raw(errno).desc();
            return format!("<urlopen error [Errno {errno}] {text}>");
        }
        last = cause.to_string();
        source = cause.source();
    }
    format!("<urlopen error {last}>")
}

fn shortened(text: &str) -> String {
    if text.chars().count() < 10 {
        return text.to_string();
    }
    text.chars().take(7).chain("...".chars()).collect()
}

async fn check_shell(inside: &Inside, timeout: Duration) -> Result<(), String> {
    let failed = |error: std::io::Error| format!("OSError: {error}");
    let mut bash = tokio::process::Command::from(inside.command().map_err(failed)?);
    bash.stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true);
    let mut child = bash.spawn().map_err(failed)?;
    let group = child.id().and_then(|pid| i32::try_from(pid).ok());
    let (mut stdout, mut stderr) = (child.stdout.take(), child.stderr.take());
    let read = async {
        let mut output = Vec::new();
        let limit = u64::try_from(MAX_ANSWER).unwrap_or_default();
        if let Some(stdout) = &mut stdout {
            let _ = stdout.take(limit).read_to_end(&mut output).await;
        }
        if let Some(stderr) = &mut stderr {
            let _ = stderr.take(limit).read_to_end(&mut output).await;
        }
        (child.wait().await, output)
    };
    let ended = tokio::time::timeout(timeout, read).await;
    if let Some(group) = group
        && ended.is_err()
    {
        // The command and its children.
        let _ = killpg(Pid::from_raw(group), Signal::SIGKILL);
    }
    match ended {
        Err(_) => Err("Health check timed out.".to_string()),
        Ok((Err(error), _)) => Err(failed(error)),
        Ok((Ok(status), _)) if status.success() => Ok(()),
        Ok((Ok(status), output)) => {
            let code = status
                .code()
                .unwrap_or_else(|| -status.signal().unwrap_or_default());
            let output = String::from_utf8_lossy(&output);
            Err(format!(
                "Command '{}' returned non-zero exit status {code} with output '{output}'",
                inside.cmdline
            ))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::AsyncWriteExt;

    fn shell(command: &str) -> Probe {
        Probe::Shell(Inside {
            cmdline: command.into(),
            user: None,
            root: None,
            folder: "/".into(),
        })
    }

    #[tokio::test]
    async fn a_command_is_healthy_when_it_exits_with_0() {
        assert_eq!(shell("true").check(Duration::from_secs(10)).await, Ok(()));
        assert_eq!(
            shell("echo no; exit 3")
                .check(Duration::from_secs(10))
                .await,
            Err(
                "Command 'echo no; exit 3' returned non-zero exit status 3 with output 'no\n'"
                    .into()
            )
        );
        assert_eq!(
            shell("sleep 60").check(Duration::from_millis(50)).await,
            Err("Health check timed out.".into())
        );
    }

    /// Answers one request with `answer`.
    async fn serve(answer: &'static str) -> i64 {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut buffer = [0; 1024];
            let _ = stream.read(&mut buffer).await;
            stream.write_all(answer.as_bytes()).await.unwrap();
        });
        i64::from(port)
    }

    fn nowhere() -> Place {
        Place {
            run: "/".into(),
            sandbox: "/".into(),
            seen_at: "/".into(),
            root: None,
        }
    }

    async fn http(answer: &'static str, expected: &str, code: i64) -> Result<(), String> {
        let port = serve(answer).await;
        let config = HealthCheckConfig {
            checker: HealthChecker::Http(HttpHealthChecker {
                endpoint: "/health".into(),
                expected_response: expected.into(),
                expected_response_code: code,
            }),
            initial_interval_secs: 0.0,
            interval_secs: 1.0,
            max_consecutive_failures: 0,
            min_consecutive_successes: 1,
            timeout_secs: 1.0,
        };
        let ports = BTreeMap::from([("health".to_string(), port)]);
        let probe = Probe::of(&config, &ports, None, &nowhere())
            .unwrap()
            .unwrap();
        probe.check(Duration::from_secs(10)).await
    }

    #[tokio::test]
    async fn an_answer_is_compared_as_the_original_does() {
        let ok = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n OK\n";
        assert_eq!(http(ok, "ok", 200).await, Ok(()));
        assert_eq!(http(ok, "", 0).await, Ok(()));
        assert_eq!(
            http(
                "HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\nsomething el",
                "ok",
                0
            )
            .await,
            Err(
                "Response differs from expected response (expected \"ok\", got \"somethi...\")"
                    .into()
            )
        );
        assert_eq!(
            http("HTTP/1.1 500 No\r\nContent-Length: 2\r\n\r\nok", "", 200).await,
            Err("Response code differs from expected response (expected 200, got 500)".into())
        );
    }

    #[tokio::test]
    async fn a_port_that_nobody_listens_at_is_named() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = i64::from(listener.local_addr().unwrap().port());
        drop(listener);
        let client = local_client(port).unwrap();
        let url = format!("http://localhost:{port}/health");
        let expected = HttpHealthChecker {
            endpoint: "/health".into(),
            expected_response: "ok".into(),
            expected_response_code: 0,
        };
        let error = check_http(&client, &url, &expected, Duration::from_secs(10))
            .await
            .unwrap_err();
        assert_eq!(
            error,
            format!("Failed to signal {url}: <urlopen error [Errno 111] Connection refused>")
        );
    }
}
