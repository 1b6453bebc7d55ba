//! Which network a cluster gets.

use crate::profile::Subnet;

/// Every candidate is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("every network of `192.168.0.0/16` overlaps one of the engine's or a route of this host")]
pub struct NoFreeSubnet;

/// The tutorials' network if nothing has it, else the next free /24 of 192.168.0.0/16, counting up from there and around.
///
/// `taken` are the engine's networks and the host's routes. A default route (`0.0.0.0/0`) takes nothing.
pub fn choose_subnet(taken: &[Subnet]) -> Result<Subnet, NoFreeSubnet> {
    const TUTORIALS: u8 = 33;
    (0..=u8::MAX)
        .map(|step| Subnet::containing([192, 168, TUTORIALS.wrapping_add(step), 0].into(), 24))
        .find(|candidate| {
            !taken
                .iter()
                .any(|other| other.prefix() > 0 && other.overlaps(*candidate))
        })
        .ok_or(NoFreeSubnet)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_free_network_is_found_and_none_is_said() {
        let cases: [(&str, &[&str], Option<&str>); 5] = [
            (
                "all free",
                &["0.0.0.0/0", "172.17.0.0/16"],
                Some("192.168.33.0/24"),
            ),
            ("one taken", &["192.168.33.0/24"], Some("192.168.34.0/24")),
            (
                "a part of one taken",
                &["192.168.33.128/25", "192.168.34.7/32"],
                Some("192.168.35.0/24"),
            ),
            (
                "upper half taken",
                &["192.168.128.0/17", "192.168.64.0/18", "192.168.32.0/19"],
                Some("192.168.0.0/24"),
            ),
            ("all taken", &["192.168.0.0/16"], None),
        ];
        for (name, taken, want) in cases {
            let taken: Vec<Subnet> = taken.iter().map(|text| text.parse().unwrap()).collect();
            assert_eq!(
                choose_subnet(&taken)
                    .ok()
                    .map(|subnet| subnet.to_string())
                    .as_deref(),
                want,
                "case {name}"
            );
        }
    }
}
