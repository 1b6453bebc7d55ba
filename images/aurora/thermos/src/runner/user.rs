//! The user that a task's processes run as.

use std::ffi::CString;
use std::io;

use nix::unistd::{Gid, Uid, setgid, setuid};
use serde::{Deserialize, Serialize};

/// A user, with what is needed to become it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct User {
    pub(crate) name: String,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
}

impl User {
    /// The user of this name; `None` where there is none.
    pub(crate) fn named(name: &str) -> Option<Self> {
        nix::unistd::User::from_name(name).ok().flatten().map(Self::from)
    }

    /// The user that this process runs as. One without an entry is called by its number.
    pub(crate) fn current() -> Self {
        let uid = Uid::effective();
        nix::unistd::User::from_uid(uid).ok().flatten().map_or_else(
            || Self {
                name: uid.to_string(),
                uid: uid.as_raw(),
                gid: Gid::effective().as_raw(),
            },
            Self::from,
        )
    }

    /// Makes this process run as the user, with its supplementary groups. Nothing to do where it
    /// does already.
    pub(crate) fn become_it(&self) -> io::Result<()> {
        if Uid::effective().as_raw() == self.uid {
            return Ok(());
        }
        let name = CString::new(self.name.as_str())?;
        let gid = Gid::from_raw(self.gid);
        nix::unistd::initgroups(&name, gid)?;
        setgid(gid)?;
        setuid(Uid::from_raw(self.uid))?;
        Ok(())
    }
}

impl From<nix::unistd::User> for User {
    fn from(user: nix::unistd::User) -> Self {
        Self {
            name: user.name,
            uid: user.uid.as_raw(),
            gid: user.gid.as_raw(),
        }
    }
}
