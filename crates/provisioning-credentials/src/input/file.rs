//! Reads an input from a file, within limits. Errors name the input and the file.

use std::{
    fmt,
    fs::{self, Metadata},
    io::{self, Read},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError, mpsc},
    thread,
    time::{Duration, Instant},
};

use provisioning_types::{InvalidInput, Secret, is_secret_instead_of_path};

/// The size of the largest file that is read, in bytes. A device such as `/dev/zero` has no end.
const MAX_SIZE: u64 = 4 * 1024 * 1024;

/// The timeout of reading a pipe or a device, unless a deadline is set.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(30);

/// A file that contains an input. Cheap to clone.
///
/// A regular file is read again whenever the input is needed, so a replaced file needs no restart. Anything else, such
/// as a pipe or `/dev/stdin`, is read once: this file and its clones keep the contents.
///
/// At most 4 MiB are read. A pipe or a device must end within 30 s, or by the time that
/// [`with_deadline`](Self::with_deadline) sets.
#[derive(Clone)]
pub struct InputFile {
    path: PathBuf,
    deadline: Option<Instant>,
    is_path_secret: bool,
    /// The contents of a pipe or a device.
    kept: Arc<Mutex<Option<Secret>>>,
}

impl InputFile {
    /// The file at `path`. It is not read yet.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            deadline: None,
            is_path_secret: false,
            kept: Arc::default(),
        }
    }

    /// Sets the time by which a pipe or a device must end.
    #[must_use]
    pub fn with_deadline(mut self, deadline: Instant) -> Self {
        self.deadline = Some(deadline);
        self
    }

    #[must_use]
    fn with_secret_path(mut self) -> Self {
        self.is_path_secret = true;
        self
    }

    /// The path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Reads the contents. `what` names the input in the error, such as `CA certificates`.
    ///
    /// # Errors
    /// [`InvalidInput`] naming the file: it cannot be read, is too large, or did not end in time. A path that does not
    /// exist and looks like a key is not repeated.
    pub fn read(&self, what: &'static str) -> Result<Secret, InvalidInput> {
        let kind = fs::metadata(&self.path);
        if kind.as_ref().is_ok_and(Metadata::is_file) {
            let contents = read_all(&self.path).map_err(|error| self.unreadable(what, &error))?;
            return self.checked(what, contents);
        }
        // Locked while it is read: a second reader would find an empty pipe. Nothing panics while it is locked.
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(contents) = &*kept {
            return Ok(contents.clone());
        }
        if kind.map_err(|error| self.unreadable(what, &error))?.is_dir() {
            return Err(InvalidInput::new(what, "a file").with_found("a folder").found_in(self));
        }
        let contents = self.read_within_timeout(what)?;
        Ok(kept.insert(contents).clone())
    }

    /// Reads a passphrase: the contents without a byte order mark, and without the line break at the end, which editors
    /// add. The path is not repeated if there is no such file, as it may be the passphrase.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn read_passphrase(&self) -> Result<Secret, InvalidInput> {
        let contents = self.clone().with_secret_path().read("passphrase")?;
        let text = contents.expose();
        let text = text.strip_prefix("\u{feff}".as_bytes()).unwrap_or(text);
        let line = text.strip_suffix(b"\n").unwrap_or(text);
        Ok(Secret::new(line.strip_suffix(b"\r").unwrap_or(line).to_vec()))
    }

    /// Reads the input and parses it. The error of `parse` names the input, and gets the file.
    pub(crate) fn parse<T>(
        &self,
        what: &'static str,
        parse: impl FnOnce(&[u8]) -> Result<T, InvalidInput>,
    ) -> Result<T, InvalidInput> {
        parse(self.read(what)?.expose()).map_err(|error| error.found_in(self))
    }

    /// Opening and reading a pipe blocks until another program writes to it. The thread ends with the process.
    fn read_within_timeout(&self, what: &'static str) -> Result<Secret, InvalidInput> {
        let (sender, receiver) = mpsc::sync_channel(1);
        let path = self.path.clone();
        let reading = move || {
            // The receiver is dropped after the timeout.
            let _ = sender.send(read_all(&path));
        };
        let timeout = self.deadline.map_or(DEFAULT_TIMEOUT, until);
        let contents = match thread::Builder::new().name("input".to_owned()).spawn(reading) {
            Ok(_) => receiver.recv_timeout(timeout).map_err(|_| self.endless(what))?,
            Err(_) => read_all(&self.path),
        };
        let contents = contents.map_err(|error| self.unreadable(what, &error))?;
        self.checked(what, contents)
    }

    fn checked(&self, what: &'static str, contents: Secret) -> Result<Secret, InvalidInput> {
        if contents.expose().len() as u64 > MAX_SIZE {
            return Err(InvalidInput::new(what, "a file of at most 4 MiB").found_in(self));
        }
        Ok(contents)
    }

    fn endless(&self, what: &'static str) -> InvalidInput {
        InvalidInput::new(what, "contents that end within the time limit")
            .with_found("a pipe or a device that does not end")
            .with_remedy("check the program that writes to it")
            .found_in(self)
    }

    fn unreadable(&self, what: &'static str, error: &io::Error) -> InvalidInput {
        if error.kind() == io::ErrorKind::PermissionDenied {
            return InvalidInput::new(what, "a file that this user may read").found_in(self);
        }
        let expected = match error.kind() {
            io::ErrorKind::NotFound => "a file that exists".to_owned(),
            kind => format!("a readable file ({kind})"),
        };
        let path = self.path.to_string_lossy();
        let invalid = InvalidInput::new(what, expected);
        if is_secret_instead_of_path(&path) {
            return invalid
                .with_found("the key itself")
                .with_remedy("give the name of a file that contains it");
        }
        if self.is_path_secret {
            return invalid.with_remedy("the name is not repeated here, as it may be the secret itself");
        }
        match remedy_for_path(&path) {
            Some(remedy) => invalid.with_remedy(remedy).found_in(self),
            None => invalid.found_in(self),
        }
    }
}

impl<P: Into<PathBuf>> From<P> for InputFile {
    fn from(path: P) -> Self {
        Self::new(path)
    }
}

/// Shows the path.
impl fmt::Display for InputFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.path.display().fmt(f)
    }
}

impl fmt::Debug for InputFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("InputFile").field(&self.path).finish()
    }
}

/// What to do about a path that does not exist.
fn remedy_for_path(path: &str) -> Option<&'static str> {
    if path == "-" {
        Some("give `/dev/stdin` to read standard input")
    } else if path.starts_with('~') {
        Some("the shell did not expand the `~`: write the path of the home folder")
    } else if path.starts_with("file:") {
        Some("give a path instead of a URL")
    } else if path.starts_with("pkcs11:") {
        Some("a key in a PKCS#11 token is not a file: sign with it through an `X509Signer`")
    } else {
        None
    }
}

#[expect(clippy::disallowed_methods, reason = "a thread waits here, outside of any runtime")]
fn until(deadline: Instant) -> Duration {
    deadline.saturating_duration_since(Instant::now())
}

fn read_all(path: &Path) -> io::Result<Secret> {
    let file = fs::File::open(path)?;
    // Room for all of it: a buffer that grows leaves copies of a secret behind.
    let size = file.metadata()?.len().min(MAX_SIZE);
    let mut bytes = Vec::with_capacity(usize::try_from(size).map_or(0, |size| size + 1));
    file.take(MAX_SIZE + 1).read_to_end(&mut bytes)?;
    Ok(Secret::new(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHAT: &str = "private key";

    fn error(file: &InputFile) -> String {
        file.read(WHAT).expect_err("unreadable").to_string()
    }

    #[test]
    fn a_regular_file_is_read_again_and_its_errors_name_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("device.key");
        let file = InputFile::new(&path);
        let named = format!("private key in {} cannot be used", path.display());
        assert_eq!(error(&file), format!("{named}: expected a file that exists"));
        for contents in ["one", "another"] {
            fs::write(&path, contents).expect("written");
            assert_eq!(file.read(WHAT).expect("contents").expose(), contents.as_bytes());
        }
        let large = fs::File::create(&path).expect("created");
        large.set_len(MAX_SIZE).expect("made larger");
        assert!(file.read(WHAT).is_ok());
        large.set_len(MAX_SIZE + 1).expect("made larger");
        assert_eq!(error(&file), format!("{named}: expected a file of at most 4 MiB"));
        let folder = InputFile::new(folder.path());
        assert!(
            error(&folder).contains("it is a folder, expected a file"),
            "{}",
            error(&folder)
        );
    }

    #[test]
    fn reading_a_regular_file_waits_for_no_other_reader() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = InputFile::new(folder.path().join("device.key"));
        fs::write(file.path(), "one").expect("written");
        let _reading = file.kept.lock();
        let (sender, contents) = mpsc::channel();
        let other = file.clone();
        thread::spawn(move || sender.send(other.read(WHAT)));
        let contents = contents
            .recv_timeout(Duration::from_secs(10))
            .expect("it does not wait");
        assert_eq!(contents.expect("contents").expose(), b"one");
    }

    #[cfg(unix)]
    mod pipes {
        use std::{io::Write, process::Command};

        use super::*;

        fn fifo(folder: &Path) -> PathBuf {
            let path = folder.join("pipe");
            let made = Command::new("mkfifo").arg(&path).status().expect("mkfifo");
            assert!(made.success());
            path
        }

        #[test]
        fn a_pipe_is_read_once_and_kept_for_all_clones() {
            let folder = tempfile::tempdir().expect("a folder");
            let path = fifo(folder.path());
            let file = InputFile::new(&path);
            let writer = thread::spawn(move || {
                let mut pipe = fs::OpenOptions::new().write(true).open(path).expect("open");
                pipe.write_all(b"the key").expect("written");
            });
            for file in [file.clone(), file.clone(), file] {
                assert_eq!(file.read(WHAT).expect("contents").expose(), b"the key");
            }
            writer.join().expect("no panic");
        }

        #[test]
        fn clones_that_read_a_pipe_at_the_same_time_get_the_same_contents() {
            let folder = tempfile::tempdir().expect("a folder");
            let path = fifo(folder.path());
            let file = InputFile::new(&path);
            let readers = [file.clone(), file].map(|file| thread::spawn(move || file.read(WHAT)));
            fs::write(path, b"the key").expect("written");
            for reader in readers {
                let contents = reader.join().expect("no panic").expect("contents");
                assert_eq!(contents.expose(), b"the key");
            }
        }

        #[test]
        fn a_pipe_that_nobody_writes_to_and_a_device_without_an_end_are_errors() {
            let folder = tempfile::tempdir().expect("a folder");
            #[expect(clippy::disallowed_methods, reason = "no runtime")]
            let deadline = Instant::now() + Duration::from_millis(20);
            let silent = InputFile::new(fifo(folder.path())).with_deadline(deadline);
            assert!(
                error(&silent).contains("does not end, expected contents that end within the time limit"),
                "{}",
                error(&silent)
            );
            let endless = InputFile::new("/dev/zero");
            assert!(error(&endless).ends_with("in /dev/zero cannot be used: expected a file of at most 4 MiB"));
        }
    }

    #[test]
    fn a_secret_in_the_place_of_a_path_is_not_repeated() {
        let pem = "-----BEGIN PRIVATE KEY-----\nMIIsecret\n-----END PRIVATE KEY-----";
        let secret = "c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0Cg==";
        for file in [
            InputFile::new(pem),
            InputFile::new(secret),
            InputFile::new("hunter2").with_secret_path(),
        ] {
            let error = error(&file);
            assert!(!error.contains("secret="), "{error}");
            assert!(
                !["MIIsecret", secret, "hunter2"]
                    .iter()
                    .any(|secret| error.contains(secret)),
                "{error}"
            );
        }
    }

    #[test]
    fn of_a_passphrase_only_a_mark_and_one_line_break_are_removed() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = InputFile::new(folder.path().join("passphrase"));
        for (contents, passphrase) in [
            ("a b ", "a b "),
            ("a\n", "a"),
            ("a\r\n", "a"),
            ("a\n\n", "a\n"),
            ("\u{feff}a", "a"),
            ("\n", ""),
        ] {
            fs::write(file.path(), contents).expect("written");
            assert_eq!(file.read_passphrase().expect("read").expose(), passphrase.as_bytes());
        }
        fs::write(file.path(), [0xff, 0xfe, b'\n']).expect("written");
        assert_eq!(file.read_passphrase().expect("any bytes").expose(), [0xff, 0xfe]);
        let missing = InputFile::new("hunter2")
            .read_passphrase()
            .expect_err("missing")
            .to_string();
        assert!(
            !missing.contains("hunter2") && missing.contains("not repeated"),
            "{missing}"
        );
    }

    #[test]
    fn a_path_that_is_none_is_explained() {
        for (path, expected) in [
            ("~/device.key", "did not expand the `~`"),
            ("-", "`/dev/stdin`"),
            ("file:///etc/device.key", "a path instead of a URL"),
            ("pkcs11:token=device", "PKCS#11 token"),
        ] {
            let error = error(&InputFile::new(path));
            assert!(error.contains(path) && error.contains(expected), "{error}");
        }
    }
}
