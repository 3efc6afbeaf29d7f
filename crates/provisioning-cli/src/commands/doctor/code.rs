//! The stable names of what the doctor finds.

use serde::{Serialize, Serializer};

use crate::output::section::Section;

/// Declares the codes, each with its name in JSON.
macro_rules! codes {
    ($($name:ident = $text:literal,)*) => {
        /// What was found: one name for programs, for the table of causes and for `docs/troubleshooting.md`.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum Code {
            $($name,)*
        }

        impl Code {
            #[cfg(test)]
            pub(crate) const ALL: &[Self] = &[$(Self::$name,)*];

            /// The code as programs read it.
            pub(crate) fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)*
                }
            }
        }
    };
}

codes! {
    Ok = "ok",
    Skipped = "skipped",
    // The inputs.
    InputInvalid = "input-invalid",
    IdScopeInvalid = "id-scope-invalid",
    RegistrationIdInvalid = "registration-id-invalid",
    RegistrationIdMissing = "registration-id-missing",
    RegistrationIdMismatch = "registration-id-mismatch",
    // The credential.
    CredentialUnreadable = "credential-unreadable",
    SecretExposed = "secret-exposed",
    PrivateKeyUnusable = "private-key-unusable",
    CertificateNotYetValid = "certificate-not-yet-valid",
    CertificateExpired = "certificate-expired",
    CertificateExpiresSoon = "certificate-expires-soon",
    NoClientAuthentication = "no-client-authentication",
    NoDigitalSignature = "no-digital-signature",
    WeakSignature = "weak-signature",
    ShortRsaKey = "short-rsa-key",
    ChainOrder = "chain-order",
    ChainIncomplete = "chain-incomplete",
    TokenExpired = "token-expired",
    // The clock.
    ClockBehind = "clock-behind",
    ClockAhead = "clock-ahead",
    ClockOff = "clock-off",
    // The network.
    NameNotResolved = "name-not-resolved",
    ResolverSilent = "resolver-silent",
    ProxyFailed = "proxy-failed",
    ProxyIgnored = "proxy-ignored",
    PortNotReached = "port-not-reached",
    DataNotAnswered = "data-not-answered",
    DataCutOff = "data-cut-off",
    Redirected = "redirected",
    LocalFailure = "local-failure",
    // TLS.
    ServiceRootMissing = "service-root-missing",
    ServerRootNotTrusted = "server-root-not-trusted",
    ServerNotTrusted = "server-not-trusted",
    ServerNameMismatch = "server-name-mismatch",
    ServerCertificateNotYetValid = "server-certificate-not-yet-valid",
    ServerCertificateExpired = "server-certificate-expired",
    ServerCertificateInvalid = "server-certificate-invalid",
    TlsInspected = "tls-inspected",
    TlsNotSpoken = "tls-not-spoken",
    TlsIncompatible = "tls-incompatible",
    TlsTimedOut = "tls-timed-out",
    TlsCutOff = "tls-cut-off",
    TlsFailed = "tls-failed",
    ClientCertificateRejected = "client-certificate-rejected",
    // The registration.
    CertificateRefused = "certificate-refused",
    TokenRefused = "token-refused",
    RegistrationRefused = "registration-refused",
    RegistrationNotConnected = "registration-not-connected",
    RegistrationTimedOut = "registration-timed-out",
    RegistrationInput = "registration-input",
    ServiceUnavailable = "service-unavailable",
    Cancelled = "cancelled",
}

impl Code {
    /// The section of `docs/troubleshooting.md` about the problem, if it has more than a row there.
    pub(crate) fn section(self) -> Option<Section> {
        Some(match self {
            Self::ClockBehind | Self::CertificateNotYetValid | Self::ServerCertificateNotYetValid => Section::CLOCK,
            Self::NameNotResolved | Self::ResolverSilent => Section::NAME,
            Self::PortNotReached => Section::FIREWALL,
            Self::ProxyIgnored => Section::PROXY_NEEDED,
            Self::ProxyFailed => Section::PROXY,
            Self::TlsNotSpoken | Self::Redirected => Section::OTHER_SERVER,
            Self::ServerNotTrusted => Section::UNTRUSTED_MIDDLEBOX,
            Self::TlsInspected => Section::TRUSTED_MIDDLEBOX,
            Self::DataNotAnswered | Self::TlsTimedOut => Section::LARGE_PACKETS,
            Self::CertificateExpired => Section::EXPIRED,
            Self::ChainIncomplete => Section::CHAIN,
            Self::CertificateRefused | Self::TokenRefused => Section::REFUSED,
            _ => return None,
        })
    }
}

impl Serialize for Code {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}
