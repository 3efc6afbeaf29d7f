//! The folder that keeps the CA, the server certificate, the devices' certificates and the symmetric keys.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use super::{
    authority::{Authority, ServerIdentity},
    key::Key,
};
use crate::{builder::Builder, config::Device, emulator::Emulator, error::EmulatorError};

/// A folder with `ca.pem`, `ca.key`, `server.pem`, `server.key`, `group.key`, `devices/<id>.pem` and `.key`, and
/// `control.key`, the key of the control endpoint. Existing files are used, missing files are created. Keys have mode
/// 0600 on Unix.
#[derive(Debug, Clone)]
pub struct Folder(PathBuf);

impl Folder {
    /// The folder at `path`, which need not exist.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// Where the CA's certificate is.
    pub fn ca_file(&self) -> PathBuf {
        self.0.join("ca.pem")
    }

    /// Configures `builder` to use this folder's CA and server certificate.
    ///
    /// # Errors
    /// A file cannot be read or written, or is not what it should be.
    pub fn equip(&self, builder: Builder) -> Result<Builder, EmulatorError> {
        create(&self.0.join("devices"))?;
        let authority = match self.read_pair("ca")? {
            Some((certificate, key)) => Authority::load(certificate, &key)?,
            None => {
                let authority = Authority::generate()?;
                self.write_pair("ca", authority.certificate_pem(), &authority.key_pem())?;
                authority
            }
        };
        let server = match self.read_pair("server")? {
            Some((certificate, key)) => {
                let server = ServerIdentity::load(certificate, key)?;
                if let Some(missing) = builder.hosts.iter().find(|host| !server.is_valid_for(host)) {
                    let what = format!("server.pem is not for {missing}; remove it to have a new one made");
                    return Err(EmulatorError::Pem(what));
                }
                server
            }
            None => {
                let server = authority.issue_server(&builder.names())?;
                self.write_pair("server", &server.certificate_pem, &server.key_pem)?;
                server
            }
        };
        let (control_key, group_key) = (self.key("control.key")?, self.key("group.key")?);
        Ok(builder.identities(authority, server, control_key, group_key))
    }

    /// The symmetric key in this file: the control endpoint's, or the device group's.
    fn key(&self, name: &str) -> Result<Key, EmulatorError> {
        let path = self.0.join(name);
        match fs::read_to_string(&path) {
            Ok(text) => {
                let wrong = || EmulatorError::Pem(format!("{name} is not base64; remove it, and a new one is created"));
                Key::from_base64(&text).ok_or_else(wrong)
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let key = Key::generate()?;
                write_private(&path, &format!("{}\n", key.to_base64())).map_err(at(&path))?;
                Ok(key)
            }
            Err(error) => Err(at(&path)(error)),
        }
    }

    /// Creates the certificate of a device, unless it exists.
    ///
    /// # Errors
    /// As [`equip`](Self::equip).
    pub fn ensure_device(&self, emulator: &Emulator, device: &Device) -> Result<(), EmulatorError> {
        let name = format!("devices/{}", device.registration_id);
        if self.read_pair(&name)?.is_none() {
            let device = emulator.issue_device_with(device)?;
            self.write_pair(&name, &device.certificate_chain_pem, &device.private_key_pem)?;
        }
        Ok(())
    }

    /// A certificate and its key, if they exist; one without the other is an error, and nothing is overwritten.
    fn read_pair(&self, name: &str) -> Result<Option<(String, String)>, EmulatorError> {
        let (certificate, key) = self.pair(name);
        match fs::read_to_string(&certificate) {
            Ok(certificate) => Ok(Some((certificate, fs::read_to_string(&key).map_err(at(&key))?))),
            Err(error) if error.kind() == io::ErrorKind::NotFound && !key.exists() => Ok(None),
            Err(error) => Err(at(&certificate)(error)),
        }
    }

    fn write_pair(&self, name: &str, certificate_pem: &str, key_pem: &str) -> Result<(), EmulatorError> {
        let (certificate, key) = self.pair(name);
        write_private(&key, key_pem).map_err(at(&key))?;
        fs::write(&certificate, certificate_pem).map_err(at(&certificate))
    }

    fn pair(&self, name: &str) -> (PathBuf, PathBuf) {
        (self.0.join(format!("{name}.pem")), self.0.join(format!("{name}.key")))
    }
}

fn create(folder: &Path) -> Result<(), EmulatorError> {
    fs::create_dir_all(folder).map_err(at(folder))
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> EmulatorError + use<'_> {
    |source| EmulatorError::file(path, source)
}

fn write_private(path: &Path, text: &str) -> io::Result<()> {
    use std::io::Write;
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    options.open(path)?.write_all(text.as_bytes())
}
