//! An IPv4 network in CIDR notation.

use std::fmt;
use std::net::Ipv4Addr;
use std::str::FromStr;

use serde::{Serialize, Serializer};

/// An IPv4 network: its first address and the length of its prefix. The bits behind the prefix are always zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Subnet {
    first: u32,
    prefix: u8,
}

/// Why a text is no network.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SubnetError {
    /// It is not of the form `a.b.c.d/n`.
    #[error("`{0}` is not a network; allowed is an IPv4 network such as `192.168.33.0/24`")]
    Form(String),
    /// It names a host inside a network.
    #[error("`{found}` has bits behind its prefix; the network itself is `{network}`")]
    HostBits {
        /// What was given.
        found: String,
        /// The network that the given address lies in.
        network: Subnet,
    },
}

impl Subnet {
    /// The network that an address lies in; a prefix longer than 32 counts as 32.
    pub fn containing(address: Ipv4Addr, prefix: u8) -> Self {
        let prefix = prefix.min(32);
        Self {
            first: u32::from(address) & mask(prefix),
            prefix,
        }
    }

    /// The length of the prefix, 0 to 32.
    pub fn prefix(self) -> u8 {
        self.prefix
    }

    /// The address `offset` behind the first, if the network reaches that far.
    pub fn host(self, offset: u32) -> Option<Ipv4Addr> {
        if offset & mask(self.prefix) == 0 {
            Some(Ipv4Addr::from(self.first | offset))
        } else {
            None
        }
    }

    /// Whether the two have an address in common.
    pub fn overlaps(self, other: Subnet) -> bool {
        let shared = mask(self.prefix.min(other.prefix));
        self.first & shared == other.first & shared
    }
}

fn mask(prefix: u8) -> u32 {
    u32::MAX
        .checked_shl(32 - u32::from(prefix.min(32)))
        .unwrap_or(0)
}

impl fmt::Display for Subnet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", Ipv4Addr::from(self.first), self.prefix)
    }
}

impl Serialize for Subnet {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl FromStr for Subnet {
    type Err = SubnetError;

    fn from_str(text: &str) -> Result<Self, SubnetError> {
        let form = || SubnetError::Form(text.to_owned());
        let (address, prefix) = text.split_once('/').ok_or_else(form)?;
        let address: Ipv4Addr = address.parse().map_err(|_| form())?;
        let prefix: u8 = prefix.parse().map_err(|_| form())?;
        if prefix > 32 {
            return Err(form());
        }
        let network = Self::containing(address, prefix);
        if network.first == u32::from(address) {
            Ok(network)
        } else {
            Err(SubnetError::HostBits {
                found: text.to_owned(),
                network,
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subnet(text: &str) -> Subnet {
        text.parse().unwrap()
    }

    #[test]
    fn networks_overlap_when_one_holds_the_other() {
        let cases = [
            ("192.168.33.0/24", "192.168.33.0/24", true),
            ("192.168.0.0/16", "192.168.33.0/24", true),
            ("192.168.34.0/24", "192.168.33.0/24", false),
            ("0.0.0.0/0", "10.0.0.0/8", true),
            ("10.0.0.4/30", "10.0.0.0/30", false),
        ];
        for (one, other, want) in cases {
            assert_eq!(
                subnet(one).overlaps(subnet(other)),
                want,
                "case {one} {other}"
            );
            assert_eq!(
                subnet(other).overlaps(subnet(one)),
                want,
                "case {other} {one}"
            );
        }
    }

    #[test]
    fn a_host_address_is_refused_and_its_network_named() {
        let error = "192.168.33.7/24".parse::<Subnet>().unwrap_err();
        assert!(error.to_string().contains("192.168.33.0/24"), "{error}");
        for bad in ["", "192.168.33.0", "192.168.33.0/33", "x/24", "1.2.3/24"] {
            assert!(bad.parse::<Subnet>().is_err(), "case `{bad}`");
        }
    }

    #[test]
    fn hosts_end_where_the_network_ends() {
        assert_eq!(
            subnet("192.168.33.0/24").host(7),
            Some(Ipv4Addr::new(192, 168, 33, 7))
        );
        assert_eq!(subnet("192.168.33.0/24").host(256), None);
        assert_eq!(
            subnet("10.0.0.0/16").host(256),
            Some(Ipv4Addr::new(10, 0, 1, 0))
        );
    }
}
