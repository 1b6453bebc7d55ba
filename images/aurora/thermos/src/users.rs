//! Users and groups, from `/etc/passwd` and `/etc/group` themselves.
//!
//! Not through the C library's name service: in a static executable it loads modules made for the
//! shared library as soon as a name is not in these files, and that may crash.

use std::fs;
use std::io;

use nix::unistd::{Gid, Uid, setegid, seteuid, setgid, setgroups, setuid};
use serde::{Deserialize, Serialize};

const PASSWD: &str = "/etc/passwd";
const GROUP: &str = "/etc/group";

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
        let passwd = fs::read_to_string(PASSWD).ok()?;
        users(&passwd).find(|user| user.name == name)
    }

    /// The user of this number; `None` where there is none.
    pub(crate) fn numbered(uid: u32) -> Option<Self> {
        let passwd = fs::read_to_string(PASSWD).ok()?;
        users(&passwd).find(|user| user.uid == uid)
    }

    /// The user that this process runs as. One without an entry, as in an image
    /// without users, is called by its number, but for root.
    pub(crate) fn current() -> Self {
        let uid = Uid::effective().as_raw();
        Self::numbered(uid).unwrap_or_else(|| Self {
            name: match uid {
                0 => "root".to_string(),
                uid => uid.to_string(),
            },
            uid,
            gid: Gid::effective().as_raw(),
        })
    }

    /// All groups that the user is in.
    pub(crate) fn groups(&self) -> Vec<u32> {
        supplementary(&fs::read_to_string(GROUP).unwrap_or_default(), self)
    }

    /// Does something with the user's rights, and has one's own again after it.
    pub(crate) fn on_behalf<T>(
        &self,
        groups: &[u32],
        what: impl FnOnce() -> io::Result<T>,
    ) -> io::Result<T> {
        let (uid, gid) = (Uid::effective(), Gid::effective());
        if uid.as_raw() == self.uid {
            return what();
        }
        let groups: Vec<Gid> = groups.iter().copied().map(Gid::from_raw).collect();
        setgroups(&groups)?;
        setegid(Gid::from_raw(self.gid))?;
        seteuid(Uid::from_raw(self.uid))?;
        let done = what();
        seteuid(uid)?;
        setegid(gid)?;
        done
    }

    /// Makes this process run as the user, in these groups. Nothing to do where it does already.
    pub(crate) fn become_with(&self, groups: &[u32]) -> io::Result<()> {
        if Uid::effective().as_raw() == self.uid {
            return Ok(());
        }
        let groups: Vec<Gid> = groups.iter().copied().map(Gid::from_raw).collect();
        setgroups(&groups)?;
        setgid(Gid::from_raw(self.gid))?;
        setuid(Uid::from_raw(self.uid))?;
        Ok(())
    }
}

/// The name of a group; `None` where it has none.
pub(crate) fn group_name(gid: u32) -> Option<String> {
    let groups = fs::read_to_string(GROUP).ok()?;
    let line = groups
        .lines()
        .find(|line| field(line, 2).and_then(|g| g.parse().ok()) == Some(gid))?;
    field(line, 0).map(str::to_string)
}

fn users(passwd: &str) -> impl Iterator<Item = User> {
    passwd.lines().filter_map(|line| {
        Some(User {
            name: field(line, 0).filter(|name| !name.is_empty())?.to_string(),
            uid: field(line, 2)?.parse().ok()?,
            gid: field(line, 3)?.parse().ok()?,
        })
    })
}

/// A user's own group, and those that name it as a member.
fn supplementary(groups: &str, user: &User) -> Vec<u32> {
    let named = groups.lines().filter_map(|line| {
        let is_member = field(line, 3)?.split(',').any(|member| member == user.name);
        is_member.then(|| field(line, 2)?.parse().ok()).flatten()
    });
    let mut all: Vec<u32> = std::iter::once(user.gid).chain(named).collect();
    all.sort_unstable();
    all.dedup();
    all
}

fn field(line: &str, number: usize) -> Option<&str> {
    line.split(':').nth(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_read_and_nonsense_is_not() {
        let passwd = "root:x:0:0:root:/root:/bin/bash\n\n#x\nwww-data:x:33:33::/var/www:/usr/sbin/nologin\nbad:x:y:1::\n";
        let names: Vec<(String, u32)> = users(passwd).map(|user| (user.name, user.uid)).collect();
        assert_eq!(
            names,
            [("root".to_string(), 0), ("www-data".to_string(), 33)]
        );
    }

    #[test]
    fn a_user_has_its_own_group_and_those_it_is_named_in() {
        let groups = "root:x:0:\nadm:x:4:www-data,x\nwww-data:x:33:\nno:x:5:www-data2\n";
        let user = User {
            name: "www-data".into(),
            uid: 33,
            gid: 33,
        };
        assert_eq!(supplementary(groups, &user), [4, 33]);
    }

    #[test]
    fn unknown_users_are_unknown() {
        assert_eq!(User::named("no-such-user-here"), None);
        assert_eq!(User::current().uid, Uid::effective().as_raw());
    }
}
