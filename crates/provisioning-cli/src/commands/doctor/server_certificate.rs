//! Names in a server's certificate.

use provisioning_device::Probe;
use x509_parser::prelude::X509Name;

/// The name of the CA that signed the last certificate that the server presented, in quotes.
pub(crate) fn issuer(probe: &Probe) -> String {
    probe
        .issuer()
        .map_or_else(|| "an unknown CA".to_owned(), |name| format!("\"{name}\""))
}

/// The common name of a name.
pub(crate) fn common_name<'a>(name: &'a X509Name<'_>) -> Option<&'a str> {
    name.iter_common_name().next()?.as_str().ok()
}
