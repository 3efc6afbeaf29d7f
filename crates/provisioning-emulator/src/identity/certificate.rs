//! The properties of a device's certificate.

/// How a device's certificate is issued.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct CertificateSettings {
    pub(crate) validity: Validity,
    pub(crate) key: KeyKind,
    /// Whether an intermediate CA issues it.
    pub(crate) intermediate: bool,
}

/// When a certificate is valid.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) enum Validity {
    #[default]
    Now,
    Expired,
    NotYet,
}

/// The algorithm of a device's key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum KeyKind {
    /// EC P-256.
    #[default]
    P256,
    /// EC P-384.
    P384,
}
