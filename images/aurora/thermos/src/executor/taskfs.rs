//! Tasks with a file system of their own (`FileSystemImageSandbox` of
//! `apache/aurora/executor/common/sandbox.py`): the agent puts an image into the run's folder as
//! `taskfs`, the executor adds what the task needs of the agent, and processes have it as their root.
//!
//! Where the executor may mount, sandbox and volumes are mounted into the image, in a mount namespace
//! that ends with the executor. Where it may not, as in a container without privileges, the sandbox
//! itself is in the image, volumes to be read are copied there, and others are refused.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt, PermissionsExt, symlink};
use std::path::{Component, Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use nix::sys::stat::{Mode, SFlag, makedev, mknod};

use crate::users::{User, group_name};

/// The image's folder, in that of the run.
pub(crate) const TASKFS: &str = "taskfs";
/// What a process needs to find other hosts.
const NETWORK_FILES: [&str; 3] = ["resolv.conf", "hosts", "hostname"];

/// A folder or file of the agent that the task sees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Volume {
    pub(crate) host_path: PathBuf,
    pub(crate) container_path: PathBuf,
    pub(crate) read_only: bool,
}

/// Makes an image ready; the sandbox is `<run>/sandbox` from outside and `mount_point` from inside.
pub(crate) fn prepare(
    run: &Path,
    mount_point: &Path,
    volumes: &[Volume],
    create: Option<&User>,
) -> io::Result<()> {
    let root = run.join(TASKFS);
    if !fs::symlink_metadata(&root).is_ok_and(|meta| meta.is_dir()) {
        return Err(io::Error::new(
            io::ErrorKind::NotFound,
            format!("the agent has put no image at {}", root.display()),
        ));
    }
    let etc = inside(&root, Path::new("/etc"))?;
    if let Some(user) = create {
        add_user(&etc, user)?;
    }
    for name in NETWORK_FILES {
        if let Ok(text) = fs::read(Path::new("/etc").join(name)) {
            replace(&etc.join(name), &text)?;
        }
    }
    match own_mounts() {
        Ok(()) => furnish(run, mount_point, volumes, true),
        Err(Errno::EPERM) => furnish(run, mount_point, volumes, false),
        Err(errno) => Err(errno.into()),
    }
}

/// Brings sandbox and volumes into the image.
fn furnish(run: &Path, mount_point: &Path, volumes: &[Volume], may_mount: bool) -> io::Result<()> {
    let root = run.join(TASKFS);
    let sandbox = run.join("sandbox");
    match may_mount {
        true => {
            for (system, read_only) in [("/dev", false), ("/proc", false), ("/sys", true)] {
                let target = inside(&root, Path::new(system))?;
                bind(Path::new(system), &target, read_only)?;
            }
            fs::create_dir_all(&sandbox)?;
            bind(&sandbox, &inside(&root, mount_point)?, false)?;
            for volume in volumes {
                let target = target(&root, volume)?;
                bind(&volume.host_path, &target, volume.read_only)?;
            }
            Ok(())
        }
        false => {
            devices(&inside(&root, Path::new("/dev"))?)?;
            let real = inside(&root, mount_point)?;
            for volume in volumes {
                if !volume.read_only {
                    return Err(io::Error::new(
                        io::ErrorKind::PermissionDenied,
                        format!(
                            "the volume {} cannot be written from an image, because this agent may not mount",
                            volume.container_path.display()
                        ),
                    ));
                }
                copy(&volume.host_path, &target(&root, volume)?)?;
            }
            match symlink(relative(run, &real), &sandbox) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
                done => done,
            }
        }
    }
}

/// A mount namespace of this process's, from which nothing reaches the agent's.
fn own_mounts() -> Result<(), Errno> {
    unshare(CloneFlags::CLONE_NEWNS)?;
    let flags = MsFlags::MS_REC | MsFlags::MS_SLAVE;
    mount(None::<&str>, "/", None::<&str>, flags, None::<&str>)
}

fn bind(from: &Path, to: &Path, read_only: bool) -> io::Result<()> {
    let flags = MsFlags::MS_BIND | MsFlags::MS_REC;
    mount(Some(from), to, None::<&str>, flags, None::<&str>)?;
    if read_only {
        let flags = MsFlags::MS_BIND | MsFlags::MS_REMOUNT | MsFlags::MS_RDONLY;
        mount(None::<&str>, to, None::<&str>, flags, None::<&str>)?;
    }
    Ok(())
}

/// The devices that every program counts on.
fn devices(dev: &Path) -> io::Result<()> {
    let mode = Mode::from_bits_truncate(0o666);
    for (name, minor) in [
        ("null", 3),
        ("zero", 5),
        ("full", 7),
        ("random", 8),
        ("urandom", 9),
    ] {
        let path = dev.join(name);
        if fs::symlink_metadata(&path).is_ok_and(|meta| meta.file_type().is_char_device()) {
            continue;
        }
        // An image may have a file in its place.
        if fs::symlink_metadata(&path).is_ok() {
            fs::remove_file(&path)?;
        }
        match mknod(&path, SFlag::S_IFCHR, mode, makedev(1, minor)) {
            Ok(()) => fs::set_permissions(&path, Permissions::from_mode(0o666))?,
            Err(errno) => tracing::warn!("the image has no {}: {errno}", path.display()),
        }
    }
    Ok(())
}

/// The folder that `path` is in the image, made where it is not there. An image may have links that
/// lead out of it: those are not followed.
fn inside(root: &Path, path: &Path) -> io::Result<PathBuf> {
    let mut at = root.to_path_buf();
    for part in path.components() {
        match part {
            Component::Normal(name) => at.push(name),
            Component::RootDir | Component::CurDir => continue,
            Component::ParentDir | Component::Prefix(_) => {
                return Err(io::Error::new(
                    io::ErrorKind::InvalidInput,
                    format!("{} does not stay in the image", path.display()),
                ));
            }
        }
        match fs::symlink_metadata(&at) {
            Ok(meta) if meta.is_dir() => {}
            Ok(_) => {
                return Err(io::Error::new(
                    io::ErrorKind::NotADirectory,
                    format!("{} is no folder of the image", at.display()),
                ));
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => fs::create_dir(&at)?,
            Err(error) => return Err(error),
        }
    }
    Ok(at)
}

/// Where a volume is in the image: a folder, or an empty file for a file.
fn target(root: &Path, volume: &Volume) -> io::Result<PathBuf> {
    if fs::metadata(&volume.host_path)?.is_dir() {
        return inside(root, &volume.container_path);
    }
    let path = &volume.container_path;
    let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            format!("{} names no file", path.display()),
        ));
    };
    let file = inside(root, folder)?.join(name);
    if fs::symlink_metadata(&file).is_err() {
        replace(&file, b"")?;
    }
    Ok(file)
}

fn copy(from: &Path, to: &Path) -> io::Result<()> {
    let meta = fs::metadata(from)?;
    if meta.is_file() {
        replace(to, &fs::read(from)?)?;
        return fs::set_permissions(to, meta.permissions());
    }
    if !meta.is_dir() {
        return Ok(());
    }
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let to = to.join(entry.file_name());
        if entry.file_type()?.is_symlink() {
            symlink(fs::read_link(entry.path())?, &to)?;
            continue;
        }
        if entry.file_type()?.is_dir() && !to.exists() {
            fs::create_dir(&to)?;
            fs::set_permissions(&to, entry.metadata()?.permissions())?;
        }
        copy(&entry.path(), &to)?;
    }
    Ok(())
}

/// A file with this text, in place of whatever had its name.
fn replace(path: &Path, text: &[u8]) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o644)
        .open(path)?;
    file.write_all(text)?;
    file.set_permissions(Permissions::from_mode(0o644))
}

/// Tells the image who the user and its group are, unless it has names for them.
fn add_user(etc: &Path, user: &User) -> io::Result<()> {
    let group = group_name(user.gid).unwrap_or_else(|| user.name.clone());
    add_line(
        &etc.join("group"),
        &group,
        user.gid,
        &format!("{group}:x:{}:\n", user.gid),
    )?;
    let line = format!("{}:x:{}:{}::/:/bin/sh\n", user.name, user.uid, user.gid);
    add_line(&etc.join("passwd"), &user.name, user.uid, &line)
}

/// Adds a line to a file of names and numbers that has neither.
fn add_line(path: &Path, name: &str, number: u32, line: &str) -> io::Result<()> {
    let mut file: File = OpenOptions::new()
        .read(true)
        .append(true)
        .create(true)
        .mode(0o644)
        .custom_flags((OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK).bits())
        .open(path)?;
    let text = io::read_to_string(io::Read::take(&mut file, 1024 * 1024))?;
    let is_known = text.lines().any(|line| {
        let mut fields = line.split(':');
        fields.next() == Some(name)
            || fields.nth(1).and_then(|field| field.parse().ok()) == Some(number)
    });
    if is_known {
        return Ok(());
    }
    if !text.is_empty() && !text.ends_with('\n') {
        file.write_all(b"\n")?;
    }
    file.write_all(line.as_bytes())
}

/// `path` as it is seen from `base`, which it is under.
fn relative(base: &Path, path: &Path) -> PathBuf {
    path.strip_prefix(base).unwrap_or(path).to_path_buf()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_an_image_leads_out_of_it() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("root");
        fs::create_dir_all(root.join("etc")).unwrap();
        symlink("/etc", root.join("link")).unwrap();
        assert_eq!(inside(&root, Path::new("/a/b")).unwrap(), root.join("a/b"));
        assert!(root.join("a/b").is_dir());
        for bad in ["/link/x", "/a/../../x", "/link"] {
            assert!(inside(&root, Path::new(bad)).is_err(), "case `{bad}`");
        }
        symlink("/etc/passwd", root.join("etc/passwd")).unwrap();
        let user = User {
            name: "no-such-user".into(),
            uid: 4711,
            gid: 4711,
        };
        assert!(add_user(&root.join("etc"), &user).is_err());
    }

    #[test]
    fn an_image_learns_of_the_user_once() {
        let etc = tempfile::tempdir().unwrap();
        fs::write(etc.path().join("passwd"), "root:x:0:0::/root:/bin/sh").unwrap();
        let user = User {
            name: "web".into(),
            uid: 4711,
            gid: 4712,
        };
        for _ in 0..2 {
            add_user(etc.path(), &user).unwrap();
        }
        let read = |name: &str| fs::read_to_string(etc.path().join(name)).unwrap();
        assert_eq!(
            read("passwd"),
            "root:x:0:0::/root:/bin/sh\nweb:x:4711:4712::/:/bin/sh\n"
        );
        assert_eq!(read("group"), "web:x:4712:\n");
        let taken = User {
            name: "other".into(),
            ..user
        };
        add_user(etc.path(), &taken).unwrap();
        assert_eq!(read("passwd").lines().count(), 2, "the number has a name");
    }

    #[test]
    fn without_mounts_the_sandbox_is_in_the_image_and_only_reading_is_possible() {
        let run = tempfile::tempdir().unwrap();
        let shared = tempfile::tempdir().unwrap();
        fs::write(shared.path().join("file"), "text").unwrap();
        fs::create_dir(run.path().join(TASKFS)).unwrap();
        let volume = |read_only| Volume {
            host_path: shared.path().into(),
            container_path: "/shared".into(),
            read_only,
        };
        let at = Path::new("/mnt/mesos/sandbox");
        for _ in 0..2 {
            furnish(run.path(), at, &[volume(true)], false).unwrap();
        }
        fs::write(run.path().join("sandbox/out"), "").unwrap();
        let root = run.path().join(TASKFS);
        assert!(root.join("mnt/mesos/sandbox/out").exists());
        if nix::unistd::geteuid().is_root() {
            let null = fs::symlink_metadata(root.join("dev/null")).unwrap();
            assert!(null.file_type().is_char_device());
        }
        assert_eq!(
            fs::read_to_string(root.join("shared/file")).unwrap(),
            "text"
        );
        let error = furnish(run.path(), at, &[volume(false)], false).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the volume /shared cannot be written from an image, because this agent may not mount"
        );
    }

    #[test]
    fn volumes_are_copied_whole_and_files_replace_links() {
        let dir = tempfile::tempdir().unwrap();
        let (from, root) = (dir.path().join("from"), dir.path().join("root"));
        fs::create_dir_all(from.join("deep")).unwrap();
        fs::create_dir(&root).unwrap();
        fs::write(from.join("deep/file"), "text").unwrap();
        symlink("deep/file", from.join("link")).unwrap();
        let volume = |host: &Path, inside: &str| Volume {
            host_path: host.into(),
            container_path: inside.into(),
            read_only: true,
        };
        let to = target(&root, &volume(&from, "/data")).unwrap();
        copy(&from, &to).unwrap();
        assert_eq!(fs::read_to_string(root.join("data/link")).unwrap(), "text");
        let file = target(&root, &volume(&from.join("deep/file"), "/etc/one")).unwrap();
        copy(&from.join("deep/file"), &file).unwrap();
        assert_eq!(fs::read_to_string(root.join("etc/one")).unwrap(), "text");
        assert!(target(&root, &volume(&from.join("none"), "/x")).is_err());
    }
}
