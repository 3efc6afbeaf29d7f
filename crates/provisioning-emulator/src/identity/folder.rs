//! The folder that keeps the CA, the server certificate, the devices' certificates and the symmetric keys.

use std::{
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
};

use super::{
    authority::{Authority, ServerIdentity},
    certificate::{CertificateSettings, KeyKind},
    existing::Existing,
    key::Key,
};
use crate::{
    error::EmulatorError,
    input::{private_key, read_file},
    private_file,
};

/// A folder with `ca.pem`, `ca.key`, `server.pem`, `server.key`, `group.key`, `devices/<id>.pem` and `.key`, and
/// `control.key`, the key of the control endpoint. Existing files are used, missing files are created. Keys have mode
/// 0600 on Unix: a file with a key that has a wider mode is restricted when it is read.
#[derive(Debug, Clone)]
pub struct Folder(PathBuf);

/// What the emulator has in its folder.
pub(crate) struct Identities {
    pub(crate) authority: Authority,
    pub(crate) server: ServerIdentity,
    pub(crate) control_key: Key,
    pub(crate) group_key: Key,
}

/// The contents of the files of a certificate and its key.
type Pair = (Vec<u8>, Vec<u8>);

impl Folder {
    /// The folder at `path`, which need not exist.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// Where the CA's certificate is.
    pub fn ca_file(&self) -> PathBuf {
        self.0.join("ca.pem")
    }

    /// Reads the identities in the folder, and creates those that are missing. `names` and `server_key` are those of the
    /// server's certificate; without a kind, any key is kept.
    pub(crate) fn identities(
        &self,
        names: &[String],
        server_key: Option<KeyKind>,
    ) -> Result<Identities, EmulatorError> {
        create(&self.0.join("devices"))?;
        let _lock = self.lock()?;
        let authority = self.authority()?;
        Ok(Identities {
            server: self.server(&authority, names, server_key)?,
            authority,
            control_key: self.key("control.key")?,
            group_key: self.key("group.key")?,
        })
    }

    fn authority(&self) -> Result<Authority, EmulatorError> {
        let Some((certificate, key)) = self.read_pair("ca")? else {
            let authority = Authority::generate()?;
            self.write_pair("ca", authority.certificate_pem(), &authority.key_pem())?;
            return Ok(authority);
        };
        let existing = Existing::read(&certificate, &key).and_then(|existing| match existing.ca_problem() {
            None => Ok(existing),
            Some(problem) => Err(problem),
        });
        existing.map_or_else(
            |problem| {
                let remedy = "remove ca.pem, ca.key, server.pem, server.key and devices, and new ones are created";
                Err(invalid(&self.pair("ca").0, &problem, remedy))
            },
            Authority::load,
        )
    }

    /// The server's certificate. A new one is issued if it does not fit the settings or has expired.
    fn server(
        &self,
        authority: &Authority,
        names: &[String],
        key_kind: Option<KeyKind>,
    ) -> Result<ServerIdentity, EmulatorError> {
        if let Some((certificate, key)) = self.read_pair("server")? {
            let existing = self.existing("server", &certificate, &key, authority)?;
            if existing.is_current_server(names, key_kind) {
                return Ok(ServerIdentity::new(existing));
            }
        }
        let server = authority.issue_server(names, key_kind.unwrap_or_default())?;
        self.write_pair("server", &server.certificate_pem, &server.key_pem)?;
        Ok(server)
    }

    /// Reads a certificate that this CA must have issued.
    fn existing(
        &self,
        name: &str,
        certificate: &[u8],
        key: &[u8],
        authority: &Authority,
    ) -> Result<Existing, EmulatorError> {
        let existing = Existing::read(certificate, key).and_then(|existing| {
            existing
                .is_issued_by(authority.certificate())
                .then_some(existing)
                .ok_or_else(|| "was not issued by ca.pem".to_owned())
        });
        existing.map_err(|problem| {
            let remedy = format!("remove {name}.pem and {name}.key, and new ones are created");
            invalid(&self.pair(name).0, &problem, &remedy)
        })
    }

    /// The symmetric key in this file: the control endpoint's, or the device group's.
    fn key(&self, name: &str) -> Result<Key, EmulatorError> {
        let path = self.0.join(name);
        if let Some(contents) = read_private(&path)? {
            return Key::read(&contents).map_err(|unreadable| {
                let problem = format!("cannot be used: {unreadable}");
                invalid(&path, &problem, "remove it, and a new one is created")
            });
        }
        let key = Key::generate()?;
        private_file::replace(&path, &format!("{}\n", key.to_base64())).map_err(at(&path))?;
        Ok(key)
    }

    /// Creates the certificate of a device, unless there is one with these settings.
    pub(crate) fn ensure_certificate(
        &self,
        authority: &Authority,
        registration_id: &str,
        settings: CertificateSettings,
    ) -> Result<(), EmulatorError> {
        let _lock = self.lock()?;
        let name = format!("devices/{registration_id}");
        if let Some((certificate, key)) = self.read_pair(&name)? {
            let existing = self.existing(&name, &certificate, &key, authority)?;
            if existing.is_current_device(settings) {
                return Ok(());
            }
        }
        let issued = authority.issue_device(registration_id, settings)?;
        self.write_pair(&name, &issued.certificate_chain_pem, &issued.private_key_pem)
    }

    /// A certificate and its key, if they exist. One without the other is an error, unless one file contains both.
    fn read_pair(&self, name: &str) -> Result<Option<Pair>, EmulatorError> {
        let (certificate, key) = self.pair(name);
        finish_pair(&certificate, &key)?;
        match (read(&certificate)?, read_private(&key)?) {
            (Some(certificate), Some(key)) => Ok(Some((certificate, key))),
            (None, None) => Ok(None),
            (Some(both), None) if private_key(&both).is_ok() => {
                let both = read_private(&certificate)?;
                Ok(both.map(|both| (both.clone(), both)))
            }
            (Some(_), None) => Err(alone(&certificate, &key)),
            (None, Some(_)) => Err(alone(&key, &certificate)),
        }
    }

    /// Writes a certificate and its key. The process can be killed at any time: [`finish_pair`] completes the pair or
    /// discards it.
    fn write_pair(&self, name: &str, certificate_pem: &str, key_pem: &str) -> Result<(), EmulatorError> {
        let (certificate, key) = self.pair(name);
        let mut unfinished = private_file::create_unfinished(&key).map_err(at(&key))?;
        unfinished.write_all(key_pem.as_bytes()).map_err(at(&key))?;
        fs::write(private_file::unfinished(&certificate), certificate_pem).map_err(at(&certificate))?;
        finish(&key)?;
        finish(&certificate)
    }

    /// Waits until no other emulator reads or creates files in the folder: emulators that start at the same time have the
    /// same CA.
    #[cfg(unix)]
    fn lock(&self) -> Result<crate::file_lock::FileLock, EmulatorError> {
        let folder = fs::File::open(&self.0).map_err(at(&self.0))?;
        Ok(crate::file_lock::FileLock::wait(folder))
    }

    /// Folders cannot be opened on this system.
    #[cfg(not(unix))]
    fn lock(&self) -> Result<(), EmulatorError> {
        Ok(())
    }

    fn pair(&self, name: &str) -> (PathBuf, PathBuf) {
        (self.0.join(format!("{name}.pem")), self.0.join(format!("{name}.key")))
    }
}

/// Completes or discards a pair that was being written when the process was killed. The key gets its name once both files
/// are whole, and the certificate after it.
fn finish_pair(certificate: &Path, key: &Path) -> Result<(), EmulatorError> {
    let is_unfinished = |path: &Path| private_file::unfinished(path).exists();
    match (is_unfinished(certificate), is_unfinished(key)) {
        (true, false) => finish(certificate),
        (true, true) => discard(certificate).and_then(|()| discard(key)),
        (false, true) => discard(key),
        (false, false) => Ok(()),
    }
}

/// Gives a file that is whole its name.
fn finish(path: &Path) -> Result<(), EmulatorError> {
    fs::rename(private_file::unfinished(path), path).map_err(at(path))
}

/// Removes a file that was not completed.
fn discard(path: &Path) -> Result<(), EmulatorError> {
    fs::remove_file(private_file::unfinished(path)).map_err(at(path))
}

/// The content of a file, if it exists.
fn read(path: &Path) -> Result<Option<Vec<u8>>, EmulatorError> {
    existing(path, read_file(path))
}

/// The content of a file with a key, if it exists. On Unix it has mode 0600 at most from then on.
fn read_private(path: &Path) -> Result<Option<Vec<u8>>, EmulatorError> {
    existing(path, private_file::read(path))
}

fn existing(path: &Path, contents: io::Result<Vec<u8>>) -> Result<Option<Vec<u8>>, EmulatorError> {
    match contents {
        Ok(contents) => Ok(Some(contents)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(at(path)(error)),
    }
}

/// `existing` has no counterpart.
fn alone(existing: &Path, missing: &Path) -> EmulatorError {
    let problem = format!("exists without {}", name_of(missing));
    invalid(
        existing,
        &problem,
        "remove it, and both are created; or restore the other",
    )
}

fn invalid(path: &Path, problem: &str, remedy: &str) -> EmulatorError {
    EmulatorError::InvalidFile(format!("{} {problem}; {remedy}", path.display()))
}

fn name_of(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

fn create(folder: &Path) -> Result<(), EmulatorError> {
    fs::create_dir_all(folder).map_err(at(folder))
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> EmulatorError + use<'_> {
    |source| EmulatorError::file(path, source)
}
