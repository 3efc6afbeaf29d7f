//! A configuration file: enrollments, hubs, and how devices are treated, in TOML.

mod device;

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde::Deserialize;
use toml::Spanned;

use self::device::{DeviceWords, RetryAfterWords};
use crate::{
    Builder, Device, Enrollment, Fault, RetryAfter,
    enrollment::{Body, EnrollmentKind},
    topic::is_registration_id,
};

/// A configuration that has been read and checked, to be given to [`Builder::config`].
///
/// `docs/emulator.md` lists the keys. Enrollments are written as the service's REST API has them; a `certificate` is
/// PEM, base64, `file:` and a path from the configuration's folder, or `emulator` for the emulator's own CA.
#[derive(Debug, Clone)]
pub struct Config {
    words: Words,
    enrollments: Vec<Enrollment>,
    devices: Vec<Device>,
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
    id_scope: Option<String>,
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
    faults: Vec<Fault>,
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
        let path = path.as_ref();
        let at = |position: usize, message: String| ConfigError {
            file: path.to_owned(),
            line: text.as_bytes()[..position.min(text.len())]
                .iter()
                .filter(|&&byte| byte == b'\n')
                .count()
                + 1,
            message,
        };
        let words: Words = toml::from_str(text).map_err(|error| {
            let position = error.span().map_or(0, |span| span.start);
            at(position, error.message().lines().collect::<Vec<_>>().join(" "))
        })?;
        let folder = path.parent().unwrap_or(Path::new(""));
        let kinds = [
            (EnrollmentKind::Individual, &words.enrollments),
            (EnrollmentKind::Group, &words.enrollment_groups),
        ];
        let mut enrollments = vec![];
        for (kind, bodies) in kinds {
            for body in bodies {
                let enrollment = enrollment(kind, body.get_ref(), folder).and_then(|enrollment| {
                    let is_taken = |other: &Enrollment| other.is_for_the_same(&enrollment);
                    match enrollments.iter().any(is_taken) {
                        true => Err(format!(
                            "{}: expected one enrollment of this id, this is the second",
                            enrollment.id
                        )),
                        false => Ok(enrollment),
                    }
                });
                enrollments.push(enrollment.map_err(|message| at(body.span().start, message))?);
            }
        }
        let devices = words.devices.iter().map(|device| {
            let words = device.get_ref();
            if is_registration_id(words.registration_id()) {
                Ok(words.device())
            } else {
                Err(at(device.span().start, not_an_id(words.registration_id())))
            }
        });
        let devices = devices.collect::<Result<_, _>>()?;
        if let Some(hubs) = words.hubs.as_ref().filter(|hubs| hubs.get_ref().is_empty()) {
            return Err(at(hubs.span().start, "hubs: expected at least one".to_owned()));
        }
        Ok(Self {
            words,
            enrollments,
            devices,
        })
    }

    /// The devices that it names, in its order: those that have certificates of the emulator's own CA.
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
            self = self.id_scope(id_scope);
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
        words.faults.iter().cloned().fold(builder, Self::fault)
    }
}

/// Checks what can be checked before the emulator's own CA is known, with its certificates read from their files.
fn enrollment(kind: EnrollmentKind, body: &Body, folder: &Path) -> Result<Enrollment, String> {
    let (given, name) = match kind {
        EnrollmentKind::Individual => (&body.registration_id, "registrationId"),
        EnrollmentKind::Group => (&body.enrollment_group_id, "enrollmentGroupId"),
    };
    let id = given.clone().ok_or_else(|| format!("{name} is missing"))?;
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

fn not_an_id(id: &str) -> String {
    format!(
        "registrationId {id:?}: expected 1 to 128 letters, digits, '-', '.', '_' or ':', not ending in the last three"
    )
}
