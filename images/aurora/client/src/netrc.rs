//! `~/.netrc`: the credentials that python-requests, and so the original client, sends as Basic
//! authentication.

use std::path::PathBuf;

/// A user and a password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Login {
    pub user: String,
    pub password: String,
}

/// The login for a host in the user's file (`$NETRC`, `~/.netrc` or `~/_netrc`).
pub fn login(host: &str) -> Option<Login> {
    let home = std::env::var_os("HOME").map(PathBuf::from);
    let files = std::env::var_os("NETRC")
        .map(PathBuf::from)
        .into_iter()
        .chain(
            home.into_iter()
                .flat_map(|home| [home.join(".netrc"), home.join("_netrc")]),
        );
    let text = files
        .into_iter()
        .find_map(|file| std::fs::read_to_string(file).ok())?;
    find(&text, host)
}

/// The login for a host, else the default one.
fn find(text: &str, host: &str) -> Option<Login> {
    let mut words = text.lines().flat_map(|line| {
        line.split_whitespace()
            .take_while(|word| !word.starts_with('#'))
    });
    let (mut found, mut fallback) = (None, None);
    // Where the words being read belong: nowhere, to the host, or to everyone.
    let mut current: Option<&mut Option<Login>> = None;
    while let Some(word) = words.next() {
        match word {
            "machine" => {
                let named = words.next() == Some(host);
                current = (named && found.is_none()).then_some(&mut found);
            }
            "default" => current = Some(&mut fallback),
            "login" | "password" | "account" | "macdef" => {
                let value = words.next().unwrap_or_default().to_owned();
                if let Some(login) = &mut current {
                    let login = login.get_or_insert_with(|| Login {
                        user: String::new(),
                        password: String::new(),
                    });
                    match word {
                        "login" => login.user = value,
                        "password" => login.password = value,
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }
    found.or(fallback)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_comes_before_the_default() {
        let text = "# comment\nmachine a login u password p\ndefault login d password q\n";
        let login = |user: &str, password: &str| {
            Some(Login {
                user: user.to_owned(),
                password: password.to_owned(),
            })
        };
        assert_eq!(find(text, "a"), login("u", "p"));
        assert_eq!(find(text, "b"), login("d", "q"));
        assert_eq!(find("machine a login u", "b"), None);
    }
}
