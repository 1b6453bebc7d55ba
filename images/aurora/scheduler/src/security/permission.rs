//! Apache Shiro's wildcard permissions.

use std::collections::BTreeSet;

/// A permission: parts between colons, each a set of words between commas.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Permission(Vec<BTreeSet<String>>);

impl Permission {
    /// From its text. Capital letters are as good as small ones.
    pub fn new(text: &str) -> Self {
        let words = |part: &str| {
            let words = part.split(',').map(|word| word.trim().to_ascii_lowercase());
            words.collect()
        };
        Self(text.trim().split(':').map(words).collect())
    }

    /// Whether who has this has the other one too. A part `*` is everything, and so is each part that
    /// is missing at the end.
    pub fn implies(&self, wanted: &Self) -> bool {
        let is_all = |part: &BTreeSet<String>| part.contains("*");
        let mut own = self.0.iter();
        for wanted in &wanted.0 {
            match own.next() {
                None => return true,
                Some(part) if is_all(part) || wanted.is_subset(part) => {}
                Some(_) => return false,
            }
        }
        own.all(is_all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_imply_as_in_shiro() {
        for (has, wants, implied) in [
            ("*", "thrift.AuroraAdmin:setQuota", true),
            ("thrift.AuroraAdmin:*", "thrift.AuroraAdmin:setQuota", true),
            ("thrift.AuroraAdmin", "thrift.AuroraAdmin:setQuota", true),
            (
                "thrift.AuroraAdmin:setQuota",
                "thrift.AuroraAdmin:setQuota",
                true,
            ),
            (
                "thrift.auroraadmin:SETQUOTA",
                "thrift.AuroraAdmin:setQuota",
                true,
            ),
            (
                "thrift.AuroraAdmin:snapshot",
                "thrift.AuroraAdmin:setQuota",
                false,
            ),
            (
                "thrift.AuroraAdmin:a,setQuota",
                "thrift.AuroraAdmin:setQuota",
                true,
            ),
            ("s:createJob", "s:createJob:role:env:job", true),
            ("s:createJob:role", "s:createJob:role:env:job", true),
            ("s:createJob:other", "s:createJob:role:env:job", false),
            ("s:*:role", "s:killTasks:role:env:job", true),
            ("s:*:role:prod", "s:killTasks:role:env:job", false),
            ("s:*:role:env:job", "s:killTasks", false),
            ("s:killTasks:*:*:*", "s:killTasks", true),
            ("s:killTasks:role:*:job", "s:killTasks:role:env:job", true),
            ("s:a,b", "s:a,b,c", false),
        ] {
            let got = Permission::new(has).implies(&Permission::new(wants));
            assert_eq!(got, implied, "{has} -> {wants}");
        }
    }
}
