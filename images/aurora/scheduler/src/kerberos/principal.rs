//! Names in Kerberos: `root@EXAMPLE.COM`, `HTTP/aurora.example.com@EXAMPLE.COM`.

use std::fmt;
use std::str::FromStr;

/// Somebody's name. Where text has none, the realm is not known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// What stands between the slashes.
    pub parts: Vec<String>,
    /// What stands behind the `@`.
    pub realm: Option<String>,
}

impl Principal {
    /// Whether it is the same as another one, as far as both have a realm.
    pub fn is(&self, other: &Self) -> bool {
        let realms = self.realm.as_ref().zip(other.realm.as_ref());
        self.parts == other.parts && realms.is_none_or(|(own, other)| own == other)
    }
}

impl FromStr for Principal {
    type Err = &'static str;

    /// A backslash takes the meaning from what follows it, as in Java's `KerberosPrincipal`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut parts = vec![String::new()];
        let mut realm: Option<String> = None;
        let mut chars = text.chars();
        while let Some(c) = chars.next() {
            let plain = match c {
                '\\' => chars.next().ok_or("it ends with a backslash")?,
                '/' if realm.is_none() => {
                    parts.push(String::new());
                    continue;
                }
                '@' if realm.is_none() => {
                    realm = Some(String::new());
                    continue;
                }
                '@' => return Err("it has two realms"),
                c => c,
            };
            match (&mut realm, parts.last_mut()) {
                (Some(realm), _) => realm.push(plain),
                (None, Some(part)) => part.push(plain),
                (None, None) => {}
            }
        }
        if parts.iter().chain(&realm).any(String::is_empty) {
            return Err("a part of it is empty");
        }
        Ok(Self { parts, realm })
    }
}

impl fmt::Display for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.parts.join("/"))?;
        match &self.realm {
            Some(realm) => write!(f, "@{realm}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_parts_and_may_have_a_realm() {
        let read = |text: &str| text.parse::<Principal>();
        let server = read("HTTP/aurora.local@KRBTEST.COM").unwrap();
        assert_eq!(server.parts, ["HTTP", "aurora.local"]);
        assert_eq!(server.realm.as_deref(), Some("KRBTEST.COM"));
        assert_eq!(server.to_string(), "HTTP/aurora.local@KRBTEST.COM");
        assert!(server.is(&read("HTTP/aurora.local").unwrap()));
        assert!(!server.is(&read("HTTP/aurora.local@OTHER").unwrap()));
        assert!(!server.is(&read("HTTP@KRBTEST.COM").unwrap()));
        assert_eq!(read("a\\@b@c/d").unwrap().parts, ["a@b"]);
        for wrong in ["", "@R", "a/", "/a", "a@", "a@b@c", "a\\"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
