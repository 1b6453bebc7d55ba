//! The arguments as clap reads them.

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::profile::Subnet;

/// A whole Apache Aurora / Mesos cluster on one machine, in Docker containers, with one command.
#[derive(Debug, Parser)]
#[command(
    name = "devcluster",
    version,
    max_term_width = 110,
    arg_required_else_help = true
)]
#[command(after_help = "Examples:
  devcluster up                              start ZooKeeper, a Mesos master, 3 agents, an Aurora scheduler and devtools
  devcluster status                          show the nodes, their health and their pages
  devcluster ssh devtools                    a shell in a node; the current folder is /vagrant there
  devcluster ssh devtools -- aurora job list devcluster
  devcluster logs aurora-scheduler -f        what a node prints
  devcluster down                            remove it all

Exit codes: 0 done, 1 the cluster is not what was asked for, 2 bad usage or profile, 3 the engine cannot be reached,
130 interrupted; `ssh` passes the command's code through.")]
pub(super) struct Arguments {
    #[command(flatten)]
    pub(super) common: Common,
    #[command(subcommand)]
    pub(super) verb: Verb,
}

/// What every verb takes.
#[derive(Debug, Args)]
pub(super) struct Common {
    /// The profile: a TOML file, or the name of a built-in one (`default`, `tiny`, `ha`, `docker`). Not given, `devcluster.toml` in the
    /// current folder if there is one, else `default`.
    #[arg(
        long,
        short = 'c',
        global = true,
        value_name = "FILE",
        env = "DEVCLUSTER_PROFILE"
    )]
    pub(super) profile: Option<String>,
    /// The cluster's name, in place of the profile's.
    // A text, since clap would refuse a bad variable even where the flag stands over it.
    #[arg(
        long,
        short = 'n',
        global = true,
        value_name = "NAME",
        env = "DEVCLUSTER_NAME"
    )]
    pub(super) name: Option<String>,
    /// Say nothing but errors and what was asked for.
    #[arg(long, short = 'q', global = true)]
    pub(super) quiet: bool,
    /// Say more: every line of a build, every answer of a node.
    #[arg(long, short = 'v', global = true, conflicts_with = "quiet")]
    pub(super) verbose: bool,
}

#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// Start the cluster, or complete and mend it, and wait until every tier is ready.
    Up(UpArgs),
    /// Show the nodes, their health and their pages.
    Status(StatusArgs),
    /// Open a shell in a node, or run a command there.
    #[command(visible_alias = "exec")]
    Ssh(SshArgs),
    /// Show what a node printed.
    Logs(LogsArgs),
    /// Remove every container, network and volume of the cluster.
    #[command(visible_alias = "destroy")]
    Down(DownArgs),
    /// Show the version.
    Version,
}

#[derive(Debug, Args)]
pub(super) struct UpArgs {
    /// The cluster's network, such as `192.168.40.0/24`, in place of the profile's.
    #[arg(long, value_name = "NETWORK", env = "DEVCLUSTER_SUBNET")]
    pub(super) subnet: Option<Subnet>,
    /// The number of Mesos agents, in place of the profile's.
    #[arg(long, value_name = "N", env = "DEVCLUSTER_AGENTS")]
    pub(super) agents: Option<u16>,
    /// Make nodes anew that are as they should be: with this program and this folder.
    #[arg(long)]
    pub(super) recreate: bool,
    /// How to report: progress on stderr and the nodes on stdout, as text or as JSON.
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub(super) format: Format,
}

#[derive(Debug, Args)]
pub(super) struct StatusArgs {
    /// How to report.
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub(super) format: Format,
}

#[derive(Debug, Args)]
pub(super) struct SshArgs {
    /// The node, such as `mesos-agent-2`; a tier's name is its first node.
    pub(super) node: String,
    /// The command and its arguments; none for a shell.
    #[arg(
        trailing_var_arg = true,
        allow_hyphen_values = true,
        value_name = "CMD"
    )]
    pub(super) command: Vec<String>,
}

#[derive(Debug, Args)]
pub(super) struct LogsArgs {
    /// The node, such as `mesos-agent-2`; a tier's name is its first node.
    pub(super) node: String,
    /// Go on with what it prints from now on.
    #[arg(long, short = 'f')]
    pub(super) follow: bool,
    /// Begin with the last N lines.
    #[arg(long, value_name = "N")]
    pub(super) tail: Option<u32>,
}

#[derive(Debug, Args)]
pub(super) struct DownArgs {
    /// How to report.
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub(super) format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// For people.
    Text,
    /// For programs.
    Json,
}
