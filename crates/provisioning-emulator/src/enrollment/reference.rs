//! Which enrollment: its kind and its id.

use serde::{Deserialize, Serialize};

/// Whether an enrollment is for one device or for a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum EnrollmentKind {
    Individual,
    Group,
}

/// Refers to an enrollment. Ids that differ in case only are the same.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct EnrollmentRef {
    kind: EnrollmentKind,
    /// In lower case.
    id: String,
}

impl EnrollmentKind {
    /// The member that names an enrollment of this kind.
    pub(crate) fn id_field(self) -> &'static str {
        match self {
            Self::Individual => "registrationId",
            Self::Group => "enrollmentGroupId",
        }
    }
}

impl EnrollmentRef {
    pub(crate) fn new(kind: EnrollmentKind, id: &str) -> Self {
        let id = id.to_ascii_lowercase();
        Self { kind, id }
    }

    pub(super) fn kind(&self) -> EnrollmentKind {
        self.kind
    }

    /// In lower case.
    pub(super) fn id(&self) -> &str {
        &self.id
    }
}
