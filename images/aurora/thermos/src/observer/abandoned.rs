//! Tasks that nobody runs any more, though their files say so: their runner was killed with all that
//! could have ended them, as when a node is stopped.
//!
//! A runner holds the lock of its stream for as long as it lives, wherever it runs: its pid may be one
//! of another container. The lock is only looked at when a stream has been still for a while, so that
//! nobody who begins to write one is in the way.

use std::fs;
use std::os::unix::fs::MetadataExt;

use crate::checkpoint::{self, TaskPaths};
use crate::clock;
use crate::proc::Stat;

/// For how long a stream has to be still, in seconds.
const STILL: f64 = 30.0;

/// Whether a task that its files call active is run by nobody.
pub(super) fn is_abandoned(paths: &TaskPaths) -> bool {
    let stream = paths.runner();
    let Ok(meta) = fs::symlink_metadata(&stream) else {
        return false;
    };
    #[expect(clippy::cast_precision_loss, reason = "seconds since 1970 fit")]
    let changed = meta.mtime() as f64;
    // What was there before this node started has no beginner either.
    let booted = Stat::of(1).and_then(|init| init.started_at());
    let still = clock::now() - changed > STILL || booted.is_some_and(|booted| changed < booted);
    still && !checkpoint::is_held(&stream)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checkpoint::Writer;
    use std::fs::{File, FileTimes};
    use std::time::{Duration, SystemTime};

    #[test]
    fn a_task_is_abandoned_when_its_stream_is_still_and_nobody_holds_it() {
        let dir = tempfile::tempdir().unwrap();
        let paths = TaskPaths::new(dir.path(), "t");
        assert!(!is_abandoned(&paths), "no stream yet");
        fs::create_dir_all(paths.streams()).unwrap();
        let writer = Writer::open(&paths.runner()).unwrap();
        let age = |secs| {
            let file = File::options().append(true).open(paths.runner()).unwrap();
            let at = SystemTime::now() - Duration::from_secs(secs);
            file.set_times(FileTimes::new().set_modified(at)).unwrap();
        };
        age(3600);
        assert!(!is_abandoned(&paths), "held");
        drop(writer);
        assert!(is_abandoned(&paths));
        age(0);
        assert!(!is_abandoned(&paths), "just written");
    }
}
