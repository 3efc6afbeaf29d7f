//! The file: a line with the version of the format, then a change on each line. Changes are appended to it. It is replaced
//! as a whole at the start, when it has grown, and after a failed write.

use std::{
    fs::{self, File},
    io::{self, Read, Write},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use super::{change::Change, image::Image};
use crate::{
    error::EmulatorError,
    file_lock::{FileLock, Taken},
    input::without_text,
    private_file,
};

/// The version of the format.
const VERSION: u32 = 1;

/// A file that is larger than this number of bytes, and than four times its size when it was replaced, is replaced.
const MAX_GROWN_SIZE: u64 = 4 * 1024 * 1024;

/// The first line of the file.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Header {
    dps_emulator_state: u32,
}

/// The file, and the state that it holds.
pub(crate) struct Store {
    path: PathBuf,
    pub(super) image: Image,
    /// To append to; `None` until the file is replaced, and after an error: the file may end with half a line then.
    file: Option<File>,
    /// The sizes of the file when it was replaced, and now.
    replaced_size: u64,
    size: u64,
    /// Held while this process uses the file.
    _lock: FileLock,
}

impl Store {
    /// Reads the file at `path`, which need not exist. It is not changed. Until the process ends, no other can open it.
    ///
    /// # Errors
    /// [`EmulatorError::InvalidFile`] if it is damaged, or another emulator uses it.
    pub(crate) fn open(path: &Path) -> Result<Self, EmulatorError> {
        let lock = lock(path)?;
        let image = match contents(path) {
            Ok(contents) => read(&contents).map_err(|problem| EmulatorError::damaged(path, &problem))?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Image::default(),
            Err(error) => return Err(EmulatorError::file(path, error)),
        };
        Ok(Self {
            path: path.to_owned(),
            image,
            file: None,
            replaced_size: 0,
            size: 0,
            _lock: lock,
        })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The state in the file.
    pub(crate) fn image(&self) -> &Image {
        &self.image
    }

    /// Replaces the file by one with this state.
    pub(crate) fn begin(&mut self, image: Image) -> Result<(), EmulatorError> {
        self.image = image;
        let replaced = self.replace();
        replaced.map_err(|source| EmulatorError::file(&self.path, source))
    }

    /// Writes these changes, and those that an earlier call could not write, and waits until they are on the disk.
    pub(super) fn write(&mut self, changes: Vec<Change>) -> io::Result<()> {
        let lines = self.file.is_some().then(|| lines(changes.iter().map(line)));
        for change in changes {
            self.image.apply(change);
        }
        let has_grown = self.size > self.replaced_size.saturating_mul(4).max(MAX_GROWN_SIZE);
        match (self.file.take(), lines) {
            (Some(mut file), Some(lines)) if !has_grown => {
                file.write_all(&lines)?;
                file.sync_data()?;
                self.size += lines.len() as u64;
                self.file = Some(file);
                Ok(())
            }
            _ => self.replace(),
        }
    }

    /// Replaces the file by one with this state, in one step.
    fn replace(&mut self) -> io::Result<()> {
        self.file = None;
        let mut file = private_file::create_unfinished(&self.path)?;
        let header = serde_json::to_string(&Header {
            dps_emulator_state: VERSION,
        });
        let changes = self.image.changes().map(|change| line(&change));
        // JSON with text as keys can always be written.
        let contents = lines([header.unwrap_or_default()].into_iter().chain(changes));
        file.write_all(&contents)?;
        file.sync_all()?;
        fs::rename(private_file::unfinished(&self.path), &self.path)?;
        sync_folder(&self.path)?;
        self.replaced_size = contents.len() as u64;
        self.size = self.replaced_size;
        self.file = Some(file);
        Ok(())
    }
}

/// A change as JSON, which has no line breaks.
fn line(change: &Change) -> String {
    // JSON with text as keys can always be written.
    serde_json::to_string(change).unwrap_or_default()
}

fn lines(lines: impl Iterator<Item = String>) -> Vec<u8> {
    let mut bytes = vec![];
    for line in lines {
        bytes.extend_from_slice(line.as_bytes());
        bytes.push(b'\n');
    }
    bytes
}

/// All bytes of the file.
fn contents(path: &Path) -> io::Result<Vec<u8>> {
    let mut contents = vec![];
    private_file::open(File::options().read(true), path)?.read_to_end(&mut contents)?;
    Ok(contents)
}

/// Parses the contents of a file. An incomplete last line is ignored: the process ended while it wrote the line, and the
/// change in it was not acknowledged. The error says which line is damaged.
fn read(contents: &[u8]) -> Result<Image, String> {
    let mut complete: Vec<_> = contents.split(|byte| *byte == b'\n').collect();
    complete.pop();
    let mut numbered = complete.into_iter().enumerate();
    let Some((_, header)) = numbered.next() else {
        return Err("its first line, which says what it is, is missing".to_owned());
    };
    let header: Header = serde_json::from_slice(header)
        .map_err(|_| "line 1 does not say that it is the state of an emulator".to_owned())?;
    if header.dps_emulator_state != VERSION {
        return Err("another version of the emulator wrote it".to_owned());
    }
    let mut image = Image::default();
    for (index, line) in numbered {
        let change = serde_json::from_slice(line).map_err(|error| {
            let (number, error) = (index + 1, without_text(&error.to_string()));
            format!("line {number} is no change of its state ({error})")
        })?;
        image.apply(change);
    }
    Ok(image)
}

/// A rename is on the disk once its folder is.
#[cfg(unix)]
fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

#[cfg(not(unix))]
fn sync_folder(_: &Path) -> io::Result<()> {
    Ok(())
}

/// Keeps other emulators from the file: each would replace what the other wrote.
fn lock(path: &Path) -> Result<FileLock, EmulatorError> {
    let mut name = path.to_owned().into_os_string();
    name.push(".lock");
    let name = PathBuf::from(name);
    let opened = private_file::open(File::options().write(true).create(true).truncate(false), &name);
    let file = opened.map_err(|source| EmulatorError::file(&name, source))?;
    FileLock::take(file).map_err(|Taken| {
        EmulatorError::InvalidFile(format!(
            "{} is used by another emulator; end that one, or give this one a folder of its own",
            path.display()
        ))
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use tempfile::tempdir;

    use super::*;
    use crate::{
        enrollment::{EnrollmentKind, EnrollmentRef},
        persistence::SavedEnrollment,
    };

    fn enrolled(id: &str, size: usize) -> Change {
        Change::Enrolled(SavedEnrollment {
            of: EnrollmentRef::new(EnrollmentKind::Individual, id),
            body: json!({"deviceId": "x".repeat(size)}),
        })
    }

    fn opened(path: &Path) -> Store {
        let mut store = Store::open(path).expect("a store");
        store.begin(store.image.clone()).expect("written");
        store
    }

    #[test]
    fn a_file_that_has_grown_is_replaced_and_has_the_latest_state() {
        let folder = tempdir().expect("a folder");
        let path = folder.path().join("state");
        let mut store = opened(&path);
        let mut largest = 0;
        for number in 0..40 {
            store
                .write(vec![enrolled("a", 512 * 1024), enrolled(&number.to_string(), 1)])
                .expect("written");
            largest = largest.max(fs::metadata(&path).expect("a file").len());
        }
        assert!(largest < 6 * 1024 * 1024, "{largest}");
        drop(store);
        assert_eq!(opened(&path).image.enrolled.len(), 41);
    }

    #[test]
    fn a_last_line_without_its_end_is_ignored_and_any_other_damage_is_named_by_its_line() {
        let folder = tempdir().expect("a folder");
        let path = folder.path().join("state");
        let mut store = opened(&path);
        store.write(vec![enrolled("a", 1)]).expect("written");
        drop(store);
        let whole = fs::read(&path).expect("a file");
        for torn in [&b"{"[..], b"{\"enrolled\":{\"of\"", b"\0\0\0\0"] {
            let image = read(&[&whole, torn].concat()).expect("an image");
            assert_eq!(image.enrolled.len(), 1);
        }
        let problem = |contents: &[u8]| read(contents).expect_err("damaged");
        assert!(problem(b"").contains("first line"));
        assert!(problem(b"{}\n").contains("line 1"));
        assert!(problem(b"{\"dpsEmulatorState\":2}\n").contains("another version"));
        let wrong = [&whole, &b"{\"enrolled\":{}}\n"[..]].concat();
        assert!(
            problem(&wrong).starts_with("line 3 is no change"),
            "{}",
            problem(&wrong)
        );
        let key = [&whole, &b"{\"cHJpbWFyeQ==\":1}\n"[..]].concat();
        assert!(!problem(&key).contains("cHJp"), "no secret: {}", problem(&key));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn after_a_failed_write_the_next_one_replaces_the_file() {
        let folder = tempdir().expect("a folder");
        let path = folder.path().join("state");
        let mut store = opened(&path);
        let full = File::options().write(true).open("/dev/full").expect("a device");
        store.file = Some(full);
        assert!(store.write(vec![enrolled("a", 1)]).is_err());
        store.write(vec![enrolled("b", 1)]).expect("written");
        drop(store);
        assert_eq!(
            opened(&path).image.enrolled.len(),
            2,
            "the change that failed is written, too"
        );
    }
}
