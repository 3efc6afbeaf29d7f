//! The kinds of failure, and the exit code of each.

use provisioning_device::ErrorKind;
use serde::{Serialize, Serializer};

/// The exit code if the device is assigned, but a file for the assignment or the certificate could not be written.
pub(crate) const ASSIGNED_BUT_NOT_SAVED: u8 = 7;

/// The kind of a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The command line is wrong.
    Usage,
    /// A kind that the library has too.
    Library(ErrorKind),
}

impl Kind {
    /// The kind as programs read it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Usage => "usage",
            Self::Library(kind) => kind.as_str(),
        }
    }

    /// The exit code of `dps`.
    pub(crate) fn exit_code(self) -> u8 {
        let kind = match self {
            Self::Usage => return 2,
            Self::Library(kind) => kind,
        };
        match kind {
            ErrorKind::Local => 1,
            ErrorKind::Input => 2,
            ErrorKind::Connect | ErrorKind::Tls | ErrorKind::Lost => 4,
            ErrorKind::Timeout => 5,
            ErrorKind::Throttled | ErrorKind::Service => 6,
            ErrorKind::Cancelled => 130,
            // The service rejected the request, for whichever reason.
            _ => 3,
        }
    }
}

impl From<ErrorKind> for Kind {
    fn from(kind: ErrorKind) -> Self {
        Self::Library(kind)
    }
}

impl Serialize for Kind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_the_exit_code_that_the_contract_gives_it() {
        let table = [
            (1, &[ErrorKind::Local][..]),
            (2, &[ErrorKind::Input]),
            (
                3,
                &[
                    ErrorKind::Refused,
                    ErrorKind::Unauthorized,
                    ErrorKind::NotFound,
                    ErrorKind::Conflict,
                    ErrorKind::BadRequest,
                    ErrorKind::Failed,
                    ErrorKind::Disabled,
                    ErrorKind::UnexpectedResponse,
                ],
            ),
            (4, &[ErrorKind::Connect, ErrorKind::Tls, ErrorKind::Lost]),
            (5, &[ErrorKind::Timeout]),
            (6, &[ErrorKind::Throttled, ErrorKind::Service]),
            (130, &[ErrorKind::Cancelled]),
        ];
        for (code, kinds) in table {
            for &kind in kinds {
                assert_eq!(Kind::from(kind).exit_code(), code, "{kind}");
            }
        }
        assert_eq!((Kind::Usage.as_str(), Kind::Usage.exit_code()), ("usage", 2));
    }
}
