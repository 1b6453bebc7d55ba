//! Every flag of the master, in the order of flags.md §2. A flag that changes nothing here (because
//! it is about C++ modules, say) is taken and shown all the same, so that command lines carry over.

use mesos_wire::flags::Kind::{Bool, Duration, Integer, Number, Text};
use mesos_wire::flags::{Flag, flag};

const fn alias(flag: Flag, name: &'static str) -> Flag {
    Flag {
        alias: Some(name),
        ..flag
    }
}

/// What `mesos-master` takes.
pub const FLAGS: &[Flag] = &[
    flag("ip", Text, None, "IPv4 address to listen on"),
    flag("port", Integer, Some("5050"), "Port to listen on"),
    flag(
        "advertise_ip",
        Text,
        None,
        "IPv4 address by which others reach this master",
    ),
    flag(
        "advertise_port",
        Integer,
        None,
        "Port by which others reach this master",
    ),
    flag("hostname", Text, None, "Host name to advertise"),
    flag(
        "hostname_lookup",
        Bool,
        Some("true"),
        "Look the advertised host name up, else use the address",
    ),
    flag(
        "ip_discovery_command",
        Text,
        None,
        "Program that prints the address to listen on",
    ),
    flag(
        "zk",
        Text,
        None,
        "ZooKeeper URL for the election: zk://host:port,…/path",
    ),
    flag(
        "zk_session_timeout",
        Duration,
        Some("10secs"),
        "Session timeout with ZooKeeper",
    ),
    flag(
        "quorum",
        Integer,
        None,
        "Majority of the masters, for the replicated registry",
    ),
    flag("work_dir", Text, None, "Directory for the registry"),
    flag(
        "registry",
        Text,
        Some("replicated_log"),
        "Kind of registry: replicated_log or in_memory",
    ),
    flag(
        "registry_fetch_timeout",
        Duration,
        Some("1mins"),
        "How long reading the registry may take",
    ),
    flag(
        "registry_store_timeout",
        Duration,
        Some("20secs"),
        "How long writing the registry may take",
    ),
    flag(
        "registry_strict",
        Bool,
        Some("false"),
        "Accept only agents that the registry knows",
    ),
    flag(
        "registry_gc_interval",
        Duration,
        Some("15mins"),
        "How often old agents are forgotten",
    ),
    flag(
        "registry_max_agent_age",
        Duration,
        Some("2weeks"),
        "How long lost agents are remembered",
    ),
    flag(
        "registry_max_agent_count",
        Integer,
        Some("102400"),
        "How many lost agents are remembered",
    ),
    flag(
        "log_auto_initialize",
        Bool,
        Some("true"),
        "Initialise the registry's log when it is empty",
    ),
    flag("cluster", Text, None, "Name of the cluster, for people"),
    flag(
        "root_submissions",
        Bool,
        Some("true"),
        "Allow frameworks that run as root",
    ),
    flag(
        "roles",
        Text,
        None,
        "The only roles that frameworks may have, separated by commas",
    ),
    flag("weights", Text, None, "Shares of roles: role=weight,…"),
    flag(
        "offer_timeout",
        Duration,
        None,
        "How long an offer may stay unanswered",
    ),
    flag(
        "allocation_interval",
        Duration,
        Some("1secs"),
        "Time between allocation runs",
    ),
    flag(
        "allocator",
        Text,
        Some("hierarchical"),
        "Name of the allocator",
    ),
    flag(
        "role_sorter",
        Text,
        Some("drf"),
        "How roles are put in order",
    ),
    flag(
        "framework_sorter",
        Text,
        Some("drf"),
        "How the frameworks of a role are put in order",
    ),
    flag(
        "min_allocatable_resources",
        Text,
        Some("cpus:0.01|mem:32"),
        "Least resources worth an offer",
    ),
    flag(
        "filter_gpu_resources",
        Bool,
        Some("true"),
        "Keep agents with GPUs for frameworks that know GPUs",
    ),
    flag(
        "fair_sharing_excluded_resource_names",
        Text,
        None,
        "Resources that count in no share",
    ),
    flag(
        "allocator_agent_recovery_factor",
        Number,
        Some("0.8"),
        "Share of agents to wait for after a failover",
    ),
    flag(
        "allocator_recovery_timeout",
        Duration,
        Some("10mins"),
        "How long to wait for them",
    ),
    alias(
        flag(
            "agent_ping_timeout",
            Duration,
            Some("15secs"),
            "Time between pings of an agent",
        ),
        "slave_ping_timeout",
    ),
    alias(
        flag(
            "max_agent_ping_timeouts",
            Integer,
            Some("5"),
            "Unanswered pings that make an agent unreachable",
        ),
        "max_slave_ping_timeouts",
    ),
    alias(
        flag(
            "agent_reregister_timeout",
            Duration,
            Some("10mins"),
            "How long a disconnected agent may take to come back",
        ),
        "slave_reregister_timeout",
    ),
    alias(
        flag(
            "recovery_agent_removal_limit",
            Text,
            Some("100%"),
            "Share of agents that may be lost after a failover",
        ),
        "recovery_slave_removal_limit",
    ),
    alias(
        flag(
            "agent_removal_rate_limit",
            Text,
            None,
            "Most agents to lose in a time: 1/10mins",
        ),
        "slave_removal_rate_limit",
    ),
    flag(
        "max_completed_frameworks",
        Integer,
        Some("50"),
        "Ended frameworks to remember",
    ),
    flag(
        "max_completed_tasks_per_framework",
        Integer,
        Some("1000"),
        "Ended tasks of a framework to remember",
    ),
    flag(
        "max_unreachable_tasks_per_framework",
        Integer,
        Some("1000"),
        "Unreachable tasks of a framework to remember",
    ),
    flag(
        "max_operator_event_stream_subscribers",
        Integer,
        Some("1000"),
        "Event streams for operators at one time",
    ),
    flag(
        "publish_per_framework_metrics",
        Bool,
        Some("true"),
        "Publish metrics of each framework",
    ),
    flag(
        "whitelist",
        Text,
        None,
        "File of the agents to make offers of",
    ),
    alias(
        flag(
            "authenticate_frameworks",
            Bool,
            Some("false"),
            "Accept authenticated frameworks alone",
        ),
        "authenticate",
    ),
    alias(
        flag(
            "authenticate_agents",
            Bool,
            Some("false"),
            "Accept authenticated agents alone",
        ),
        "authenticate_slaves",
    ),
    flag(
        "authenticate_http_readonly",
        Bool,
        Some("false"),
        "Authenticate requests that read",
    ),
    alias(
        flag(
            "authenticate_http_readwrite",
            Bool,
            Some("false"),
            "Authenticate requests that change something",
        ),
        "authenticate_http",
    ),
    flag(
        "authenticate_http_frameworks",
        Bool,
        Some("false"),
        "Authenticate HTTP frameworks",
    ),
    flag(
        "http_framework_authenticators",
        Text,
        None,
        "Authenticators of HTTP frameworks",
    ),
    flag("credentials", Text, None, "File of credentials, in JSON"),
    flag(
        "authenticators",
        Text,
        Some("crammd5"),
        "Authenticators of frameworks and agents",
    ),
    flag(
        "http_authenticators",
        Text,
        Some("basic"),
        "Authenticators of HTTP requests",
    ),
    flag("authorizers", Text, Some("local"), "Authorizers"),
    flag(
        "authentication_v0_timeout",
        Duration,
        Some("15secs"),
        "How long an authentication may take",
    ),
    flag(
        "acls",
        Text,
        None,
        "Who may do what: access control lists in JSON, or `file:///path` of such",
    ),
    flag(
        "firewall_rules",
        Text,
        None,
        "Endpoints that are closed, in JSON",
    ),
    flag(
        "rate_limits",
        Text,
        None,
        "How many messages a second each principal's drivers may send, in JSON or `file:///path` of such",
    ),
    flag(
        "domain",
        Text,
        None,
        "Region and zone of this master, in JSON",
    ),
    flag(
        "require_agent_domain",
        Bool,
        Some("false"),
        "Accept agents with a region alone",
    ),
    flag(
        "webui_dir",
        Text,
        Some("/usr/share/mesos/webui"),
        "Directory of the web pages; those of this master are built in",
    ),
    flag("modules", Text, None, "Modules to load, in JSON"),
    flag("modules_dir", Text, None, "Directory of modules to load"),
    flag("hooks", Text, None, "Hook modules to load"),
    flag(
        "max_executors_per_agent",
        Integer,
        None,
        "Most executors on one agent",
    ),
    flag(
        "offer_constraints_re2_max_mem",
        Text,
        Some("4KB"),
        "Most memory for a regular expression in an offer constraint",
    ),
    flag(
        "offer_constraints_re2_max_program_size",
        Integer,
        Some("100"),
        "Most steps in such an expression",
    ),
    flag("memory_profiling", Bool, Some("false"), "Profile memory"),
    flag("log_dir", Text, None, "Directory for log files"),
    alias(
        flag(
            "logging_level",
            Text,
            Some("INFO"),
            "Least level to log: INFO, WARNING or ERROR, or DEBUG for more",
        ),
        "log_level",
    ),
    flag(
        "quiet",
        Bool,
        Some("false"),
        "Log nothing to standard error",
    ),
    flag(
        "logbufsecs",
        Integer,
        Some("0"),
        "Seconds to keep log lines before they are written",
    ),
    flag(
        "external_log_file",
        Text,
        None,
        "File that the log is written to by others",
    ),
    flag(
        "initialize_driver_logging",
        Bool,
        Some("true"),
        "Initialise the logging of drivers",
    ),
];
