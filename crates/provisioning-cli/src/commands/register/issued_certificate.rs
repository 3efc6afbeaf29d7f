//! A certificate that the service issues: its signing request, and the file of `--issued-cert`.

use std::{path::Path, time::SystemTime};

use provisioning_device::{
    Assignment, CertificateSigningRequest, ErrorKind, InputFile, InvalidInput, IssuedChain, RegistrationId,
    RegistrationRequest,
};

use super::{
    flags::Certificate,
    new_key::{KeyFile, NewKey},
};
use crate::output::{
    failure::Failure,
    output_file::{OutputFile, Readers},
};

/// The request, and the files for the response.
pub(crate) struct IssuedCertificate {
    request: CertificateSigningRequest,
    new_key: Option<NewKey>,
    file: OutputFile,
}

impl IssuedCertificate {
    /// Reads or creates the request, and checks that the files can be written. `None` if no certificate is asked for.
    pub(crate) fn prepare(
        flags: &Certificate,
        device: impl FnOnce() -> Result<RegistrationId, Failure>,
    ) -> Result<Option<Self>, Failure> {
        let Some(file) = &flags.issued_cert else {
            return Ok(None);
        };
        let file = OutputFile::new("issued certificate", file, Readers::Everyone)?;
        check_content(&file)?;
        let (request, new_key) = match (&flags.csr, &flags.new_key) {
            (Some(csr), _) => (read(csr)?, None),
            (None, Some(key)) => {
                let (request, key) = NewKey::create(key, &device()?)?;
                (request, Some(key))
            }
            // clap requires one of the two.
            (None, None) => return Ok(None),
        };
        Ok(Some(Self { request, new_key, file }))
    }

    /// The files that are going to be written.
    pub(crate) fn files(&self) -> impl Iterator<Item = &OutputFile> {
        let key = self.new_key.as_ref().map(|key| &key.file);
        [&self.file].into_iter().chain(key)
    }

    pub(crate) fn request(&self) -> &CertificateSigningRequest {
        &self.request
    }

    /// Writes a new key, before its request is sent: there is no other copy.
    pub(crate) fn write_key(&mut self) -> Result<Option<KeyFile>, InvalidInput> {
        self.new_key.take().map(NewKey::write).transpose()
    }

    /// Checks the certificates that the service issued with `assignment`, and writes them. Returns a message that says
    /// so.
    pub(crate) fn write(self, request: &RegistrationRequest, assignment: &Assignment) -> Result<String, Failure> {
        let chain = IssuedChain::from_state(assignment.state(), request, SystemTime::now()).map_err(|error| {
            let hint = "the assignment is valid; check the enrollment's certificate issuance, and this device's clock";
            Failure::after_assignment(assignment, ErrorKind::UnexpectedResponse, &error, hint)
        })?;
        let message = message(&chain, self.file.path());
        self.file.replace(chain.pem().as_bytes()).map_err(|error| {
            let hint = "the assignment is valid; register again for another certificate";
            Failure::new(ErrorKind::Local, error.to_string()).with_hint(hint)
        })?;
        Ok(message)
    }
}

/// Refuses to replace a private key: there may be no other copy of it.
fn check_content(file: &OutputFile) -> Result<(), InvalidInput> {
    // What cannot be read is not replaced in error: the file was checked to be a regular one.
    let content = std::fs::read(file.target()).unwrap_or_default();
    match content.windows(KEY_LABEL.len()).any(|part| part == KEY_LABEL) {
        true => Err(file.invalid("a file without a private key, which would be lost".to_owned())),
        false => Ok(()),
    }
}

/// The end of each PEM label of private keys.
const KEY_LABEL: &[u8] = b"PRIVATE KEY-----";

fn read(csr: &InputFile) -> Result<CertificateSigningRequest, InvalidInput> {
    let bytes = csr.read("certificate signing request")?;
    CertificateSigningRequest::from_pem(bytes.expose()).map_err(|error| error.found_in(csr))
}

fn message(chain: &IssuedChain, path: &Path) -> String {
    let path = path.display();
    match chain.der().len() {
        1 => format!("the issued certificate is in {path}"),
        length => format!("the {length} issued certificates are in {path}"),
    }
}
