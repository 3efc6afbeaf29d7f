//! The file of `--new-key`: a private key that is created for a signing request.

use std::{
    fs,
    path::{Path, PathBuf},
};

use provisioning_device::{CertificateSigningRequest, GeneratedRequest, InvalidInput, RegistrationId, Secret};

use crate::output::output_file::{OutputFile, Readers};

/// What the file contains, for messages.
const WHAT: &str = "new key";

/// A new key that is not written yet.
pub(crate) struct NewKey {
    pem: Secret,
    pub(crate) file: OutputFile,
}

impl NewKey {
    /// Creates a key and the request for it.
    pub(crate) fn create(
        path: &Path,
        device: &RegistrationId,
    ) -> Result<(CertificateSigningRequest, Self), InvalidInput> {
        if path.exists() {
            return Err(InvalidInput::new(WHAT, "a file that does not exist").found_in(path.display()));
        }
        let file = OutputFile::new(WHAT, path, Readers::Owner)?;
        let generated = GeneratedRequest::new(device)?;
        let pem = generated.private_key_pem;
        Ok((generated.request, Self { pem, file }))
    }

    pub(crate) fn write(self) -> Result<KeyFile, InvalidInput> {
        let path = self.file.target().to_owned();
        self.file.create(self.pem.expose())?;
        Ok(KeyFile { path, keep: false })
    }
}

/// The written file. It is removed on drop unless it is kept: without an assignment the key has no certificate.
pub(crate) struct KeyFile {
    path: PathBuf,
    keep: bool,
}

impl KeyFile {
    pub(crate) fn keep(mut self) {
        self.keep = true;
    }
}

impl Drop for KeyFile {
    fn drop(&mut self) {
        if !self.keep {
            // Another process may have removed the file already.
            let _ = fs::remove_file(&self.path);
        }
    }
}
