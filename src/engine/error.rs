//! What can go wrong with an engine, sorted by what a user can do about it.

/// A failed call to the engine.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct EngineError {
    /// What sort of failure.
    pub kind: Kind,
    /// What the engine, or the way to it, said.
    pub message: String,
}

/// Sorts of failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Nothing listens where the engine should.
    Unreachable,
    /// The socket is there and may not be used.
    Forbidden,
    /// `DOCKER_HOST` names a way to the engine that is not supported.
    Address,
    /// The engine speaks only older versions of its API.
    TooOld,
    /// What was asked for is not there.
    NotFound,
    /// A name is taken, or the thing is in use or busy.
    Conflict,
    /// A port of the host is taken.
    PortTaken,
    /// An address or a network overlaps another.
    SubnetTaken,
    /// The engine's disk is full.
    DiskFull,
    /// A folder of the host that was to be mounted cannot be.
    Mount,
    /// An image could not be built.
    Build,
    /// An image could not be fetched.
    Pull,
    /// Anything else that the engine said.
    Other,
}

impl EngineError {
    /// A failure of that sort.
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
        }
    }

    /// Whether the engine itself cannot be used at all.
    pub fn is_unusable(&self) -> bool {
        matches!(
            self.kind,
            Kind::Unreachable | Kind::Forbidden | Kind::Address | Kind::TooOld
        )
    }

    /// What to do about it.
    pub fn hint(&self) -> Option<&'static str> {
        match self.kind {
            Kind::Unreachable => Some(
                "start Docker (`sudo systemctl start docker`), or set `DOCKER_HOST` to where it listens",
            ),
            Kind::Forbidden => Some(
                "join the group `docker` (`sudo usermod -aG docker $USER`, then log in anew), or run as root",
            ),
            Kind::Address => Some("set `DOCKER_HOST` to `unix:///path` or `tcp://host:port`"),
            Kind::TooOld => Some("install Docker 20.10 or newer"),
            Kind::PortTaken => {
                Some("stop what uses that port, or give another one under `ports` in the profile")
            }
            Kind::SubnetTaken => Some(
                "give a free network with `--subnet` or `network.subnet`, or none to have one found",
            ),
            Kind::DiskFull => Some(
                "free space where Docker keeps its data (`docker system df` shows it, `docker system prune` frees it)",
            ),
            Kind::Conflict => Some(
                "see whether another `devcluster` is at work on this cluster, then run the command again",
            ),
            Kind::Mount => Some(
                "run from a folder that the engine may mount, or name one under `[[mount]]` in the profile",
            ),
            Kind::Build => Some("run again with `-v` to see every line of the build"),
            Kind::Pull => Some("check the image's name and the way to its registry"),
            Kind::Other => Some("the engine's own log (`journalctl -u docker`) may say more"),
            Kind::NotFound => None,
        }
    }

    /// The sort of a failure that the engine answered with a status and a message.
    pub(super) fn answered(status: u16, message: &str) -> Self {
        let has = |text: &str| message.contains(text);
        let kind = if has("no space left on device") || has("No space left on device") {
            Kind::DiskFull
        } else if has("port is already allocated")
            || has("address already in use") && !has("Address already in use by container")
        {
            Kind::PortTaken
        } else if has("Pool overlaps")
            || has("overlaps with other one")
            || has("already in use by container") && has("ddress")
        {
            Kind::SubnetTaken
        } else if has("error while mounting")
            || has("bind source path does not exist")
            || has("mounts denied")
        {
            Kind::Mount
        } else if has("client version") && has("too new") || has("is too old") {
            Kind::TooOld
        } else {
            match status {
                404 => Kind::NotFound,
                409 => Kind::Conflict,
                403 => Kind::Forbidden,
                _ => Kind::Other,
            }
        };
        Self::new(kind, message.trim())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_sorted_by_what_can_be_done() {
        let cases = [
            (
                500,
                "driver failed programming external connectivity on endpoint x: Bind for 127.0.0.1:5050 failed: port is already allocated",
                Kind::PortTaken,
            ),
            (
                500,
                "listen tcp4 127.0.0.1:5050: bind: address already in use",
                Kind::PortTaken,
            ),
            (
                403,
                "Pool overlaps with other one on this address space",
                Kind::SubnetTaken,
            ),
            (
                500,
                "mkdir /var/lib/docker/x: no space left on device",
                Kind::DiskFull,
            ),
            (404, "No such container: x", Kind::NotFound),
            (
                409,
                "Conflict. The container name \"/x\" is already in use by container \"y\".",
                Kind::Conflict,
            ),
            (
                400,
                "client version 1.60 is too new. Maximum supported API version is 1.41",
                Kind::TooOld,
            ),
            (500, "anything", Kind::Other),
        ];
        for (status, message, want) in cases {
            assert_eq!(
                EngineError::answered(status, message).kind,
                want,
                "case `{message}`"
            );
        }
    }
}
