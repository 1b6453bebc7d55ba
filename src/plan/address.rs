//! Which address a node has: fixed by its tier and number, so that it never changes.

use std::net::Ipv4Addr;

use crate::profile::{Subnet, Tier};

/// A node whose number lies beyond the addresses of its tier.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no address for `{tier}-{index}` in `{subnet}`: the tier has {room} addresses")]
pub struct AddressError {
    tier: String,
    index: u16,
    subnet: Subnet,
    room: u16,
}

/// The bridge's own address, which is the host as the nodes see it.
pub(super) fn gateway(subnet: Subnet) -> Option<Ipv4Addr> {
    subnet.host(1)
}

/// Where the addresses of containers that are no nodes come from, such as those of tasks: none is a node's, but those of
/// agents from the 119th on. None in a network that does not reach that far.
pub(super) fn for_others(subnet: Subnet) -> Option<Subnet> {
    const FIRST: u32 = 128;
    const PREFIX: u8 = 26;
    Some(Subnet::containing(subnet.host(FIRST)?, PREFIX))
}

/// The address of a tier's node; nodes count from 1, services are told apart by their place in the profile.
///
/// The tutorials' numbers come first: ZooKeeper .2, master .3, scheduler .7, agents from .10; all others lie from .200.
pub(super) fn of(
    subnet: Subnet,
    tier: &Tier,
    index: u16,
    service: u16,
) -> Result<Ipv4Addr, AddressError> {
    let (first, others, room) = match tier {
        Tier::Zookeeper => (2, 205, 5),
        Tier::MesosMaster => (3, 210, 7),
        Tier::AuroraScheduler => (7, 220, 5),
        Tier::MesosAgent => (10, 11, 190),
        Tier::Devtools => (200, 201, 1),
        Tier::Service(_) => (230 + u32::from(service), 0, 1),
    };
    let fault = || AddressError {
        tier: tier.name().to_owned(),
        index,
        subnet,
        room,
    };
    if index == 0 || index > room || service > 20 {
        return Err(fault());
    }
    let offset = if index == 1 {
        first
    } else {
        others + u32::from(index) - 2
    };
    subnet.host(offset).ok_or_else(fault)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn the_tutorials_find_their_addresses() {
        let subnet: Subnet = "192.168.33.0/24".parse().unwrap();
        let cases = [
            (Tier::Zookeeper, 1, 2),
            (Tier::Zookeeper, 2, 205),
            (Tier::MesosMaster, 1, 3),
            (Tier::AuroraScheduler, 1, 7),
            (Tier::MesosAgent, 1, 10),
            (Tier::MesosAgent, 3, 12),
            (Tier::MesosAgent, 190, 199),
            (Tier::Devtools, 1, 200),
        ];
        for (tier, index, last) in cases {
            assert_eq!(
                of(subnet, &tier, index, 0),
                Ok(Ipv4Addr::new(192, 168, 33, last)),
                "case {tier}-{index}"
            );
        }
        assert!(of(subnet, &Tier::MesosAgent, 191, 0).is_err());
        assert!(of(subnet, &Tier::Devtools, 2, 0).is_err());
    }

    #[test]
    fn tasks_take_no_addresses_of_the_usual_nodes() {
        let subnet: Subnet = "192.168.33.0/24".parse().unwrap();
        let range = for_others(subnet).unwrap();
        assert_eq!(range.to_string(), "192.168.33.128/26");
        for tier in Tier::BUILT_IN {
            let most = if tier == Tier::MesosAgent {
                118
            } else {
                u16::MAX
            };
            for index in 1..=most {
                let Ok(address) = of(subnet, &tier, index, 0) else {
                    break;
                };
                assert!(
                    !range.overlaps(Subnet::containing(address, 32)),
                    "{tier}-{index}"
                );
            }
        }
        assert_eq!(for_others("10.0.0.0/26".parse().unwrap()), None);
    }

    #[test]
    fn no_two_nodes_share_an_address() {
        let subnet: Subnet = "10.1.0.0/16".parse().unwrap();
        let mut seen = HashSet::from([gateway(subnet).unwrap()]);
        for tier in Tier::BUILT_IN {
            for index in 1.. {
                let Ok(address) = of(subnet, &tier, index, 0) else {
                    break;
                };
                assert!(seen.insert(address), "{tier}-{index} has {address} twice");
            }
        }
        for service in 0..20 {
            let address = of(subnet, &Tier::Service("s".to_owned()), 1, service).unwrap();
            assert!(
                seen.insert(address),
                "service {service} has {address} twice"
            );
        }
    }
}
