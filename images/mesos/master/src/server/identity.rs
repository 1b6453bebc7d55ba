//! Who this master is: its id, addresses and host name.

use std::net::{Ipv4Addr, SocketAddrV4, ToSocketAddrs as _};

use mesos_proto::mesos::master_info::{Capability, capability::Type};
use mesos_proto::mesos::{Address, DomainInfo, MasterInfo};
use mesos_wire::json::{Dialect, from_slice};
use protobuf::MessageField;

use crate::flags::Settings;
use crate::view::VERSION;

/// The description that agents, frameworks and ZooKeeper are given.
pub(super) fn describe(settings: &Settings, address: SocketAddrV4) -> MasterInfo {
    let hostname = settings.hostname.clone().unwrap_or_else(|| {
        if settings.flags.is_on("hostname_lookup") {
            hostname_of(*address.ip())
        } else {
            address.ip().to_string()
        }
    });
    let mut info = MasterInfo::new();
    info.set_id(uuid::Uuid::new_v4().to_string());
    // In network order as memory holds it (messages.md, "MasterInfo.ip").
    info.set_ip(u32::from_ne_bytes(address.ip().octets()));
    info.set_port(address.port().into());
    info.set_pid(format!("master@{address}"));
    info.set_hostname(hostname.clone());
    info.set_version(VERSION.to_string());
    let mut own = Address::new();
    own.set_hostname(hostname);
    own.set_ip(address.ip().to_string());
    own.set_port(address.port().into());
    info.address = MessageField::some(own);
    info.capabilities = [Type::AGENT_UPDATE, Type::AGENT_DRAINING, Type::QUOTA_V2]
        .map(|kind| {
            let mut capability = Capability::new();
            capability.set_type(kind);
            capability
        })
        .to_vec();
    if let Some(text) = settings.flags.text("domain") {
        match from_slice::<DomainInfo>(text.as_bytes(), Dialect::V0) {
            Ok(domain) => info.domain = MessageField::some(domain),
            Err(error) => tracing::warn!("ignoring `--domain`: {error}"),
        }
    }
    info
}

/// The name of an address: the hosts file's, or this host's own if that has the address, or the
/// address itself. There is no other resolver of addresses without C's.
fn hostname_of(ip: Ipv4Addr) -> String {
    let hosts = std::fs::read_to_string("/etc/hosts").unwrap_or_default();
    if let Some(name) = name_in_hosts(&hosts, ip) {
        return name;
    }
    let own = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let own = own.trim();
    let mut addresses = (own, 0).to_socket_addrs().into_iter().flatten();
    if !own.is_empty() && addresses.any(|address| address.ip() == ip) {
        return own.to_string();
    }
    ip.to_string()
}

fn name_in_hosts(hosts: &str, ip: Ipv4Addr) -> Option<String> {
    hosts.lines().find_map(|line| {
        let mut words = line.split('#').next()?.split_whitespace();
        let is_it = words.next()?.parse() == Ok(ip);
        words.next().filter(|_| is_it).map(str::to_string)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hosts_file_names_addresses() {
        let hosts = "127.0.0.1 localhost # self\n# 10.0.0.1 no\n10.0.0.1\tm1 m1.example\n";
        assert_eq!(
            name_in_hosts(hosts, Ipv4Addr::LOCALHOST).as_deref(),
            Some("localhost")
        );
        assert_eq!(
            name_in_hosts(hosts, Ipv4Addr::new(10, 0, 0, 1)).as_deref(),
            Some("m1")
        );
        assert_eq!(name_in_hosts(hosts, Ipv4Addr::new(10, 0, 0, 2)), None);
    }
}
