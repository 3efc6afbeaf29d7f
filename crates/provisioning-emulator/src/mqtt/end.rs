//! Why a connection ends, for the log.

use std::io;

use super::codec::DecodeError;
use crate::net::StreamEnd;

/// Why a connection ends.
pub(crate) enum End {
    /// The device ended it, the emulator stops, or a packet has said why.
    Closed(String),
    /// The emulator ends it for this reason.
    Refused(String),
}

impl End {
    pub(crate) fn closed(reason: impl Into<String>) -> Self {
        Self::Closed(reason.into())
    }

    pub(crate) fn refused(reason: impl Into<String>) -> Self {
        Self::Refused(reason.into())
    }

    /// CONNACK has the reason.
    pub(crate) fn connect_refused() -> Self {
        Self::closed("CONNECT was refused")
    }
}

impl From<StreamEnd> for End {
    fn from(end: StreamEnd) -> Self {
        match end {
            StreamEnd::Gone(reason) => Self::closed(reason),
            StreamEnd::Refused(reason) => Self::refused(reason),
        }
    }
}

impl From<io::Error> for End {
    fn from(error: io::Error) -> Self {
        StreamEnd::of(&error).into()
    }
}

impl From<DecodeError> for End {
    fn from(error: DecodeError) -> Self {
        match error {
            DecodeError::Io(error) => error.into(),
            broken => Self::refused(broken.to_string()),
        }
    }
}
