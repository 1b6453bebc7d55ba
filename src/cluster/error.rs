//! What can keep a verb from doing what it was asked for.

use std::path::PathBuf;
use std::time::Duration;

use crate::engine::EngineError;
use crate::image::ImageError;
use crate::plan::{NoFreeSubnet, NodeName, PlanError};
use crate::profile::{ClusterName, Subnet};

/// What a node said last.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Evidence {
    /// The last answer to its probe.
    pub last_answer: Option<String>,
    /// The last lines that it printed.
    pub lines: Vec<String>,
}

/// A verb that could not do what it was asked for.
#[derive(Debug, thiserror::Error)]
pub enum ClusterError {
    /// The engine could not do something.
    #[error("cannot {what}")]
    Engine {
        /// What.
        what: String,
        /// Why.
        #[source]
        source: EngineError,
    },
    /// The profile cannot become a plan.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// An image could not be had.
    #[error(transparent)]
    Image(#[from] ImageError),
    /// No network is free.
    #[error(transparent)]
    NoSubnet(#[from] NoFreeSubnet),
    /// The network asked for is somebody else's.
    #[error("network `{subnet}` overlaps {other}")]
    SubnetClash {
        /// The network asked for.
        subnet: Subnet,
        /// Whose it is.
        other: String,
    },
    /// A port of the host that the profile fixes is in use.
    #[error("port {port} of this host, which the profile fixes for `{node}`, is in use")]
    PortTaken {
        /// The port.
        port: u16,
        /// The node.
        node: NodeName,
    },
    /// The profile names a file or folder of the host that is not there.
    #[error("there is no `{}`, which the profile puts at `{target}` of `{node}`", path.display())]
    NoSource {
        /// What is not there.
        path: PathBuf,
        /// Where it should be seen.
        target: String,
        /// In which node.
        node: NodeName,
    },
    /// A container of that name belongs to nobody we know.
    #[error("there is a container `{name}` that is not of cluster `{cluster}`")]
    Stranger {
        /// The container.
        name: String,
        /// The cluster.
        cluster: ClusterName,
    },
    /// A node died while it was awaited.
    #[error("node `{node}` died{with}", with = .exit_code.map(|code| format!(" with exit code {code}")).unwrap_or_default())]
    Died {
        /// Which.
        node: NodeName,
        /// What its first process exited with.
        exit_code: Option<i64>,
        /// What it said last.
        evidence: Evidence,
    },
    /// A node did not become ready in its time.
    #[error("node `{node}` was not ready within {} s", .within.as_secs())]
    NotReady {
        /// Which.
        node: NodeName,
        /// The time it had.
        within: Duration,
        /// What it said last.
        evidence: Evidence,
    },
    /// There is no such cluster.
    #[error("there is no cluster `{0}`")]
    NoCluster(ClusterName),
    /// There is no such node.
    #[error("there is no node `{found}` in cluster `{cluster}`; there are {known}")]
    NoNode {
        /// What was asked for.
        found: String,
        /// The cluster.
        cluster: ClusterName,
        /// The names there are, quoted.
        known: String,
        /// The nearest of them.
        nearest: Option<String>,
    },
    /// The node is there and does not run.
    #[error("node `{node}` does not run: {status}")]
    NotRunning {
        /// Which.
        node: NodeName,
        /// The engine's words for its state.
        status: String,
    },
}

impl ClusterError {
    /// A failed call to the engine, which was to do `what`.
    pub(crate) fn engine(what: impl Into<String>) -> impl FnOnce(EngineError) -> Self {
        let what = what.into();
        move |source| Self::Engine { what, source }
    }

    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Engine { source, .. } => source.hint().map(str::to_owned),
            Self::Plan(error) => error.hint(),
            Self::Image(error) => error.hint(),
            Self::NoSubnet(_) => Some("give a free network of another range with `--subnet` or `network.subnet`".to_owned()),
            Self::SubnetClash { .. } => {
                Some("give another network with `--subnet` or `network.subnet`, or none to have a free one found".to_owned())
            }
            Self::PortTaken { .. } => Some("stop what uses it, or give another port under `ports` in the profile".to_owned()),
            Self::NoSource { .. } => Some("make it, or name another one in the profile (`source` of a `[[mount]]`, `binary` of a tier)".to_owned()),
            Self::Stranger { name, .. } => Some(format!("remove it with `docker rm -f {name}`, or choose another cluster name with `--name`")),
            Self::Died { node, .. } | Self::NotReady { node, .. } => Some(format!(
                "`devcluster logs {node}` shows all it printed, `devcluster up` tries again, `devcluster down` removes what was started"
            )),
            Self::NoCluster(_) => Some("`devcluster up` starts it; `--name` or `--profile` names another".to_owned()),
            Self::NoNode { nearest, .. } => {
                Some(nearest.as_ref().map_or_else(|| "`devcluster status` lists them".to_owned(), |meant| format!("did you mean `{meant}`?")))
            }
            Self::NotRunning { node, .. } => Some(format!("`devcluster logs {node}` shows what it printed, `devcluster up` starts it")),
        }
    }

    /// What the node at fault said last.
    pub fn evidence(&self) -> Option<&Evidence> {
        match self {
            Self::Died { evidence, .. } | Self::NotReady { evidence, .. } => Some(evidence),
            _ => None,
        }
    }

    /// The engine's failure at the bottom of this, if there is one.
    pub fn engine_error(&self) -> Option<&EngineError> {
        match self {
            Self::Engine { source, .. } | Self::Image(ImageError::Engine { source, .. }) => {
                Some(source)
            }
            _ => None,
        }
    }
}
