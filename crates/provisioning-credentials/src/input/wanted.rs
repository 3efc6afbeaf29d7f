//! What an input is read for.

use provisioning_types::InvalidInput;

use super::kind::Kind;

/// What an input is read for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// The device's certificate, and its intermediates.
    Certificate,
    /// The certificates of CAs.
    Roots,
    PrivateKey,
    Request,
}

impl Wanted {
    /// The name of the input.
    pub(crate) fn input(self) -> &'static str {
        match self {
            Self::Certificate => "certificate",
            Self::Roots => "CA certificates",
            Self::PrivateKey => "private key",
            Self::Request => "certificate signing request",
        }
    }

    /// The error of an input, without what it is instead.
    pub(crate) fn invalid(self) -> InvalidInput {
        let expected = match self {
            Self::Certificate => "at least one certificate in PEM or DER, the device's own first",
            Self::Roots => "at least one certificate in PEM or DER",
            Self::PrivateKey => "a private key in PEM or DER: PKCS#8, SEC1 or PKCS#1",
            Self::Request => "a PKCS#10 request in PEM or DER",
        };
        InvalidInput::new(self.input(), expected)
    }

    /// A part that every PEM label of this input has.
    pub(super) fn label(self) -> &'static str {
        match self {
            Self::Certificate | Self::Roots => "CERTIFICATE",
            Self::PrivateKey => "PRIVATE KEY",
            Self::Request => "CERTIFICATE REQUEST",
        }
    }

    pub(super) fn takes(self, kind: Kind) -> bool {
        match self {
            Self::Certificate | Self::Roots => kind == Kind::Certificate,
            Self::PrivateKey => matches!(kind, Kind::PrivateKey | Kind::EncryptedKey),
            Self::Request => kind == Kind::Request,
        }
    }
}
