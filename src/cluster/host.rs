//! What the host says of itself: its routes, and which of its ports are free.

use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::profile::Subnet;

/// The host, or a test's idea of one.
#[derive(Clone)]
pub struct Host {
    /// The networks that the host has routes to.
    pub routes: Arc<dyn Fn() -> Vec<Subnet> + Send + Sync>,
    /// Whether nothing listens on a port of the loopback address.
    pub port_is_free: Arc<dyn Fn(u16) -> bool + Send + Sync>,
    /// Whether there is a file or folder of this path.
    pub path_exists: Arc<dyn Fn(&Path) -> bool + Send + Sync>,
    /// The folder that relative paths start from.
    pub folder: PathBuf,
}

impl Host {
    /// This machine.
    pub fn real() -> Self {
        Self {
            routes: Arc::new(|| {
                read_routes(&std::fs::read_to_string("/proc/net/route").unwrap_or_default())
            }),
            port_is_free: Arc::new(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()),
            path_exists: Arc::new(Path::exists),
            folder: std::env::current_dir().unwrap_or_else(|_| PathBuf::from("/")),
        }
    }
}

/// The destinations in the kernel's table of IPv4 routes (proc(5), `/proc/net/route`): little-endian hexadecimal.
fn read_routes(table: &str) -> Vec<Subnet> {
    let number = |text: &str| u32::from_str_radix(text, 16).ok().map(u32::swap_bytes);
    table
        .lines()
        .skip(1)
        .filter_map(|line| {
            let columns: Vec<&str> = line.split_whitespace().collect();
            let destination = number(columns.get(1)?)?;
            let mask = number(columns.get(7)?)?;
            let prefix = u8::try_from(mask.leading_ones()).ok()?;
            Some(Subnet::containing(Ipv4Addr::from(destination), prefix))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn routes_are_read_from_the_kernels_table() {
        let table = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n\
                     eth0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\n\
                     docker0\t000011AC\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0\n\
                     br-1\t0021A8C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n\
                     broken\n";
        let routes: Vec<String> = read_routes(table).iter().map(ToString::to_string).collect();
        assert_eq!(routes, ["0.0.0.0/0", "172.17.0.0/16", "192.168.33.0/24"]);
    }
}
