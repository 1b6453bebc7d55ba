//! Where this agent is as the engine sees it: the engine mounts paths of its own host, so that an agent in
//! a container has to say where on the host its folders are.

use std::path::{Path, PathBuf};

use thiserror::Error;

/// A folder of the agent that the engine cannot mount.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "'{path}' is not on a volume of the agent's own container, so that the engine cannot mount it; these are: {known}"
)]
pub struct NotOnVolume {
    path: String,
    known: String,
}

/// The container that the agent itself runs in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Own {
    /// Its id.
    pub id: String,
    /// Where volumes and folders of the host are: inside, and on the host.
    pub mounts: Vec<(PathBuf, PathBuf)>,
    /// The network that others reach it in; `None` if it has the host's.
    pub network: Option<String>,
}

/// The agent's place beside the engine.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Host {
    /// The agent's own container; `None` for an agent whose paths are the engine's.
    pub own: Option<Own>,
}

impl Host {
    /// Where a path of the agent is on the engine's host.
    pub fn translated(&self, path: &Path) -> Result<PathBuf, NotOnVolume> {
        let Some(own) = &self.own else {
            return Ok(path.to_path_buf());
        };
        let nearest = own
            .mounts
            .iter()
            .filter_map(|(inside, outside)| {
                Some((inside, outside, path.strip_prefix(inside).ok()?))
            })
            .max_by_key(|(inside, _, _)| inside.components().count());
        match nearest {
            Some((_, outside, rest)) if rest.as_os_str().is_empty() => Ok(outside.clone()),
            Some((_, outside, rest)) => Ok(outside.join(rest)),
            None => {
                let known: Vec<_> = own
                    .mounts
                    .iter()
                    .map(|(inside, _)| format!("'{}'", inside.display()))
                    .collect();
                let known = if known.is_empty() {
                    "none".to_string()
                } else {
                    known.join(", ")
                };
                Err(NotOnVolume {
                    path: path.display().to_string(),
                    known,
                })
            }
        }
    }

    /// The network of the agent's own container, which tasks share where they ask for the host's.
    pub fn network(&self) -> Option<(&str, &str)> {
        let own = self.own.as_ref()?;
        Some((own.id.as_str(), own.network.as_deref()?))
    }
}

/// The id of the container that a process is in, read from its mounts: the engine puts `resolv.conf`,
/// `hostname` and `hosts` there from a folder with the container's name.
pub fn own_id(mount_info: &str) -> Option<String> {
    mount_info.lines().find_map(|line| {
        let mut fields = line.split(' ');
        let root = fields.nth(3)?;
        let target = fields.next()?;
        if !matches!(target, "/etc/resolv.conf" | "/etc/hostname" | "/etc/hosts") {
            return None;
        }
        root.split('/')
            .find(|part| part.len() == 64 && part.bytes().all(|b| b.is_ascii_hexdigit()))
            .map(ToString::to_string)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_container_knows_itself_by_what_the_engine_mounts_into_it() {
        let id = "3f".repeat(32);
        let info = format!(
            "612 610 0:21 / /sys ro,nosuid - sysfs sysfs ro\n\
             655 601 8:1 /var/lib/docker/containers/{id}/resolv.conf /etc/resolv.conf rw - ext4 /dev/sda1 rw\n"
        );
        assert_eq!(own_id(&info), Some(id));
        assert_eq!(own_id("25 1 8:1 / / rw - ext4 /dev/sda1 rw\n"), None);
    }

    #[test]
    fn a_path_is_translated_by_the_nearest_mount() {
        let mounts = vec![
            ("/".into(), "/host".into()),
            ("/var/lib/mesos".into(), "/docker/volumes/v/_data".into()),
        ];
        let own = Own {
            id: "x".into(),
            mounts,
            network: None,
        };
        let mut host = Host { own: Some(own) };
        let at = |host: &Host, path: &str| {
            host.translated(Path::new(path))
                .map(|p| p.display().to_string())
        };
        assert_eq!(
            at(&host, "/var/lib/mesos/a").unwrap(),
            "/docker/volumes/v/_data/a"
        );
        assert_eq!(
            at(&host, "/var/lib/mesos").unwrap(),
            "/docker/volumes/v/_data"
        );
        assert_eq!(at(&host, "/var/lib").unwrap(), "/host/var/lib");
        host.own.as_mut().unwrap().mounts.remove(0);
        let error = at(&host, "/var/lib/mesosphere").unwrap_err().to_string();
        assert!(
            error.contains("'/var/lib/mesosphere'") && error.contains("'/var/lib/mesos'"),
            "{error}"
        );
        assert_eq!(at(&Host::default(), "/x").unwrap(), "/x");
    }
}
