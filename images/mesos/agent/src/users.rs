//! Users and groups, from `/etc/passwd` and `/etc/group` alone: the C library's look-up loads modules
//! of the system at run time, which a static program must not.

use std::collections::BTreeMap;
use std::fs;

/// A user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// Its id.
    pub uid: u32,
    /// Its main group.
    pub gid: u32,
    /// All of its groups, the main one first.
    pub groups: Vec<u32>,
}

/// Looks a user up by its name.
pub fn user(name: &str) -> Option<User> {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    find(name, &read("/etc/passwd"), &read("/etc/group"))
}

fn find(name: &str, passwd: &str, group: &str) -> Option<User> {
    let mut fields = passwd
        .lines()
        .map(|line| line.split(':'))
        .find_map(|mut fields| (fields.next() == Some(name)).then_some(fields))?;
    let uid = fields.nth(1)?.parse().ok()?;
    let gid = fields.next()?.parse().ok()?;
    let mut groups = vec![gid];
    for line in group.lines() {
        let fields: Vec<&str> = line.split(':').collect();
        if let [_, _, id, members] = fields.as_slice()
            && members.split(',').any(|member| member == name)
            && let Ok(id) = id.parse()
            && !groups.contains(&id)
        {
            groups.push(id);
        }
    }
    Some(User { uid, gid, groups })
}

/// Names of ids.
#[derive(Debug, Default)]
pub struct Names {
    users: BTreeMap<u32, String>,
    groups: BTreeMap<u32, String>,
}

impl Names {
    /// The names as they are now.
    pub fn read() -> Self {
        let names = |path: &str| {
            let text = fs::read_to_string(path).unwrap_or_default();
            text.lines().filter_map(named).collect()
        };
        Self {
            users: names("/etc/passwd"),
            groups: names("/etc/group"),
        }
    }

    /// A user's name, or its number if it has none.
    pub fn user(&self, id: u32) -> String {
        self.users
            .get(&id)
            .cloned()
            .unwrap_or_else(|| id.to_string())
    }

    /// A group's name, or its number if it has none.
    pub fn group(&self, id: u32) -> String {
        self.groups
            .get(&id)
            .cloned()
            .unwrap_or_else(|| id.to_string())
    }
}

/// The id and name of a line of either file.
fn named(line: &str) -> Option<(u32, String)> {
    let mut fields = line.split(':');
    let name = fields.next()?.to_string();
    Some((fields.nth(1)?.parse().ok()?, name))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWD: &str = "root:x:0:0:root:/root:/bin/bash\n\nbroken\nwww-data:x:33:33::/var/www:/bin/sh\nbad:x:y:1:::\n";
    const GROUP: &str =
        "root:x:0:\nwww-data:x:33:www-data\naudio:x:29:alice,www-data\nweb:x:44:www\n";

    #[test]
    fn users_are_found_with_their_groups() {
        let want = User {
            uid: 33,
            gid: 33,
            groups: vec![33, 29],
        };
        assert_eq!(find("www-data", PASSWD, GROUP), Some(want));
        for unknown in ["nobody", "", "broken", "bad"] {
            assert_eq!(find(unknown, PASSWD, GROUP), None, "case `{unknown}`");
        }
        assert_eq!(user("root").map(|user| user.uid), Some(0));
        assert_eq!(Names::read().user(0), "root");
        assert_eq!(Names::default().group(7), "7");
    }
}
