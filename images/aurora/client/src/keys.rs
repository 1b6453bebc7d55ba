//! Job keys on the command line: whole ones, with instances, with parts left out or globbed.

use std::collections::BTreeSet;
use std::fmt;

use aurora_api::{JobKey, is_good_identifier};

use crate::argparse::Rejected;

/// Most instance numbers that one argument may spell out; more than any scheduler allows in a job.
const MAX_INSTANCES: usize = 100_000;

/// A job's key with its cluster: `cluster/role/environment/name`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct AuroraKey {
    pub cluster: String,
    pub job: JobKey,
}

impl AuroraKey {
    /// From its four parts, each a good identifier.
    pub fn parse(text: &str) -> Option<Self> {
        let parts: Vec<&str> = text.split('/').collect();
        let [cluster, role, environment, name] = parts.as_slice() else {
            return None;
        };
        parts
            .iter()
            .all(|part| is_good_identifier(part))
            .then(|| Self::new(cluster, JobKey::new(*role, *environment, *name)))
    }

    /// A job of a cluster.
    pub fn new(cluster: &str, job: JobKey) -> Self {
        Self {
            cluster: cluster.to_owned(),
            job,
        }
    }
}

impl fmt::Display for AuroraKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.cluster, self.job)
    }
}

/// A job and some of its instances, or all of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InstanceSpec {
    pub key: AuroraKey,
    pub instances: Option<BTreeSet<i32>>,
}

impl InstanceSpec {
    /// From `cluster/role/environment/name[/instances]`.
    pub fn parse(text: &str) -> Result<Self, Rejected> {
        const TYPE: Rejected = Rejected::Type("instance_specifier");
        match text.split('/').count() {
            4 => Ok(Self {
                key: AuroraKey::parse(text).ok_or(TYPE)?,
                instances: None,
            }),
            5 => {
                let (key, instances) = text.rsplit_once('/').ok_or(TYPE)?;
                let key = AuroraKey::parse(key).ok_or(TYPE)?;
                let instances = match instances {
                    "" => None,
                    listed => Some(parse_instances(listed).ok_or(TYPE)?),
                };
                Ok(Self { key, instances })
            }
            _ if text.is_empty() => Err(TYPE),
            _ => Err(Rejected::Because(
                "Instance specifier must be a CLUSTER/ROLE/ENV/JOB/INSTANCES tuple".to_owned(),
            )),
        }
    }
}

/// `0,1-3,5` as a set of numbers.
pub fn parse_instances(text: &str) -> Option<BTreeSet<i32>> {
    let mut instances = BTreeSet::new();
    for part in text.split(',') {
        let mut ends = part.split('-');
        let first: i32 = ends.next()?.trim().parse().ok()?;
        let last: i32 = ends
            .next_back()
            .map_or(Some(first), |end| end.trim().parse().ok())?;
        let room = MAX_INSTANCES.checked_sub(instances.len())?;
        if last >= first && usize::try_from(last.checked_sub(first)?).ok()? >= room {
            return None;
        }
        instances.extend(first..=last);
    }
    Some(instances)
}

/// Instance numbers as Python prints a list of them.
pub fn list(instances: impl IntoIterator<Item = i32>) -> String {
    let numbers: Vec<String> = instances
        .into_iter()
        .map(|number| number.to_string())
        .collect();
    format!("[{}]", numbers.join(", "))
}

/// A key whose parts may be shell patterns; missing parts match everything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    pub cluster: String,
    pub role: String,
    pub environment: String,
    pub name: String,
}

impl Pattern {
    /// From one to four parts.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('/').map(str::to_owned);
        let mut next = || parts.next().unwrap_or_else(|| "*".to_owned());
        let pattern = Self {
            cluster: next(),
            role: next(),
            environment: next(),
            name: next(),
        };
        parts.next().is_none().then_some(pattern)
    }

    /// The one key it means, if it has no `*`.
    pub fn exact(&self) -> Option<AuroraKey> {
        let parts = [&self.cluster, &self.role, &self.environment, &self.name];
        (!parts.iter().any(|part| part.contains('*'))).then(|| {
            AuroraKey::new(
                &self.cluster,
                JobKey::new(&*self.role, &*self.environment, &*self.name),
            )
        })
    }

    /// Whether a job of a matching cluster is meant.
    pub fn matches(&self, job: &JobKey) -> bool {
        glob(&self.role, &job.role)
            && glob(&self.environment, &job.environment)
            && glob(&self.name, &job.name)
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}/{}/{}/{}",
            self.cluster, self.role, self.environment, self.name
        )
    }
}

/// Shell-style matching as Python's `fnmatch` does it: `*`, `?`, `[abc]`, `[a-z]`, `[!abc]`.
pub fn glob(pattern: &str, text: &str) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    let text: Vec<char> = text.chars().collect();
    // Which beginnings of the text the pattern so far can have matched.
    let mut reached = vec![false; text.len() + 1];
    if let Some(start) = reached.first_mut() {
        *start = true;
    }
    let mut rest = pattern.as_slice();
    while let Some((first, tail)) = rest.split_first() {
        rest = tail;
        if *first == '*' {
            let mut any = false;
            for place in &mut reached {
                any |= *place;
                *place = any;
            }
            continue;
        }
        let class = (*first == '[').then(|| character_class(tail)).flatten();
        if let Some((_, _, after)) = &class {
            rest = after;
        }
        let accepts = |c: &char| match &class {
            Some((negated, members, _)) => in_class(members, *c) != *negated,
            None => *first == '?' || first == c,
        };
        let mut next = vec![false];
        next.extend(
            text.iter()
                .zip(&reached)
                .map(|(c, here)| *here && accepts(c)),
        );
        reached = next;
    }
    reached.last().copied().unwrap_or_default()
}

/// A class's negation and members, and what follows it; `None` if it is never closed.
fn character_class(after_bracket: &[char]) -> Option<(bool, &[char], &[char])> {
    let negated = after_bracket.first() == Some(&'!');
    let members = after_bracket.get(usize::from(negated)..)?;
    // A bracket in first place is a member.
    let end = 1 + members.iter().skip(1).position(|c| *c == ']')?;
    let (members, rest) = members.split_at_checked(end)?;
    Some((negated, members, rest.get(1..)?))
}

fn in_class(members: &[char], c: char) -> bool {
    let mut rest = members;
    loop {
        match rest {
            [] => return false,
            [first, '-', last, tail @ ..] => {
                if (*first..=*last).contains(&c) {
                    return true;
                }
                rest = tail;
            }
            [member, tail @ ..] => {
                if *member == c {
                    return true;
                }
                rest = tail;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instances_are_numbers_and_ranges() {
        let set = |numbers: &[i32]| Some(numbers.iter().copied().collect::<BTreeSet<i32>>());
        for (text, expected) in [
            ("0", set(&[0])),
            ("0,1-3,5", set(&[0, 1, 2, 3, 5])),
            ("3-1", set(&[])),
            ("x", None),
            ("1,", None),
            ("0-2147483647", None),
        ] {
            assert_eq!(parse_instances(text), expected, "{text}");
        }
    }

    #[test]
    fn patterns_match_as_the_shell_does() {
        for (pattern, text, expected) in [
            ("*", "", true),
            ("web*", "web-1", true),
            ("web?", "web", false),
            ("[!a]eb", "web", true),
            ("[a-w]eb", "web", true),
            ("[w", "[w", true),
            ("a*b*c", "aXXbYYc", true),
            ("a*b", "a", false),
        ] {
            assert_eq!(glob(pattern, text), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn missing_parts_of_a_pattern_match_everything() {
        let pattern = Pattern::parse("devcluster/www-data").unwrap();
        assert_eq!(pattern.to_string(), "devcluster/www-data/*/*");
        assert!(pattern.matches(&JobKey::new("www-data", "prod", "hello")));
        assert_eq!(pattern.exact(), None);
        assert_eq!(Pattern::parse("a/b/c/d/e"), None);
    }
}
