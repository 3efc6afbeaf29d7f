//! The file of `--store`, in which an assignment is kept from one run to the next.

use std::path::Path;

use provisioning_device::{Assignment, ErrorKind, InvalidInput, RegistrationRequest, StoredAssignment};

use crate::{
    input::stored_assignment::{WHAT, read_if_present},
    output::{
        atomic_file::{AtomicFile, Readers},
        failure::Failure,
    },
};

/// The file, and the assignment that it contains.
pub(crate) struct Store {
    stored: Option<StoredAssignment>,
    file: AtomicFile,
}

/// What is stored for a request.
pub(crate) enum Stored<'a> {
    /// Its assignment.
    Assignment(&'a Assignment),
    /// The assignment of another request.
    Other,
    /// Nothing, or the service must be asked all the same.
    Nothing,
}

impl Store {
    /// Reads the file if it exists, and checks that it can be written.
    ///
    /// # Errors
    /// Names the file: it has other content, or cannot be read or written.
    pub(crate) fn open(path: &Path) -> Result<Self, InvalidInput> {
        Ok(Self {
            stored: read_if_present(path)?,
            file: AtomicFile::new(WHAT, path, Readers::Owner)?,
        })
    }

    pub(crate) fn path(&self) -> &Path {
        self.file.path()
    }

    pub(crate) fn look_up(&self, request: &RegistrationRequest) -> Stored<'_> {
        match &self.stored {
            // An issued certificate is not stored.
            Some(stored) if stored.matches(request) && request.csr().is_none() => {
                Stored::Assignment(stored.assignment())
            }
            Some(stored) if !stored.matches(&request.clone().with_force_registration(false)) => Stored::Other,
            _ => Stored::Nothing,
        }
    }

    /// Stores the assignment of `request`. Returns a message that says so.
    pub(crate) fn write(self, request: &RegistrationRequest, assignment: &Assignment) -> Result<String, Failure> {
        let message = format!("the assignment is stored in {}", self.path().display());
        let stored = StoredAssignment::new(request, assignment.clone());
        let written = serde_json::to_vec_pretty(&stored)
            .map_err(|error| InvalidInput::new(WHAT, format!("an assignment that can be stored ({error})")))
            .and_then(|bytes| self.file.replace(&bytes));
        written.map(|()| message).map_err(|error| {
            let hint = "the assignment is valid, but it is not stored";
            Failure::new(ErrorKind::Local, error.to_string()).with_hint(hint)
        })
    }
}
