//! The file of `--store`, in which an assignment is kept from one run to the next.

use std::path::Path;

use provisioning_device::{
    Assignment, ErrorKind, InputFile, InvalidInput, RegistrationRequest, Secret, StoredAssignment, StoredError,
};

use crate::{
    input::stored_assignment::{WHAT, invalid},
    output::{
        failure::Failure,
        output_file::{OutputFile, Readers},
    },
};

/// The file, and what it contains.
pub(crate) struct Store {
    pub(crate) file: OutputFile,
    stored: Option<StoredAssignment>,
    unusable: Option<Unusable>,
}

/// What `dps` wrote and cannot use: an unfinished file, or that of a later version.
struct Unusable {
    reason: StoredError,
    bytes: Secret,
    /// The file beside the store, `FILE.bad`, in which it is kept.
    bad: OutputFile,
}

/// What is stored for a request.
pub(crate) enum Stored<'a> {
    /// Its assignment.
    Assignment(&'a Assignment),
    /// Something else, which a new assignment replaces; with a message about it.
    Other(String),
    /// Nothing, or an assignment that must not be used.
    Nothing,
}

impl Store {
    /// Reads the file if it exists, and checks that it can be written.
    ///
    /// # Errors
    /// Names the file: it has content that `dps` did not write, or cannot be read or written.
    pub(crate) fn open(path: &Path) -> Result<Self, InvalidInput> {
        let file = OutputFile::new(WHAT, path, Readers::Owner)?;
        let (stored, unusable) = match read(&file)? {
            None => (None, None),
            Some((_, Ok(stored))) => (Some(stored), None),
            Some((bytes, Err(reason))) => {
                let mut bad = file.target().as_os_str().to_owned();
                bad.push(".bad");
                let bad = OutputFile::new(WHAT, Path::new(&bad), Readers::Owner)?;
                read(&bad)?;
                (None, Some(Unusable { reason, bytes, bad }))
            }
        };
        Ok(Self { file, stored, unusable })
    }

    /// The files that are going to be written.
    pub(crate) fn files(&self) -> impl Iterator<Item = &OutputFile> {
        let bad = self.unusable.as_ref().map(|unusable| &unusable.bad);
        [&self.file].into_iter().chain(bad)
    }

    pub(crate) fn look_up(&self, request: &RegistrationRequest) -> Stored<'_> {
        let path = self.file.path().display();
        match (&self.stored, &self.unusable) {
            // An issued certificate is not stored.
            (Some(stored), _) if stored.matches(request) && request.csr().is_none() => {
                Stored::Assignment(stored.assignment())
            }
            (Some(stored), _) if !stored.matches(&request.clone().with_force_registration(false)) => Stored::Other(
                format!("{path} contains the assignment of another device, id scope or host: replacing it"),
            ),
            (_, Some(Unusable { reason, bad, .. })) => Stored::Other(format!(
                "warning: {path} cannot be used, because {reason}: replacing it, and keeping its content in {}",
                bad.path().display()
            )),
            _ => Stored::Nothing,
        }
    }

    /// Stores the assignment of `request`. Returns a message that says so.
    pub(crate) fn write(self, request: &RegistrationRequest, assignment: &Assignment) -> Result<String, Failure> {
        let stored = serde_json::to_vec_pretty(&StoredAssignment::new(request, assignment.clone()));
        let stored = stored.map_err(|error| self.file.invalid(format!("an assignment that can be stored ({error})")));
        let kept = self
            .unusable
            .iter()
            .try_for_each(|it| it.bad.replace(it.bytes.expose()));
        let written = kept.and_then(|()| self.file.replace(&stored?));
        written.map_err(|error| {
            let hint = "the assignment is valid, but it is not stored";
            Failure::new(ErrorKind::Local, error.to_string()).with_hint(hint)
        })?;
        Ok(format!("the assignment is stored in {}", self.file.path().display()))
    }
}

/// The content of a file, and the assignment in it.
type Content = (Secret, Result<StoredAssignment, StoredError>);

/// Reads the file, if it exists.
///
/// # Errors
/// The file cannot be read, or `dps` did not write it.
fn read(file: &OutputFile) -> Result<Option<Content>, InvalidInput> {
    if !file.target().exists() {
        return Ok(None);
    }
    let bytes = InputFile::new(file.path()).read(WHAT)?;
    match StoredAssignment::from_json(bytes.expose()) {
        Err(error) if !error.is_replaceable() => Err(invalid(file.path(), &error)),
        stored => Ok(Some((bytes, stored))),
    }
}
