//! Reading files within limits.

use std::{
    fs::{self, File},
    io::{self, ErrorKind, Read},
    path::Path,
    sync::mpsc,
    thread,
    time::Duration,
};

/// The size of the largest file that is read. A device (`/dev/zero`) has no end.
const MAX_SIZE: u64 = 4 * 1024 * 1024;

/// How long a pipe or a device is read.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Reads a file of at most 4 MiB. A pipe or a device must end within 5 s.
pub(crate) fn read_file(path: &Path) -> io::Result<Vec<u8>> {
    read_within(path, TIMEOUT)
}

fn read_within(path: &Path, timeout: Duration) -> io::Result<Vec<u8>> {
    if fs::metadata(path)?.is_file() {
        return read_all(path);
    }
    // Opening and reading a pipe blocks until another program writes to it. The thread ends with the process.
    let (sender, receiver) = mpsc::sync_channel(1);
    let path = path.to_owned();
    let reading = move || {
        // The receiver is gone if the time is over.
        let _ = sender.send(read_all(&path));
    };
    thread::Builder::new().name("input".to_owned()).spawn(reading)?;
    receiver.recv_timeout(timeout).unwrap_or_else(|_| {
        let expected = "expected contents that end within 5 s; it is a pipe or a device that does not end";
        Err(io::Error::new(ErrorKind::TimedOut, expected))
    })
}

fn read_all(path: &Path) -> io::Result<Vec<u8>> {
    read_opened(File::open(path)?)
}

/// Reads an open file of at most 4 MiB.
pub(crate) fn read_opened(file: File) -> io::Result<Vec<u8>> {
    let mut bytes = vec![];
    file.take(MAX_SIZE + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_SIZE {
        return Err(io::Error::new(
            ErrorKind::FileTooLarge,
            "expected a file of at most 4 MiB",
        ));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_at_most_4_mib_is_read() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("large");
        let file = File::create(&path).expect("created");
        for (size, is_read) in [(0, true), (MAX_SIZE, true), (MAX_SIZE + 1, false)] {
            file.set_len(size).expect("resized");
            assert_eq!(read_file(&path).is_ok(), is_read, "{size}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_pipe_without_a_writer_and_a_device_without_an_end_are_errors() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("pipe");
        let made = std::process::Command::new("mkfifo").arg(&path).status();
        assert!(made.expect("mkfifo").success());
        let error = read_within(&path, Duration::from_millis(20)).expect_err("a pipe");
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        let error = read_file(Path::new("/dev/zero")).expect_err("a device");
        assert_eq!(error.to_string(), "expected a file of at most 4 MiB");
    }
}
