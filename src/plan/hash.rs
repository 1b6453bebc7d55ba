//! When a node must be made anew.

use serde_json::json;
use sha2::{Digest, Sha256};

use super::{HostPort, NodePlan};

/// A digest of everything that makes a running node differ from the planned one.
///
/// Left out on purpose: where the working folder lies and what is in the product binary, since changing those must not
/// replace running nodes; preferred host ports, since the node itself holds them by then; hosts files, since the engine's
/// DNS knows every newcomer.
pub(super) fn of(node: &NodePlan) -> String {
    let fixed: Vec<_> = node
        .ports
        .iter()
        .map(|port| match port.host {
            HostPort::Fixed(host) => json!([port.container, host]),
            HostPort::Preferred(_) | HostPort::Any => json!([port.container]),
        })
        .collect();
    let binds: Vec<_> = node
        .binds
        .iter()
        .map(|bind| json!([bind.target, bind.read_only]))
        .collect();
    let spec = json!({
        "name": node.name,
        "address": node.address,
        "image": node.image,
        "entrypoint": node.entrypoint,
        "command": node.command,
        "env": node.env,
        "aliases": node.aliases,
        "ports": fixed,
        "binds": binds,
        "volumes": node.volumes,
        "files": node.files,
        "cpus": node.cpus,
        "memory": node.memory,
    });
    hex(&Sha256::digest(spec.to_string().as_bytes()), 12)
}

/// The first `digits` hexadecimal digits of a digest.
fn hex(digest: &[u8], digits: usize) -> String {
    digest
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect::<String>()
        .chars()
        .take(digits)
        .collect()
}
