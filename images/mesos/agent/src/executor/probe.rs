//! Looks once whether a task does its work: by a command, over HTTP, or by a connection.

use std::net::IpAddr;
use std::time::Duration;

use mesos_proto::mesos::{CheckInfo, CommandInfo, HealthCheck, check_info, health_check};
use nix::sys::signal::Signal;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::process::Command;
use tokio::time::{sleep, timeout};

use super::child::{Context, start};
use crate::tree;

/// The longest status line that is read, in bytes.
const MAX_STATUS_LINE: usize = 4096;

/// What is looked at.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Target {
    /// The exit status of a command.
    Command(CommandInfo),
    /// The status that a page is answered with.
    Http {
        scheme: String,
        port: u16,
        path: String,
    },
    /// Whether a port takes connections.
    Tcp(u16),
}

/// What is looked at, and when.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Probe {
    pub(crate) target: Target,
    pub(crate) delay: Duration,
    pub(crate) interval: Duration,
    pub(crate) timeout: Duration,
}

/// What was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Seen {
    /// The command ended with this status.
    Exit(i32),
    /// The page was answered with this status.
    Status(u16),
    /// Whether the port took the connection.
    Connected(bool),
    /// Nothing: it failed, or took too long.
    Nothing(String),
}

impl Seen {
    /// Whether it counts as healthy: exit status 0, 200 to 399, or a connection.
    pub(crate) fn is_healthy(&self) -> bool {
        match self {
            Self::Exit(status) => *status == 0,
            Self::Status(status) => (200..400).contains(status),
            Self::Connected(connected) => *connected,
            Self::Nothing(_) => false,
        }
    }
}

impl Probe {
    /// A task's health check; `None` if it asks for nothing that can be done.
    pub(crate) fn of_health(check: &HealthCheck) -> Option<Self> {
        use health_check::Type;
        let http = check.http.as_ref();
        let target = match check.type_() {
            Type::COMMAND => Target::Command(check.command.as_ref()?.clone()),
            Type::TCP => Target::Tcp(port(check.tcp.as_ref()?.port())?),
            // Older frameworks give no type.
            Type::UNKNOWN if check.command.is_some() => {
                Target::Command(check.command.as_ref()?.clone())
            }
            Type::HTTP | Type::UNKNOWN => {
                let scheme = http?.scheme();
                Target::Http {
                    scheme: if scheme.is_empty() { "http" } else { scheme }.to_string(),
                    port: port(http?.port())?,
                    path: http?.path().to_string(),
                }
            }
        };
        Some(Self {
            target,
            delay: seconds(check.delay_seconds()),
            interval: seconds(check.interval_seconds()),
            timeout: seconds(check.timeout_seconds()),
        })
    }

    /// A task's check; `None` as above.
    pub(crate) fn of_check(check: &CheckInfo) -> Option<Self> {
        use check_info::Type;
        let target = match check.type_() {
            Type::COMMAND => Target::Command(check.command.command.as_ref()?.clone()),
            Type::TCP => Target::Tcp(port(check.tcp.as_ref()?.port())?),
            Type::HTTP => Target::Http {
                scheme: "http".to_string(),
                port: port(check.http.as_ref()?.port())?,
                path: check.http.path().to_string(),
            },
            Type::UNKNOWN => return None,
        };
        Some(Self {
            target,
            delay: seconds(check.delay_seconds()),
            interval: seconds(check.interval_seconds()),
            timeout: seconds(check.timeout_seconds()),
        })
    }

    /// Looks again and again, and tells each time, for as long as somebody listens.
    pub(crate) async fn repeat(self, context: Context, tell: impl Fn(Seen) -> bool) {
        sleep(self.delay).await;
        loop {
            let seen = self.look(&context).await;
            if !tell(seen) {
                return;
            }
            sleep(self.interval).await;
        }
    }

    /// Looks once. No time limit is a time limit of 0, as in the original.
    pub(crate) async fn look(&self, context: &Context) -> Seen {
        let limit = if self.timeout.is_zero() {
            Duration::MAX
        } else {
            self.timeout
        };
        let looking = async {
            let host = context.address();
            match &self.target {
                Target::Command(command) if let Some(place) = &context.container => {
                    match place.exec(command).await {
                        Ok(status) => Seen::Exit(status),
                        Err(text) => Seen::Nothing(text),
                    }
                }
                Target::Command(command) => command_status(command, context, limit).await,
                Target::Http { scheme, port, path } if scheme == "http" => {
                    page_status(host, *port, path).await
                }
                Target::Http { scheme, port, path } => curl_status(scheme, host, *port, path).await,
                Target::Tcp(port) => {
                    Seen::Connected(TcpStream::connect((host, *port)).await.is_ok())
                }
            }
        };
        match (&self.target, timeout(limit, looking).await) {
            (_, Ok(seen)) => seen,
            (Target::Tcp(_), Err(_)) => Seen::Connected(false),
            (_, Err(_)) => Seen::Nothing(format!("no answer within {limit:?}")),
        }
    }
}

fn port(number: u32) -> Option<u16> {
    u16::try_from(number).ok()
}

fn seconds(number: f64) -> Duration {
    Duration::try_from_secs_f64(number).unwrap_or_default()
}

/// Runs a command with all of its processes ended in time, so that none outlives its check.
async fn command_status(command: &CommandInfo, context: &Context, limit: Duration) -> Seen {
    if let Some(within) = &context.within {
        return within.status(command).await;
    }
    let (mut child, root) = match start(command, context, false) {
        Ok(started) => started,
        Err(text) => return Seen::Nothing(text),
    };
    // Less than the limit around this, which would leave the processes running.
    let limit = limit.saturating_sub(Duration::from_millis(10));
    let ended = timeout(limit, child.wait()).await;
    tree::signal(&root, Signal::SIGKILL);
    match ended {
        Ok(Ok(status)) => match status.code() {
            Some(code) => Seen::Exit(code),
            None => Seen::Nothing(format!("the command ended with {status}")),
        },
        Ok(Err(error)) => Seen::Nothing(error.to_string()),
        Err(_) => Seen::Nothing("the command took too long".to_string()),
    }
}

/// Asks for a page, and reads no more of the answer than its status.
async fn page_status(host: IpAddr, port: u16, path: &str) -> Seen {
    let asking = async {
        let mut stream = TcpStream::connect((host, port)).await?;
        let path = if path.starts_with('/') {
            path.to_string()
        } else {
            format!("/{path}")
        };
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\nAccept: */*\r\nConnection: close\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).await?;
        let mut line = Vec::new();
        while !line.contains(&b'\n') && line.len() < MAX_STATUS_LINE {
            let mut piece = [0; 256];
            let count = stream.read(&mut piece).await?;
            if count == 0 {
                break;
            }
            line.extend(piece.iter().take(count));
        }
        Ok::<_, std::io::Error>(status_of(&line))
    };
    match asking.await {
        Ok(Some(status)) => Seen::Status(status),
        Ok(None) => Seen::Nothing("the answer is not HTTP".to_string()),
        Err(error) => Seen::Nothing(error.to_string()),
    }
}

fn status_of(line: &[u8]) -> Option<u16> {
    let text = std::str::from_utf8(line.split(|b| *b == b'\r' || *b == b'\n').next()?).ok()?;
    let mut words = text.split(' ');
    words
        .next()
        .filter(|version| version.starts_with("HTTP/"))?;
    words.next()?.parse().ok()
}

/// Asks by `curl`, as the original does, where encryption is needed.
async fn curl_status(scheme: &str, host: IpAddr, port: u16, path: &str) -> Seen {
    let url = format!("{scheme}://{host}:{port}/{}", path.trim_start_matches('/'));
    let output = Command::new("curl")
        .args([
            "-s",
            "-S",
            "-L",
            "-k",
            "-w",
            "%{http_code}",
            "-o",
            "/dev/null",
            "-g",
            "--",
            &url,
        ])
        .kill_on_drop(true)
        .output()
        .await;
    match output {
        Ok(output) if output.status.success() => {
            match String::from_utf8_lossy(&output.stdout).trim().parse() {
                Ok(status) => Seen::Status(status),
                Err(_) => Seen::Nothing("`curl` told no status".to_string()),
            }
        }
        Ok(output) => Seen::Nothing(String::from_utf8_lossy(&output.stderr).trim().to_string()),
        Err(error) => Seen::Nothing(format!("curl: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn probe(target: Target) -> Probe {
        let short = Duration::from_secs(5);
        Probe {
            target,
            delay: Duration::ZERO,
            interval: short,
            timeout: short,
        }
    }

    fn context() -> Context {
        Context {
            variables: Vec::new(),
            directory: "/".into(),
            identity: None,
            within: None,
            container: None,
        }
    }

    #[test]
    fn status_lines_are_read() {
        for (line, want) in [
            (&b"HTTP/1.1 200 OK\r\n"[..], Some(200)),
            (b"HTTP/1.0 302\r\n", Some(302)),
            (b"SSH-2.0\r\n", None),
            (b"", None),
            (b"HTTP/1.1 x\r\n", None),
        ] {
            assert_eq!(status_of(line), want);
        }
    }

    #[tokio::test]
    async fn commands_pages_and_ports_are_looked_at() {
        let mut command = CommandInfo::new();
        command.set_value("exit 3".to_string());
        let seen = probe(Target::Command(command.clone()))
            .look(&context())
            .await;
        assert_eq!((seen.is_healthy(), seen), (false, Seen::Exit(3)));
        command.set_value("sleep 300".to_string());
        let mut slow = probe(Target::Command(command));
        slow.timeout = Duration::from_millis(50);
        assert!(matches!(slow.look(&context()).await, Seen::Nothing(_)));

        let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a port");
        let port = listener.local_addr().expect("bound").port();
        assert_eq!(
            probe(Target::Tcp(port)).look(&context()).await,
            Seen::Connected(true)
        );
        let server = tokio::spawn(async move {
            for answer in ["", "HTTP/1.1 404 Not Found\r\n\r\n"] {
                let (mut stream, _) = listener.accept().await.expect("one");
                stream.write_all(answer.as_bytes()).await.expect("sent");
            }
        });
        let page = Target::Http {
            scheme: "http".into(),
            port,
            path: "x".into(),
        };
        assert_eq!(probe(page).look(&context()).await, Seen::Status(404));
        server.await.expect("served");
        assert_eq!(
            probe(Target::Tcp(port)).look(&context()).await,
            Seen::Connected(false)
        );
    }
}
