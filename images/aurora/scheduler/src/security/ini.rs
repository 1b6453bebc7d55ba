//! INI files as Apache Shiro reads them.

use std::collections::BTreeMap;

/// The sections with their entries. Sections without entries are left out.
pub(super) fn sections(text: &str) -> BTreeMap<String, BTreeMap<String, String>> {
    let mut sections: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
    let mut section = String::new();
    let mut begun = String::new();
    for line in text.lines() {
        let line = line.trim();
        if begun.is_empty() && (line.is_empty() || line.starts_with(['#', ';'])) {
            continue;
        }
        if begun.is_empty()
            && let Some(name) = line.strip_prefix('[').and_then(|l| l.strip_suffix(']'))
        {
            section = name.trim().to_string();
            continue;
        }
        // A line that ends with a backslash goes on in the next.
        if let Some(part) = line.strip_suffix('\\') {
            begun.push_str(part);
            continue;
        }
        begun.push_str(line);
        let (key, value) = entry(&begun);
        if !key.is_empty() {
            let entries = sections.entry(section.clone()).or_default();
            entries.insert(key, value);
        }
        begun.clear();
    }
    sections
}

/// A line's key and value: `=`, `:` or a space is between them, unless a backslash is before it.
fn entry(line: &str) -> (String, String) {
    let mut key = String::new();
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => key.extend(chars.next()),
            '=' | ':' => break,
            c if c.is_whitespace() => break,
            c => key.push(c),
        }
    }
    let rest = chars.as_str().trim_start();
    let rest = match key.is_empty() {
        true => rest,
        false => rest.strip_prefix(['=', ':']).unwrap_or(rest),
    };
    (key, rest.trim().to_string())
}

/// A value's parts between its commas; quotes hold one together that has commas itself.
pub(super) fn list(value: &str) -> Vec<String> {
    let mut parts = Vec::new();
    let mut part = String::new();
    let mut quoted = false;
    for c in value.chars() {
        match c {
            '"' => quoted = !quoted,
            ',' if !quoted => parts.push(std::mem::take(&mut part)),
            c => part.push(c),
        }
    }
    parts.push(part);
    parts.iter().map(|part| part.trim().to_string()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_read_in_every_form() {
        let text = "# comment\n; another\n[users]\na = b, c\nd: e\nf g\nh\\=i = j\nk = l, \\\n  m\n\n[empty]\n[roles]\nr = *";
        let sections = sections(text);
        let names: Vec<_> = sections.keys().collect();
        assert_eq!(names, ["roles", "users"]);
        let users: Vec<_> = sections["users"]
            .iter()
            .map(|(k, v)| (k.as_str(), v.as_str()))
            .collect();
        assert_eq!(
            users,
            [
                ("a", "b, c"),
                ("d", "e"),
                ("f", "g"),
                ("h=i", "j"),
                ("k", "l, m")
            ]
        );
    }

    #[test]
    fn quotes_hold_a_part_together() {
        assert_eq!(list("a, \"b:c,d\" , e"), ["a", "b:c,d", "e"]);
        assert_eq!(list(""), [""]);
    }
}
