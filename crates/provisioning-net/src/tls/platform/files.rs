//! The files of the platform's trust store: read once in a process, and again when they have changed.

use std::{
    env, fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError},
    time::Duration,
};

use rustls::RootCertStore;
use rustls_native_certs::load_native_certs;
use tokio::time::Instant;

/// For how long the files are not looked at again: to look at some hundred of them costs more than a handshake.
const MAX_AGE: Duration = Duration::from_secs(1);

/// The latest trust store of this process.
static LATEST: Mutex<Option<Latest>> = Mutex::new(None);

struct Latest {
    files: Arc<TrustedFiles>,
    looked_at: Instant,
}

impl Latest {
    fn recent(&self) -> Option<&Arc<TrustedFiles>> {
        (self.looked_at.elapsed() < MAX_AGE).then_some(&self.files)
    }
}

/// The certificates of the trust store, and the state of the files that they were read from.
#[derive(Debug)]
pub(super) struct TrustedFiles {
    fingerprint: Fingerprint,
    roots: Arc<RootCertStore>,
}

impl TrustedFiles {
    /// The trust store, if its files were looked at a moment ago. Does not block.
    pub(super) fn recent() -> Option<Arc<Self>> {
        let latest = match LATEST.try_lock() {
            Ok(latest) => latest,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return None,
        };
        latest.as_ref()?.recent().cloned()
    }

    /// The trust store as it is now, give or take a second.
    pub(super) fn current() -> Arc<Self> {
        let mut latest = latest();
        if let Some(files) = latest.as_ref().and_then(Latest::recent) {
            // Another thread looked at them while this one waited.
            return Arc::clone(files);
        }
        let looked_at = Instant::now();
        let fingerprint = Fingerprint::of(&places());
        let files = match latest.take() {
            Some(Latest { files, .. }) if files.fingerprint == fingerprint => files,
            _ => Arc::new(Self {
                fingerprint,
                roots: Arc::new(read()),
            }),
        };
        let kept = Arc::clone(&files);
        *latest = Some(Latest { files, looked_at });
        kept
    }

    pub(super) fn roots(&self) -> &Arc<RootCertStore> {
        &self.roots
    }
}

impl PartialEq for TrustedFiles {
    fn eq(&self, other: &Self) -> bool {
        self.fingerprint == other.fingerprint
    }
}

impl Eq for TrustedFiles {}

fn latest() -> MutexGuard<'static, Option<Latest>> {
    // The value is replaced as a whole, so it is consistent even if the lock is poisoned.
    LATEST.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The certificates in the files. What cannot be read or parsed is left out.
fn read() -> RootCertStore {
    let mut roots = RootCertStore::empty();
    let loaded = load_native_certs();
    let (_, ignored) = roots.add_parsable_certificates(loaded.certs);
    if ignored > 0 || !loaded.errors.is_empty() {
        tracing::debug!(
            ignored,
            errors = loaded.errors.len(),
            "a part of the trust store cannot be used"
        );
    }
    roots
}

/// What the file system says about the files and directories that rustls-native-certs reads.
#[derive(Debug, PartialEq, Eq)]
struct Fingerprint {
    places: Vec<Stamp>,
    /// The entries of the directories.
    entries: Vec<Stamp>,
}

impl Fingerprint {
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

/// One file or directory. A link is followed: its target counts.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Stamp {
    path: PathBuf,
    inode: u64,
    len: u64,
    modified: (i64, i64),
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

    use tokio::time::advance;

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
    }

    #[tokio::test(start_paused = true)]
    async fn they_are_recent_for_a_second() {
        let latest = Latest {
            files: Arc::new(TrustedFiles {
                fingerprint: Fingerprint::of(&[]),
                roots: Arc::new(RootCertStore::empty()),
            }),
            looked_at: Instant::now(),
        };
        advance(MAX_AGE - Duration::from_millis(1)).await;
        assert!(latest.recent().is_some());
        advance(Duration::from_millis(1)).await;
        assert!(latest.recent().is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn the_files_are_read_once_while_they_do_not_change() {
        let first = TrustedFiles::current();
        for age in [Duration::ZERO, MAX_AGE] {
            advance(age).await;
            assert!(Arc::ptr_eq(&first, &TrustedFiles::current()));
        }
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
