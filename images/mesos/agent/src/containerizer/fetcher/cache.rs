//! Files that several tasks fetch, kept between them (protocol-flows.md, section 15): each user's own, each
//! downloaded once, the least recently used given up for new ones. Nothing of it outlives the agent.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

/// The most characters of a name that a cached file's name shows at each end.
const SHOWN: usize = 10;

/// Names a file: whose, and from where.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Key {
    user: String,
    uri: String,
}

#[derive(Debug)]
struct Entry {
    file: PathBuf,
    size: u64,
    /// How many fetches use it now.
    users: usize,
    /// Grows with every use of any entry.
    last_used: u64,
    /// Becomes true when the file is whole.
    whole: watch::Sender<bool>,
}

/// What is known, without the files themselves.
#[derive(Debug, Default)]
struct Table {
    entries: HashMap<Key, Entry>,
    used: u64,
    uses: u64,
    files: u64,
}

impl Table {
    /// Makes room for so many bytes; the files that have to go for it, or `None` if there is no way.
    fn make_room(&mut self, capacity: u64, size: u64) -> Option<Vec<PathBuf>> {
        let idle: u64 = self
            .entries
            .values()
            .filter(|e| e.users == 0)
            .map(|e| e.size)
            .sum();
        if self.used.saturating_sub(idle).checked_add(size)? > capacity {
            return None;
        }
        let mut gone = Vec::new();
        while self.used.saturating_add(size) > capacity {
            let oldest = self
                .entries
                .iter()
                .filter(|(_, e)| e.users == 0)
                .min_by_key(|(_, e)| e.last_used);
            let key = oldest.map(|(key, _)| key.clone())?;
            if let Some(entry) = self.entries.remove(&key) {
                self.used = self.used.saturating_sub(entry.size);
                gone.push(entry.file);
            }
        }
        Some(gone)
    }

    fn forget(&mut self, key: &Key) -> Option<PathBuf> {
        let entry = self.entries.remove(key)?;
        self.used = self.used.saturating_sub(entry.size);
        Some(entry.file)
    }
}

/// The cache of one agent.
#[derive(Debug)]
pub struct Cache {
    folder: PathBuf,
    capacity: u64,
    table: Mutex<Table>,
}

/// A file in the cache that stays for as long as this is held.
#[derive(Debug)]
pub struct Held {
    cache: Arc<Cache>,
    key: Key,
    /// The file.
    pub file: PathBuf,
    /// Whether this one has to bring it; the others wait for that.
    pub is_first: bool,
    is_whole: bool,
}

impl Cache {
    /// An empty cache in a folder of this many bytes; what an earlier agent has left there is removed when
    /// the first file is to be cached.
    pub fn new(folder: PathBuf, capacity: u64) -> Arc<Self> {
        Arc::new(Self {
            folder,
            capacity,
            table: Mutex::default(),
        })
    }

    /// Removes what an earlier agent has left.
    pub fn clear(&self) -> io::Result<()> {
        match fs::remove_dir_all(&self.folder) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// Bytes in all, and bytes in use.
    pub fn sizes(&self) -> (u64, u64) {
        (self.capacity, self.table().used)
    }

    /// The folder of a user's files.
    pub fn folder_of(&self, user: &str) -> PathBuf {
        self.folder.join(user)
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes hold of a file that is there, or on its way.
    pub fn find(self: &Arc<Self>, user: &str, uri: &str) -> Option<Held> {
        let key = key(user, uri);
        let mut table = self.table();
        table.uses += 1;
        let uses = table.uses;
        let entry = table.entries.get_mut(&key)?;
        entry.users += 1;
        entry.last_used = uses;
        let file = entry.file.clone();
        drop(table);
        Some(Held {
            cache: self.clone(),
            key,
            file,
            is_first: false,
            is_whole: true,
        })
    }

    /// Reserves room for a new file. `None` if there is not enough that nobody uses; then the file is not
    /// cached. One that another has reserved meanwhile is shared.
    pub fn reserve(self: &Arc<Self>, user: &str, uri: &str, name: &str, size: u64) -> Option<Held> {
        if let Some(held) = self.find(user, uri) {
            return Some(held);
        }
        let key = key(user, uri);
        let mut table = self.table();
        let gone = table.make_room(self.capacity, size)?;
        table.files += 1;
        table.uses += 1;
        let file = self
            .folder_of(user)
            .join(format!("c{}-{}", table.files, shortened(name)));
        let entry = Entry {
            file: file.clone(),
            size,
            users: 1,
            last_used: table.uses,
            whole: watch::Sender::new(false),
        };
        table.used += size;
        table.entries.insert(key.clone(), entry);
        drop(table);
        for file in gone {
            remove(&file);
        }
        Some(Held {
            cache: self.clone(),
            key,
            file,
            is_first: true,
            is_whole: false,
        })
    }
}

impl Held {
    /// The file is there, with this many bytes: those who wait may use it.
    pub fn is_brought(&mut self, size: u64) {
        self.is_whole = true;
        let mut table = self.cache.table();
        let Some(entry) = table.entries.get_mut(&self.key) else {
            return;
        };
        let reserved = std::mem::replace(&mut entry.size, size);
        entry.whole.send_replace(true);
        table.used = table.used.saturating_sub(reserved).saturating_add(size);
    }

    /// Waits until the one who brings the file has done so; whether it has.
    pub async fn wait(&self) -> bool {
        let receiver = self
            .cache
            .table()
            .entries
            .get(&self.key)
            .map(|entry| entry.whole.subscribe());
        match receiver {
            Some(mut receiver) => receiver.wait_for(|whole| *whole).await.is_ok(),
            None => false,
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let mut table = self.cache.table();
        if self.is_first && !self.is_whole {
            // It was not brought. Those who wait are told by the entry's end.
            let file = table.forget(&self.key);
            drop(table);
            if let Some(file) = file {
                remove(&file);
            }
            return;
        }
        if let Some(entry) = table
            .entries
            .get_mut(&self.key)
            .filter(|entry| entry.file == self.file)
        {
            entry.users = entry.users.saturating_sub(1);
        }
    }
}

fn remove(file: &Path) {
    match fs::remove_file(file) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            tracing::warn!(
                "cannot remove '{}' from the fetcher's cache: {error}",
                file.display()
            );
        }
        _ => {}
    }
}

fn key(user: &str, uri: &str) -> Key {
    Key {
        user: user.to_string(),
        uri: uri.to_string(),
    }
}

/// A name of at most 21 characters, which still ends as it did.
fn shortened(name: &str) -> String {
    let all: Vec<char> = name
        .chars()
        .map(|c| if c == '/' { '_' } else { c })
        .collect();
    if all.len() <= 2 * SHOWN {
        return all.into_iter().collect();
    }
    let first: String = all.iter().take(SHOWN).collect();
    let last: String = all.iter().skip(all.len() - SHOWN).collect();
    format!("{first}_{last}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cache(capacity: u64) -> Arc<Cache> {
        Cache::new(PathBuf::from("/no/such/cache"), capacity)
    }

    fn bring(cache: &Arc<Cache>, uri: &str, size: u64) -> bool {
        cache.reserve("u", uri, uri, size).is_some_and(|mut held| {
            held.is_brought(size);
            held.is_first
        })
    }

    #[test]
    fn the_least_recently_used_file_makes_room() {
        let cache = cache(100);
        assert!(bring(&cache, "a", 40) && bring(&cache, "b", 40));
        assert!(cache.find("u", "a").is_some());
        assert!(bring(&cache, "c", 40));
        assert!(cache.find("u", "b").is_none(), "a was used after b");
        assert!(cache.find("u", "a").is_some() && cache.find("u", "c").is_some());
        assert!(cache.find("v", "a").is_none(), "it is another user's");
        assert_eq!(cache.sizes(), (100, 80));
    }

    #[test]
    fn what_is_in_use_stays_and_what_is_too_large_is_not_cached() {
        let cache = cache(100);
        assert!(bring(&cache, "a", 60));
        let held = cache.find("u", "a");
        assert!(cache.reserve("u", "b", "b", 50).is_none());
        drop(held);
        assert!(cache.reserve("u", "b", "b", 101).is_none());
        assert!(
            cache.find("u", "a").is_some(),
            "nothing is given up in vain"
        );
        assert!(bring(&cache, "b", 50));
        assert!(cache.find("u", "a").is_none());
    }

    #[tokio::test]
    async fn one_brings_a_file_and_the_others_wait() {
        let cache = cache(100);
        let mut first = cache.reserve("u", "a", "a", 10).expect("room");
        let second = cache.reserve("u", "a", "a", 10).expect("the same");
        assert!(first.is_first && !second.is_first);
        first.is_brought(12);
        assert!(second.wait().await);
        assert_eq!(cache.sizes().1, 12);
        let broken = cache.reserve("u", "b", "b", 10).expect("room");
        let waiting = cache.find("u", "b").expect("on its way");
        let (told, ()) = tokio::join!(waiting.wait(), async { drop(broken) });
        assert!(!told);
        assert!(cache.find("u", "b").is_none());
        assert_eq!(cache.sizes().1, 12);
    }

    #[test]
    fn names_are_shortened_at_both_ends() {
        assert_eq!(shortened("a.tgz"), "a.tgz");
        assert_eq!(
            shortened("abcdefghijklmnopqrstuvwxyz.tar.gz"),
            "abcdefghij_xyz.tar.gz"
        );
    }
}
