//! The profiles that come with the launcher.

const BUILT_IN: [(&str, &str); 4] = [
    ("default", include_str!("../../profiles/default.toml")),
    ("docker", include_str!("../../profiles/docker.toml")),
    ("ha", include_str!("../../profiles/ha.toml")),
    ("tiny", include_str!("../../profiles/tiny.toml")),
];

/// The text of the built-in profile of that name.
pub fn builtin(name: &str) -> Option<&'static str> {
    BUILT_IN
        .iter()
        .find(|(known, _)| *known == name)
        .map(|(_, text)| *text)
}

/// The names of the built-in profiles.
pub fn builtin_names() -> impl Iterator<Item = &'static str> {
    BUILT_IN.iter().map(|(name, _)| *name)
}
