//! A configuration file: enrollments, hubs, and how devices are treated, in TOML.

mod device;
mod place;

use std::{
    collections::HashSet,
    fs,
    path::{Path, PathBuf},
};

use serde::Deserialize;
use toml::Spanned;

use self::{
    device::{DeviceWords, RetryAfterWords},
    place::Place,
};
use crate::{
    Builder, Device, Enrollment, Fault, RetryAfter,
    enrollment::{Body, EnrollmentKind},
    fault::FaultWords,
    topic::{is_id_scope, is_registration_id},
};

/// A configuration that has been read and checked, to be given to [`Builder::config`].
///
/// `docs/emulator.md` lists the keys. Enrollments are written as the service's REST API has them; a `certificate` is
/// PEM, base64, `file:` and a path from the configuration's folder, or `emulator`: of a group its own CA, of a single
/// device any certificate that its own CA signed for that device.
#[derive(Debug, Clone)]
pub struct Config {
    words: Words,
    enrollments: Vec<Enrollment>,
    devices: Vec<Device>,
    faults: Vec<Fault>,
}

/// A configuration that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}:{line}: {message}", file.display())]
#[non_exhaustive]
pub struct ConfigError {
    /// The file.
    pub file: PathBuf,
    /// The line, counted from 1, at which the table or the value begins that is wrong.
    pub line: usize,
    /// What was expected of what.
    pub message: String,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Words {
    id_scope: Option<Spanned<String>>,
    hubs: Option<Spanned<Vec<String>>>,
    polls_before_assigning: Option<u32>,
    retry_after: Option<RetryAfterWords>,
    connection_profile: Option<String>,
    only_enrollments: Option<bool>,
    #[serde(default)]
    enrollments: Vec<Spanned<Body>>,
    #[serde(default)]
    enrollment_groups: Vec<Spanned<Body>>,
    #[serde(default)]
    devices: Vec<Spanned<DeviceWords>>,
    #[serde(default)]
    faults: Vec<Spanned<FaultWords>>,
}

impl Config {
    /// Reads the file at `path`.
    ///
    /// # Errors
    /// [`ConfigError`] names the line and what was expected there.
    pub fn load(path: impl AsRef<Path>) -> Result<Self, ConfigError> {
        let path = path.as_ref();
        let text = fs::read_to_string(path).map_err(|error| ConfigError {
            file: path.to_owned(),
            line: 1,
            message: format!("expected a readable file ({error})"),
        })?;
        Self::parse(&text, path)
    }

    /// Reads `text`, which came from the file at `path`: certificates are looked for beside it.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub fn parse(text: &str, path: impl AsRef<Path>) -> Result<Self, ConfigError> {
        let file = path.as_ref();
        let place = Place { text, file };
        let words: Words = toml::from_str(text).map_err(|error| place.refused(&error))?;
        words.check(place)?;
        let folder = file.parent().unwrap_or(Path::new(""));
        let individual = |body: &Body| enrollment(EnrollmentKind::Individual, body, folder);
        let group = |body: &Body| enrollment(EnrollmentKind::Group, body, folder);
        let mut enrollments = each(&words.enrollments, place, individual, |one| Some(&one.id))?;
        let mut devices = each(&words.devices, place, DeviceWords::device, |one| {
            Some(&one.registration_id)
        })?;
        // Those that only an enrollment names have certificates too.
        for of_own_ca in enrollments.iter().filter(|enrollment| enrollment.is_for_own_ca()) {
            let is_it = |device: &Device| device.registration_id.eq_ignore_ascii_case(&of_own_ca.id);
            if !devices.iter().any(is_it) {
                devices.push(Device::new(&of_own_ca.id));
            }
        }
        enrollments.extend(each(&words.enrollment_groups, place, group, |one| Some(&one.id))?);
        let faults = each(&words.faults, place, fault, |_| None)?;
        Ok(Self {
            words,
            enrollments,
            devices,
            faults,
        })
    }

    /// The devices that have certificates of the emulator's own CA: those under `[[devices]]`, and those of enrollments
    /// with the certificate `emulator`.
    pub fn devices(&self) -> impl Iterator<Item = &Device> {
        self.devices.iter()
    }
}

impl Builder {
    /// Takes everything that a configuration says. With enrollments in it, they are all that there are, unless it says
    /// `onlyEnrollments = false`.
    #[must_use]
    pub fn config(mut self, config: &Config) -> Self {
        let words = &config.words;
        if let Some(id_scope) = &words.id_scope {
            self = self.id_scope(id_scope.get_ref());
        }
        if let Some(hubs) = &words.hubs {
            self = self.hubs(hubs.get_ref());
        }
        if let Some(polls) = words.polls_before_assigning {
            self = self.polls_before_assigning(polls);
        }
        if let Some(retry_after) = &words.retry_after {
            self = self.retry_after(RetryAfter::from(retry_after));
        }
        if let Some(profile) = &words.connection_profile {
            self = self.connection_profile(profile);
        }
        if words.only_enrollments.unwrap_or(!config.enrollments.is_empty()) {
            self = self.only_enrollments();
        }
        let builder = config.enrollments.iter().cloned().fold(self, Self::enrollment);
        let builder = config.devices.iter().cloned().fold(builder, Self::device);
        config.faults.iter().cloned().fold(builder, Self::fault)
    }
}

impl Words {
    /// What the types do not say already.
    fn check(&self, place: Place<'_>) -> Result<(), ConfigError> {
        if let Some(id_scope) = self
            .id_scope
            .as_ref()
            .filter(|id_scope| !is_id_scope(id_scope.get_ref()))
        {
            let message = "idScope: expected 1 to 64 letters, digits or '-'";
            return Err(place.mistake(id_scope.span().start, message.to_owned()));
        }
        let is_unusable =
            |hubs: &&Spanned<Vec<String>>| hubs.get_ref().is_empty() || hubs.get_ref().contains(&String::new());
        if let Some(hubs) = self.hubs.as_ref().filter(is_unusable) {
            let message = "hubs: expected at least one, and none that is empty";
            return Err(place.mistake(hubs.span().start, message.to_owned()));
        }
        Ok(())
    }
}

/// Reads every table of a kind; the ids of those that have any differ.
fn each<W, T>(
    tables: &[Spanned<W>],
    place: Place<'_>,
    read: impl Fn(&W) -> Result<T, String>,
    id: impl Fn(&T) -> Option<&String>,
) -> Result<Vec<T>, ConfigError> {
    let mut ids = HashSet::new();
    let read = tables.iter().map(|table| {
        let one = read(table.get_ref()).and_then(|one| match id(&one) {
            Some(id) if !ids.insert(id.to_ascii_lowercase()) => {
                Err(format!("{id}: expected one table of this id, this is the second"))
            }
            _ => Ok(one),
        });
        one.map_err(|message| place.mistake(table.span().start, message))
    });
    read.collect()
}

/// Checks what can be checked before the emulator's own CA is known, with its certificates read from their files.
fn enrollment(kind: EnrollmentKind, body: &Body, folder: &Path) -> Result<Enrollment, String> {
    let (given, name) = match kind {
        EnrollmentKind::Individual => (&body.registration_id, "registrationId"),
        EnrollmentKind::Group => (&body.enrollment_group_id, "enrollmentGroupId"),
    };
    let id = given.clone().ok_or_else(|| format!("{name} is missing"))?;
    let foreign = [
        (
            EnrollmentKind::Individual,
            "enrollmentGroupId",
            &body.enrollment_group_id,
        ),
        (EnrollmentKind::Group, "registrationId", &body.registration_id),
        (EnrollmentKind::Group, "deviceId", &body.device_id),
    ];
    if let Some((_, key, _)) = foreign.iter().find(|(of, _, given)| *of == kind && given.is_some()) {
        return Err(format!("{name} {id}: {key} belongs to the other kind of enrollment"));
    }
    if kind == EnrollmentKind::Individual && !is_registration_id(&id) {
        return Err(not_an_id(&id));
    }
    let mut body = body.clone();
    for text in body.attestation.certificates_mut() {
        if let Some(file) = text.strip_prefix("file:") {
            let file = folder.join(file);
            *text = fs::read_to_string(&file).map_err(|error| {
                format!(
                    "{name} {id}: certificate: expected {} to be readable ({error})",
                    file.display()
                )
            })?;
        }
    }
    body.check(kind)
        .map_err(|message| format!("{name} {id}: {}", message.trim_end_matches('.')))?;
    Ok(Enrollment { kind, id, body })
}

fn fault(words: &FaultWords) -> Result<Fault, String> {
    let fault = Fault::try_from(words.clone()).map_err(|error| error.to_string())?;
    match fault.named_device() {
        Some(id) if !is_registration_id(id) => Err(not_an_id(id)),
        _ => Ok(fault),
    }
}

fn not_an_id(id: &str) -> String {
    format!(
        "registrationId {id:?}: expected 1 to 128 letters, digits, '-', '.', '_' or ':', not ending in the last three"
    )
}
