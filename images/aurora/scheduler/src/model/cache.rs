//! Things that are kept for somebody for some time.

use std::collections::BTreeMap;

/// How often entries have left.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Removals {
    /// Because their time was over.
    pub expired: usize,
    /// Because somebody took them out.
    pub explicit: usize,
}

/// Keys with values that are good until a time, in milliseconds.
#[derive(Debug)]
pub struct Cache<K, V> {
    entries: BTreeMap<K, (V, i64)>,
    removals: Removals,
}

impl<K, V> Default for Cache<K, V> {
    fn default() -> Self {
        Self {
            entries: BTreeMap::new(),
            removals: Removals::default(),
        }
    }
}

impl<K: Ord + Clone, V> Cache<K, V> {
    /// Keeps a value until a time.
    pub fn put(&mut self, key: K, value: V, until: i64) {
        self.entries.insert(key, (value, until));
    }

    /// What is kept under a key, unless its time is over.
    pub fn get<Q: Ord + ?Sized>(&self, key: &Q, now: i64) -> Option<&V>
    where
        K: std::borrow::Borrow<Q>,
    {
        let (value, until) = self.entries.get(key)?;
        (now < *until).then_some(value)
    }

    /// Takes an entry out.
    pub fn take<Q: Ord + ?Sized>(&mut self, key: &Q, now: i64) -> Option<V>
    where
        K: std::borrow::Borrow<Q>,
    {
        let (value, until) = self.entries.remove(key)?;
        if now < until {
            self.removals.explicit += 1;
            Some(value)
        } else {
            self.removals.expired += 1;
            None
        }
    }

    /// Drops what is over, and says which keys that were.
    pub fn expire(&mut self, now: i64) -> Vec<K> {
        let over: Vec<K> = self
            .entries
            .iter()
            .filter(|(_, (_, until))| *until <= now)
            .map(|(key, _)| key.clone())
            .collect();
        for key in &over {
            self.entries.remove(key);
        }
        self.removals.expired += over.len();
        over
    }

    /// All entries whose time is not over.
    pub fn iter(&self, now: i64) -> impl Iterator<Item = (&K, &V)> {
        let good = self
            .entries
            .iter()
            .filter(move |(_, (_, until))| now < *until);
        good.map(|(key, (value, _))| (key, value))
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// How often entries have left.
    pub fn removals(&self) -> Removals {
        self.removals
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_good_until_its_time_is_over_or_it_is_taken() {
        let mut cache: Cache<String, u8> = Cache::default();
        for (key, until) in [("a", 10), ("b", 20), ("c", 30)] {
            cache.put(key.to_string(), 1, until);
        }
        assert_eq!(cache.get("a", 9), Some(&1));
        assert_eq!(cache.get("a", 10), None);
        assert_eq!(cache.expire(10), ["a"]);
        assert_eq!(cache.take("b", 10), Some(1));
        assert_eq!(cache.take("c", 30), None);
        let Removals { expired, explicit } = cache.removals();
        assert_eq!((expired, explicit, cache.len()), (2, 1, 0));
    }
}
