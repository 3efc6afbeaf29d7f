//! Keeping an assignment in a file from one run to the next.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use provisioning_device::{Assignment, ErrorKind, InvalidInput, RegistrationRequest, StoredAssignment};

use crate::{
    destination::{Destination, Readers},
    failure::Failure,
    given::{unreadable, unwritable},
};

const WHAT: &str = "stored assignment";

/// The file in which an assignment is kept.
pub(crate) struct Store {
    path: PathBuf,
    /// What it holds already.
    kept: Option<StoredAssignment>,
    destination: Destination,
}

/// What a store is good for.
pub(crate) enum Kept<'a> {
    /// It has the answer.
    Answer(&'a Assignment),
    /// It holds the answer to another one.
    Another,
    /// It holds nothing, or is not to be asked.
    Nothing,
}

impl Store {
    /// Reads the file if there is one, and makes sure that it can be written.
    ///
    /// # Errors
    /// Names the file: it is none of ours, or cannot be read or written.
    pub(crate) fn open(path: &Path) -> Result<Self, InvalidInput> {
        let kept = match fs::read(path) {
            Ok(bytes) => Some(parse(path, &bytes)?),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(unreadable(WHAT, path, &error)),
        };
        Ok(Self {
            path: path.to_owned(),
            kept,
            destination: Destination::new(WHAT, path, Readers::Owner)?,
        })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// What is kept for `request`.
    pub(crate) fn look_up(&self, request: &RegistrationRequest) -> Kept<'_> {
        match &self.kept {
            // A certificate that is asked for is not kept here.
            Some(kept) if kept.matches(request) && request.csr().is_none() => Kept::Answer(kept.assignment()),
            Some(kept) if !kept.matches(&request.clone().with_force_registration(false)) => Kept::Another,
            _ => Kept::Nothing,
        }
    }

    /// Keeps what `request` was answered; what to say of it.
    pub(crate) fn keep(self, request: &RegistrationRequest, assignment: &Assignment) -> Result<String, Failure> {
        let stored = StoredAssignment::new(request, assignment.clone());
        let written = serde_json::to_vec_pretty(&stored)
            .map_err(io::Error::from)
            .and_then(|bytes| self.destination.replace(&bytes));
        match written {
            Ok(()) => Ok(format!("the assignment is kept in {}", self.path.display())),
            Err(error) => {
                let error = unwritable(WHAT, &self.path, &error);
                let hint = "the assignment stands; it is not kept";
                Err(Failure::although_assigned(assignment, ErrorKind::Input, &error, hint))
            }
        }
    }
}

/// The assignment in a file that must be there.
pub(crate) fn read(path: &Path) -> Result<StoredAssignment, InvalidInput> {
    parse(path, &fs::read(path).map_err(|error| unreadable(WHAT, path, &error))?)
}

fn parse(path: &Path, bytes: &[u8]) -> Result<StoredAssignment, InvalidInput> {
    serde_json::from_slice(bytes).map_err(|error| {
        let expected = format!("what `dps register --store` wrote ({error})");
        InvalidInput::new(WHAT, expected).found_in(path.display())
    })
}
