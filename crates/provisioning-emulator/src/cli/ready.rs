//! The JSON object that the command writes when it listens, to stdout and to the ready file.

use std::{
    fmt, fs,
    io::{self, Write, stdout},
    path::{Path, PathBuf},
    str::FromStr,
};

use serde_json::{Value, json};

use crate::{emulator::Emulator, error::EmulatorError, identity::Folder, private_file};

/// Where the page is unless the object names another host.
pub(super) const LOCALHOST: &str = "localhost";

/// The JSON object.
pub(super) struct Ready {
    /// With the key of the control endpoint.
    complete: Value,
    /// Without it.
    public: Value,
    /// The file of the CA, absolute.
    ca: PathBuf,
}

impl Ready {
    pub(super) fn new(emulator: &Emulator, folder: &Folder) -> Result<Self, EmulatorError> {
        let ca = folder.ca_file();
        let ca = fs::canonicalize(&ca).map_err(|source| EmulatorError::file(&ca, source))?;
        let connection_string = emulator.connection_string();
        let mut complete = json!({
            "mqttPort": emulator.mqtt_port(),
            "wsPort": emulator.websocket_port(),
            "controlPort": emulator.control_port(),
            "pagePort": emulator.page_port(),
            "idScope": emulator.id_scope(),
            "ca": ca,
            "connectionString": connection_string,
        });
        // Elsewhere only if asked: the other members are what programs know.
        if emulator.page_host() != LOCALHOST {
            complete["pageHost"] = emulator.page_host().into();
        }
        let mut public = complete.clone();
        public["connectionString"] = without_key(&connection_string).into();
        Ok(Self { complete, public, ca })
    }

    /// The folder with the files, absolute.
    pub(super) fn folder(&self) -> &Path {
        self.ca.parent().unwrap_or(Path::new("."))
    }

    /// Prints the object without the key: output ends up in the logs of CI.
    pub(super) fn print(&self) -> Result<(), EmulatorError> {
        print(&self.public)
    }

    /// Writes the object to a file in one step: a reader sees the whole object or no file.
    pub(super) fn write(&self, path: &Path, mode: FileMode) -> Result<(), EmulatorError> {
        let target = target(path)?;
        let unfinished = private_file::unfinished(&target);
        let written =
            write(&target, mode, &format!("{}\n", self.complete)).and_then(|()| fs::rename(&unfinished, &target));
        written.map_err(|source| {
            // It may be missing.
            let _ = fs::remove_file(&unfinished);
            EmulatorError::file(path, source)
        })
    }
}

/// Prints a line to stdout.
pub(super) fn print(line: &impl fmt::Display) -> Result<(), EmulatorError> {
    match writeln!(stdout(), "{line}") {
        // The reader may have closed its end.
        Err(source) if source.kind() != io::ErrorKind::BrokenPipe => Err(EmulatorError::Stdout { source }),
        _ => Ok(()),
    }
}

/// The path of a ready file after links.
///
/// # Errors
/// Something else than a regular file is there.
pub(super) fn target(path: &Path) -> Result<PathBuf, EmulatorError> {
    if fs::metadata(path).is_ok_and(|found| !found.is_file()) {
        let path = path.to_owned();
        return Err(EmulatorError::ReadyFile { path });
    }
    let mut target = path.to_owned();
    // `metadata` has followed these links: they have an end, or are an error for the writer.
    for _ in 0..40 {
        match fs::read_link(&target) {
            Ok(next) => target = target.with_file_name(next),
            Err(_) => break,
        }
    }
    Ok(target)
}

/// A connection string without its `SharedAccessKey`.
fn without_key(connection_string: &str) -> String {
    let fields = connection_string.split(';');
    let public: Vec<_> = fields.filter(|field| !field.starts_with("SharedAccessKey=")).collect();
    public.join(";")
}

/// Writes the file that replaces the one at `path`. It has this mode before it has content.
fn write(path: &Path, mode: FileMode, text: &str) -> io::Result<()> {
    let mut file = private_file::create_unfinished(path)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        // A mode in `open` is subject to the umask.
        file.set_permissions(fs::Permissions::from_mode(mode.0))?;
    }
    #[cfg(not(unix))]
    let FileMode(_) = mode;
    file.write_all(text.as_bytes())
}

/// The permissions of a file on Unix, which text has in octal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FileMode(u32);

impl Default for FileMode {
    /// Read and written by its owner.
    fn default() -> Self {
        Self(0o600)
    }
}

impl FromStr for FileMode {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match u32::from_str_radix(text, 8) {
            Ok(mode @ ..=0o777) => Ok(Self(mode)),
            _ => Err("a mode is an octal number up to 777, such as 644"),
        }
    }
}

impl fmt::Display for FileMode {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:o}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_is_removed_from_a_connection_string_and_nothing_else() {
        let complete = "HostName=h:1;SharedAccessKeyName=n;SharedAccessKey=a2V5==";
        assert_eq!(without_key(complete), "HostName=h:1;SharedAccessKeyName=n");
    }

    #[test]
    fn a_mode_is_an_octal_number_of_three_digits_at_most() {
        assert_eq!("644".parse(), Ok(FileMode(0o644)));
        assert_eq!(
            "0640".parse::<FileMode>().map(|mode| mode.to_string()),
            Ok("640".to_owned())
        );
        for wrong in ["", "8", "1777", "-1", "rw"] {
            assert!(wrong.parse::<FileMode>().is_err(), "{wrong}");
        }
    }
}
