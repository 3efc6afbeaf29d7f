//! A certificate from the service: the request that is sent, and the files that its key and the answer go to.

use std::{
    fs,
    path::{Path, PathBuf},
    time::SystemTime,
};

use provisioning_device::{
    Assignment, CertificateSigningRequest, ErrorKind, GeneratedRequest, InvalidInput, IssuedChain, RegistrationId,
    RegistrationRequest, Secret,
};

use crate::{
    args::Certificate,
    destination::{Destination, Readers},
    failure::Failure,
    given::{unreadable, unwritable},
};

const KEY: &str = "new key";
const CSR: &str = "certificate signing request";
const ISSUED: &str = "issued certificate";

/// What is asked for, and what is to become of the answer.
pub(crate) struct Issuance {
    request: CertificateSigningRequest,
    new_key: Option<NewKey>,
    issued: Destination,
}

impl Issuance {
    /// Reads or makes the request, and makes sure that everything can be written.
    pub(crate) fn prepare(
        args: &Certificate,
        device: impl FnOnce() -> Result<RegistrationId, Failure>,
    ) -> Result<Option<Self>, Failure> {
        let Some(issued) = &args.issued_cert else {
            return Ok(None);
        };
        let issued = Destination::new(ISSUED, issued, Readers::All)?;
        // clap has seen to it that it is one of the two.
        let (request, new_key) = match (&args.csr, &args.new_key) {
            (Some(csr), _) => (read(csr)?, None),
            (None, Some(key)) => {
                let (request, key) = NewKey::make(key, &device()?)?;
                (request, Some(key))
            }
            (None, None) => return Ok(None),
        };
        Ok(Some(Self {
            request,
            new_key,
            issued,
        }))
    }

    /// What is sent.
    pub(crate) fn request(&self) -> &CertificateSigningRequest {
        &self.request
    }

    /// Writes the key, if it is a new one, before anything is sent: nobody else has it.
    pub(crate) fn write_key(&mut self) -> Result<Option<KeyFile>, InvalidInput> {
        self.new_key.take().map(NewKey::write).transpose()
    }

    /// Checks the certificates that came with `assignment` and writes them; what to say of it.
    pub(crate) fn finish(self, request: &RegistrationRequest, assignment: &Assignment) -> Result<String, Failure> {
        let chain = IssuedChain::from_state(assignment.state(), request, SystemTime::now()).map_err(|error| {
            let hint = "the assignment stands; look at the enrollment's certificate issuance, and at this clock";
            Failure::although_assigned(assignment, ErrorKind::UnexpectedResponse, &error, hint)
        })?;
        let path = self.issued.path().to_owned();
        self.issued.replace(chain.pem().as_bytes()).map_err(|error| {
            let hint = "the assignment stands; register again for another certificate";
            Failure::although_assigned(assignment, ErrorKind::Input, &unwritable(ISSUED, &path, &error), hint)
        })?;
        Ok(said(&chain, &path))
    }
}

fn read(csr: &Path) -> Result<CertificateSigningRequest, InvalidInput> {
    let bytes = fs::read(csr).map_err(|error| unreadable(CSR, csr, &error))?;
    CertificateSigningRequest::from_bytes(&bytes).map_err(|error| error.found_in(csr.display()))
}

fn said(chain: &IssuedChain, path: &Path) -> String {
    let path = path.display();
    match chain.der().len() {
        1 => format!("the certificate that was issued is in {path}"),
        length => format!(
            "the certificate that was issued, and {} above it, are in {path}",
            length - 1
        ),
    }
}

/// A key that was made and is not written yet.
struct NewKey {
    pem: Secret,
    file: Destination,
}

impl NewKey {
    fn make(path: &Path, device: &RegistrationId) -> Result<(CertificateSigningRequest, Self), InvalidInput> {
        if path.exists() {
            return Err(InvalidInput::new(KEY, "a file that is not there yet").found_in(path.display()));
        }
        let file = Destination::new(KEY, path, Readers::Owner)?;
        let made = GeneratedRequest::new(device)?;
        let pem = made.private_key_pem;
        Ok((made.request, Self { pem, file }))
    }

    fn write(self) -> Result<KeyFile, InvalidInput> {
        let path = self.file.path().to_owned();
        self.file
            .create(self.pem.expose())
            .map_err(|error| unwritable(KEY, &path, &error))?;
        Ok(KeyFile { path, wanted: false })
    }
}

/// A new key's file, which goes away again unless the device is assigned: then nobody has a certificate of it.
pub(crate) struct KeyFile {
    path: PathBuf,
    wanted: bool,
}

impl KeyFile {
    pub(crate) fn keep(mut self) {
        self.wanted = true;
    }
}

impl Drop for KeyFile {
    fn drop(&mut self) {
        if !self.wanted {
            // A file that somebody has removed already is fine.
            let _ = fs::remove_file(&self.path);
        }
    }
}
