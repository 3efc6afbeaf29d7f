//! The configuration file, TOML: enrollments, hubs, devices and faults.

mod device_table;
mod error;
mod position;

use std::{collections::HashSet, path::Path};

use serde::Deserialize;
use serde_json::Value;
use toml::Spanned;

use device_table::DeviceTable;
pub use error::ConfigError;
use position::Source;

use crate::{
    builder::Builder,
    device::Device,
    enrollment::{Body, Enrollment, EnrollmentKind, Invalid},
    faults::{ChaosSettings, Fault, FaultDescription},
    identifiers::{is_id_scope, is_registration_id},
    identity::{Key, to_pem},
    input::{self, Unreadable, read_file, without_text},
    retry_after::RetryAfter,
};

/// A valid configuration, for [`Builder::config`].
///
/// `docs/emulator/configuration.md` lists the keys. Enrollments are written as the service's REST API has them; a
/// `certificate` is PEM, base64 of PEM or DER, `file:` and a path from the configuration's folder, or `emulator`: of a
/// group its own CA, of a single device any certificate that its own CA signed for that device.
#[derive(Debug, Clone)]
pub struct Config {
    tables: Tables,
    enrollments: Vec<Enrollment>,
    devices: Vec<Device>,
    faults: Vec<Fault>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Tables {
    id_scope: Option<Spanned<String>>,
    hubs: Option<Spanned<Vec<String>>>,
    polls_before_assigning: Option<u32>,
    retry_after: Option<RetryAfter>,
    connection_profile: Option<String>,
    strict_csr: Option<bool>,
    refuse_simultaneous_registrations: Option<bool>,
    evaluate_queries: Option<bool>,
    registrations_per_minute: Option<u32>,
    #[serde(rename = "queriesPer10Seconds")]
    queries_per_10_s: Option<u32>,
    quota_retry_after: Option<RetryAfter>,
    only_enrollments: Option<bool>,
    chaos: Option<ChaosSettings>,
    #[serde(default)]
    enrollments: Vec<Spanned<Body>>,
    #[serde(default)]
    enrollment_groups: Vec<Spanned<Body>>,
    #[serde(default)]
    devices: Vec<Spanned<DeviceTable>>,
    #[serde(default)]
    faults: Vec<Spanned<FaultDescription>>,
}

impl Config {
    /// Reads the file at `path`.
    ///
    /// # Errors
    /// [`ConfigError`] names the line and what was expected there, or why the file cannot be read.
    pub fn load(path: impl AsRef<Path>) -> Result<Self, ConfigError> {
        let path = path.as_ref();
        let unreadable = |message| ConfigError {
            file: path.to_owned(),
            line: None,
            message,
        };
        let contents = read_file(path).map_err(|error| unreadable(format!("expected a readable file ({error})")))?;
        let text = input::text(&contents).map_err(|error| unreadable(error.to_string()))?;
        Self::parse(text, path)
    }

    /// Reads `text`, which came from the file at `path`: certificates are looked for beside it.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub fn parse(text: &str, path: impl AsRef<Path>) -> Result<Self, ConfigError> {
        let file = path.as_ref();
        let source = Source { text, file };
        let tables: Tables = toml::from_str(text).map_err(|error| source.parse_error(&error))?;
        tables.check(source)?;
        let folder = file.parent().unwrap_or(Path::new(""));
        let individual = |body: &Body| enrollment(EnrollmentKind::Individual, body, folder);
        let group = |body: &Body| enrollment(EnrollmentKind::Group, body, folder);
        let each_enrollment = |name, tables: &_, read: &dyn Fn(&Body) -> _| {
            each(name, tables, source, read, |one: &Enrollment| Some(&one.id))
        };
        let mut enrollments = each_enrollment("enrollments", &tables.enrollments, &individual)?;
        let device = |table: &DeviceTable| table.device().map_err(Mistake::from);
        let mut devices = each("devices", &tables.devices, source, device, |one| {
            Some(&one.registration_id)
        })?;
        // A device that only an enrollment names gets a certificate, too.
        for of_own_ca in enrollments.iter().filter(|enrollment| enrollment.is_for_own_ca()) {
            let is_it = |device: &Device| device.registration_id.eq_ignore_ascii_case(&of_own_ca.id);
            if !devices.iter().any(is_it) {
                devices.push(Device::new(&of_own_ca.id));
            }
        }
        enrollments.extend(each_enrollment("enrollmentGroups", &tables.enrollment_groups, &group)?);
        let fault = |description: &_| fault(description).map_err(Mistake::from);
        let faults = each("faults", &tables.faults, source, fault, |_| None)?;
        Ok(Self {
            tables,
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

/// Reads a device from JSON, with the keys and the rules of a `[[devices]]` table.
pub(crate) fn device_of_json(table: Value) -> Result<Device, String> {
    let table: DeviceTable = serde_path_to_error::deserialize(table).map_err(|error| {
        let message = without_text(&error.inner().to_string());
        match error.path().to_string() {
            path if path == "." => message,
            path => format!("{path}: {message}"),
        }
    })?;
    table.device()
}

impl Builder {
    /// Applies a configuration. If it has enrollments, there are no others, unless it has `onlyEnrollments = false`.
    #[must_use]
    pub fn config(mut self, config: &Config) -> Self {
        let tables = &config.tables;
        if let Some(id_scope) = &tables.id_scope {
            self = self.id_scope(id_scope.get_ref());
        }
        if let Some(hubs) = &tables.hubs {
            self = self.hubs(hubs.get_ref());
        }
        if let Some(polls) = tables.polls_before_assigning {
            self = self.polls_before_assigning(polls);
        }
        if let Some(retry_after) = &tables.retry_after {
            self = self.retry_after(retry_after.clone());
        }
        if let Some(strict) = tables.strict_csr {
            self = self.strict_csr(strict);
        }
        if let Some(refuse) = tables.refuse_simultaneous_registrations {
            self = self.refuse_simultaneous_registrations(refuse);
        }
        if let Some(limit) = tables.registrations_per_minute {
            self = self.registrations_per_minute(limit);
        }
        if let Some(limit) = tables.queries_per_10_s {
            self = self.queries_per_10_s(limit);
        }
        if let Some(retry_after) = &tables.quota_retry_after {
            self = self.quota_retry_after(retry_after.clone());
        }
        if let Some(evaluate) = tables.evaluate_queries {
            self = self.evaluate_queries(evaluate);
        }
        if let Some(profile) = &tables.connection_profile {
            self = self.connection_profile(profile);
        }
        if tables.only_enrollments.unwrap_or(!config.enrollments.is_empty()) {
            self = self.only_enrollments();
        }
        self.chaos = tables.chaos.or(self.chaos);
        let builder = config.enrollments.iter().cloned().fold(self, Self::enrollment);
        let builder = config.devices.iter().cloned().fold(builder, Self::device);
        config.faults.iter().cloned().fold(builder, Self::fault)
    }
}

impl Tables {
    /// Checks what the types do not express.
    fn check(&self, source: Source<'_>) -> Result<(), ConfigError> {
        if let Some(id_scope) = self
            .id_scope
            .as_ref()
            .filter(|id_scope| !is_id_scope(id_scope.get_ref()))
        {
            let message = "idScope: expected 1 to 64 letters, digits or '-'";
            return Err(source.mistake(id_scope.span().start, message.to_owned()));
        }
        let is_unusable =
            |hubs: &&Spanned<Vec<String>>| hubs.get_ref().is_empty() || hubs.get_ref().contains(&String::new());
        if let Some(hubs) = self.hubs.as_ref().filter(is_unusable) {
            let message = "hubs: expected at least one, and none that is empty";
            return Err(source.mistake(hubs.span().start, message.to_owned()));
        }
        Ok(())
    }
}

/// What is wrong with a table.
struct Mistake {
    /// The path of the key; `None` is the table.
    field: Option<String>,
    message: String,
}

impl From<String> for Mistake {
    fn from(message: String) -> Self {
        Self { field: None, message }
    }
}

/// Reads all tables of this name, and checks that their ids differ.
fn each<W, T>(
    name: &str,
    tables: &[Spanned<W>],
    source: Source<'_>,
    read: impl Fn(&W) -> Result<T, Mistake>,
    id: impl Fn(&T) -> Option<&String>,
) -> Result<Vec<T>, ConfigError> {
    let mut ids = HashSet::new();
    let read = tables.iter().enumerate().map(|(index, table)| {
        let one = read(table.get_ref()).and_then(|one| match id(&one) {
            Some(id) if !ids.insert(id.to_ascii_lowercase()) => {
                Err(format!("{id}: expected one table of this id, this is the second").into())
            }
            _ => Ok(one),
        });
        one.map_err(|Mistake { field, message }| {
            let position = field.and_then(|field| source.position_of(name, index, &field));
            source.mistake(position.unwrap_or(table.span().start), message)
        })
    });
    read.collect()
}

/// Reads an enrollment, with its certificates from their files.
fn enrollment(kind: EnrollmentKind, body: &Body, folder: &Path) -> Result<Enrollment, Mistake> {
    let name = kind.id_field();
    let given = match kind {
        EnrollmentKind::Individual => &body.registration_id,
        EnrollmentKind::Group => &body.enrollment_group_id,
    };
    let id = given.clone().unwrap_or_default();
    let of_id = |Invalid { field, message }: Invalid| Mistake {
        message: match &given {
            Some(id) if field != name => format!("{name} {id}: {field}: {message}"),
            _ => format!("{field}: {message}"),
        },
        field: Some(field),
    };
    let mut body = body.clone();
    for (path, given) in body.attestation.certificates_mut() {
        replace_by_file(&mut given.certificate, folder, |contents| {
            input::certificates(contents).map(|certificates| to_pem(&certificates[0]))
        })
        .map_err(|message| of_id(Invalid::new(format!("{path}.certificate"), message)))?;
    }
    for (path, key) in body.attestation.symmetric_keys_mut() {
        replace_by_file(key, folder, |contents| Key::read(contents).map(|key| key.to_base64()))
            .map_err(|message| of_id(Invalid::new(path, message)))?;
    }
    body.check(kind, &id).map_err(of_id)?;
    Ok(Enrollment { kind, id, body })
}

/// Replaces `file:` and a path by what the file contains.
fn replace_by_file(
    value: &mut Option<String>,
    folder: &Path,
    read: impl FnOnce(&[u8]) -> Result<String, Unreadable>,
) -> Result<(), String> {
    if let Some(text) = value
        && let Some(path) = text.strip_prefix("file:")
    {
        let path = folder.join(path);
        let contents =
            read_file(&path).map_err(|error| format!("expected {} to be readable ({error})", path.display()))?;
        *text = read(&contents).map_err(|unreadable| format!("{} cannot be used: {unreadable}", path.display()))?;
    }
    Ok(())
}

fn fault(description: &FaultDescription) -> Result<Fault, String> {
    let fault = Fault::try_from(description.clone()).map_err(|error| error.to_string())?;
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
