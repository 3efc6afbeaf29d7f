//! Whether the files of the platform's trust store have changed, without reading them.

use std::{
    env, fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

/// For how long the entries of directories are not looked at again: a store of some hundred entries costs more than a
/// handshake.
const ENTRIES_MAX_AGE: Duration = Duration::from_secs(1);

/// The latest fingerprint of this process, and when its entries were looked at.
static LATEST: Mutex<Option<(Instant, Arc<Fingerprint>)>> = Mutex::new(None);

/// What the file system says about the files and directories that rustls-native-certs reads.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Fingerprint {
    places: Vec<Stamp>,
    /// The entries of the directories.
    entries: Vec<Stamp>,
}

/// One file or directory. A link is followed: its target counts.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Stamp {
    path: PathBuf,
    inode: u64,
    len: u64,
    modified: (i64, i64),
}

impl Fingerprint {
    /// A changed file or directory shows at once; an entry that is changed in place, within a second.
    pub(super) fn of_trust_store() -> Arc<Self> {
        let places = places();
        // The value is replaced as a whole, so it is consistent even if the lock is poisoned.
        let mut latest = LATEST.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((at, fingerprint)) = &*latest
            && at.elapsed() < ENTRIES_MAX_AGE
            && fingerprint.places == stamps(&places)
        {
            return Arc::clone(fingerprint);
        }
        let fingerprint = Arc::new(Self::of(&places));
        *latest = Some((Instant::now(), Arc::clone(&fingerprint)));
        fingerprint
    }

    fn of(places: &[PathBuf]) -> Self {
        let directories = places.iter().filter_map(|path| fs::read_dir(path).ok());
        let paths: Vec<_> = directories
            .flat_map(|entries| entries.flatten().map(|entry| entry.path()))
            .collect();
        Self {
            places: stamps(places),
            entries: stamps(&paths),
        }
    }
}

/// The stamps of all that exist, in a fixed order.
fn stamps(paths: &[PathBuf]) -> Vec<Stamp> {
    let mut stamps: Vec<_> = paths.iter().filter_map(|path| Stamp::of(path)).collect();
    stamps.sort_unstable();
    stamps
}

impl Stamp {
    /// `None` for what does not exist or cannot be looked at.
    fn of(path: &Path) -> Option<Self> {
        let metadata = fs::metadata(path).ok()?;
        Some(Self {
            path: path.to_owned(),
            inode: metadata.ino(),
            len: metadata.len(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
        })
    }
}

/// Where rustls-native-certs looks: at what the environment names, and otherwise at the usual places.
fn places() -> Vec<PathBuf> {
    let file = env::var_os(openssl_probe::ENV_CERT_FILE).map(PathBuf::from);
    let directories = env::var_os(openssl_probe::ENV_CERT_DIR);
    let directories = directories.iter().flat_map(env::split_paths);
    let named: Vec<_> = file
        .into_iter()
        .chain(directories.filter(|path| !path.as_os_str().is_empty()))
        .collect();
    if !named.is_empty() {
        return named;
    }
    let usual = openssl_probe::probe();
    usual.cert_file.into_iter().chain(usual.cert_dir).collect()
}

#[cfg(test)]
mod tests {
    use std::{os::unix::fs::symlink, time::SystemTime};

    use super::*;

    /// Writes the same number of bytes, at another time.
    fn rewrite(path: &Path) {
        fs::write(path, "two").expect("written");
        let file = fs::File::options().write(true).open(path).expect("a file");
        file.set_modified(SystemTime::UNIX_EPOCH).expect("another time");
    }

    #[test]
    fn it_is_the_same_while_nothing_changes() {
        let dir = tempfile::tempdir().expect("a directory");
        fs::write(dir.path().join("a.pem"), "one").expect("written");
        let places = [dir.path().to_owned(), dir.path().join("missing")];
        assert_eq!(Fingerprint::of(&places), Fingerprint::of(&places));
        assert_eq!(Fingerprint::of_trust_store(), Fingerprint::of_trust_store());
    }

    #[tokio::test(start_paused = true)]
    async fn the_latest_one_is_used_again_while_the_places_are_the_same() {
        let (one, other) = (Fingerprint::of_trust_store(), Fingerprint::of_trust_store());
        assert!(Arc::ptr_eq(&one, &other));
    }

    #[test]
    fn it_changes_with_every_way_to_change_a_trust_store() {
        type Change = fn(&Path);
        let changes: [(&str, Change); 6] = [
            ("the file is rewritten", |dir| rewrite(&dir.join("bundle.pem"))),
            ("the file is replaced", |dir| {
                fs::write(dir.join("new"), "one").expect("written");
                fs::rename(dir.join("new"), dir.join("bundle.pem")).expect("renamed");
            }),
            ("the file is removed", |dir| {
                fs::remove_file(dir.join("bundle.pem")).expect("removed");
            }),
            ("an entry is added", |dir| {
                fs::write(dir.join("certs/b.pem"), "b").expect("written");
            }),
            ("an entry is removed", |dir| {
                fs::remove_file(dir.join("certs/a.pem")).expect("removed");
            }),
            ("the target of a link is rewritten", |dir| {
                rewrite(&dir.join("target.pem"))
            }),
        ];
        for (what, change) in changes {
            let dir = tempfile::tempdir().expect("a directory");
            let path = dir.path();
            fs::create_dir(path.join("certs")).expect("a directory");
            for name in ["bundle.pem", "target.pem", "certs/a.pem"] {
                fs::write(path.join(name), "one").expect("written");
            }
            symlink(path.join("target.pem"), path.join("certs/link.pem")).expect("a link");
            let places = [path.join("bundle.pem"), path.join("certs")];
            let before = Fingerprint::of(&places);
            change(path);
            assert_ne!(Fingerprint::of(&places), before, "{what}");
        }
    }
}
