//! The CA certificates that this device trusts: whether the service's roots are among them, and whether the one that
//! signed the server's certificate is public.

use std::collections::HashSet;

use provisioning_device::{Endpoint, ErrorKind, InvalidInput, Probe, RootSource, TrustedRoots};
use x509_parser::prelude::{FromDer, X509Certificate};

use super::{
    code::Code,
    finding::Finding,
    server_certificate::{common_name, issuer},
};
use crate::{
    input::{flags::Registration, options::Options},
    output::failure::Failure,
};

/// The roots under which the service's certificate may be.
const SERVICE_ROOTS: [&str; 2] = [
    "DigiCert Global Root G2",
    "Microsoft RSA Root Certificate Authority 2017",
];

/// The service's names end with these, the last two in sovereign clouds.
const SERVICE_DOMAINS: [&str; 3] = [
    ".azure-devices-provisioning.net",
    ".azure-devices-provisioning.us",
    ".azure-devices-provisioning.cn",
];

/// The CAs that this device trusts.
pub(super) struct Trusted {
    /// The source of the CAs in words, such as `--ca or --extra-ca`.
    pub(super) by: &'static str,
    /// The name that the server's certificate must have, if it is a name of the service.
    service: Option<String>,
    /// The CA certificates of --ca and --extra-ca, in DER.
    given: Vec<Vec<u8>>,
    /// Whether the platform's CA certificates are trusted too.
    platform: bool,
}

impl Trusted {
    /// Reads the files again.
    pub(super) fn new(flags: &Registration, options: &Options<'_>, endpoint: &Endpoint) -> Result<Self, InvalidInput> {
        let network = &flags.network;
        let mut given = vec![];
        if let Some(file) = &network.ca {
            given.extend(TrustedRoots::from_file(file.clone())?.load()?.iter().cloned());
        }
        if let Some(pem) = options.extra_ca() {
            given.extend(TrustedRoots::from_pem(pem.expose())?.load()?.iter().cloned());
        }
        let name = endpoint.server_name().to_string().to_ascii_lowercase();
        let is_service = SERVICE_DOMAINS.iter().any(|domain| name.ends_with(domain));
        Ok(Self {
            by: match (&network.ca, &network.extra_ca) {
                (None, None) => "this machine",
                (None, Some(_)) => "this machine or --extra-ca",
                (Some(_), None) => "--ca",
                (Some(_), Some(_)) => "--ca or --extra-ca",
            },
            service: is_service.then_some(name),
            given,
            platform: network.ca.is_none(),
        })
    }

    /// The name of the service; `None` if the host is a local DPS or a gateway.
    pub(super) fn service(&self) -> Option<&str> {
        self.service.as_deref()
    }

    /// The service's roots that are not trusted; `None` if this system does not list the CAs that it trusts.
    fn missing_roots(&self) -> Option<Vec<&'static str>> {
        let mut trusted: HashSet<String> = self.given.iter().filter_map(|der| subject(der)).collect();
        if self.platform {
            trusted.extend(platform_roots()?.iter().filter_map(|der| subject(der)));
        }
        let missing = SERVICE_ROOTS.into_iter().filter(|&root| !trusted.contains(root));
        Some(missing.collect())
    }

    /// Checks that both of the service's roots are trusted; `None` if the host is not the service's.
    pub(super) fn service_roots(&self) -> Option<Finding> {
        let check = "service roots";
        self.service()?;
        let Some(missing) = self.missing_roots() else {
            return Some(Finding::skipped(
                check,
                "this system does not list the CAs that it trusts",
            ));
        };
        if missing.is_empty() {
            return Some(Finding::ok(check, format!("{} trusts both", self.by)));
        }
        let missing: Vec<_> = missing.iter().map(|root| format!("{root:?}")).collect();
        let message = format!(
            "{} does not trust {}, which may sign the service's certificate",
            self.by,
            missing.join(" and ")
        );
        let hint = match self.platform {
            true => {
                "update this machine's trust store (the package `ca-certificates`), or add the root with --extra-ca"
            }
            false => "add the root to the file of --ca, or leave --ca out if this machine trusts both",
        };
        let failure = Failure::new(ErrorKind::Tls, message).with_hint(hint);
        Some(Finding::warning(check, Code::ServiceRootMissing, failure))
    }

    /// Whether a chain that ends with `last` lacks one of the service's roots.
    pub(super) fn lacks_root_of(&self, last: Option<&[u8]>) -> bool {
        service_root_of(last).is_some_and(|root| self.missing_roots().is_none_or(|missing| missing.contains(&root)))
    }

    /// The finding about a server's certificate that another CA than the service's roots signed. `None` if a root of
    /// the service signed it, or if a public CA signed the certificate of another server.
    pub(super) fn inspection(&self, probe: &Probe) -> Option<Finding> {
        let check = "TLS inspection";
        let last = probe.chain().last()?;
        if service_root_of(Some(last)).is_some() {
            return None;
        }
        let issuer = issuer(probe);
        let is_private = self.is_private(last);
        let Some(service) = self.service() else {
            let message = format!(
                "{issuer}, a private CA that you trust, signed the server's certificate, as that of a local DPS or a \
                 gateway; if it is a middlebox that inspects TLS, it drops the device's client certificate"
            );
            return is_private.then(|| Finding::ok(check, message));
        };
        let (what, may) = match is_private {
            true => ("a private CA that you trust", "inspects"),
            false => ("which is no root of the service", "probably inspects"),
        };
        let message = format!(
            "{issuer}, {what}, signed the server's certificate: a middlebox {may} TLS, and drops the \
             device's client certificate"
        );
        let hint =
            format!("exempt {service} from inspection; meanwhile only symmetric keys and SAS tokens can register");
        let failure = Failure::new(ErrorKind::Tls, message).with_hint(hint);
        Some(Finding::warning(check, Code::TlsInspected, failure))
    }

    /// Whether a CA of --ca or --extra-ca that is not public issued a certificate.
    fn is_private(&self, certificate: &[u8]) -> bool {
        let Ok((_, certificate)) = X509Certificate::from_der(certificate) else {
            return false;
        };
        let issued_by = |root: &Vec<u8>| {
            let root = X509Certificate::from_der(root);
            root.is_ok_and(|(_, root)| root.subject().as_raw() == certificate.issuer().as_raw())
        };
        let is_public = || platform_roots().is_some_and(|roots| roots.iter().any(issued_by));
        self.given.iter().any(issued_by) && !is_public()
    }
}

/// The root of the service that a certificate names as its issuer.
fn service_root_of(certificate: Option<&[u8]>) -> Option<&'static str> {
    let (_, certificate) = X509Certificate::from_der(certificate?).ok()?;
    let issuer = common_name(certificate.issuer())?;
    SERVICE_ROOTS.into_iter().find(|&root| root == issuer)
}

fn subject(certificate: &[u8]) -> Option<String> {
    let (_, certificate) = X509Certificate::from_der(certificate).ok()?;
    common_name(certificate.subject()).map(str::to_owned)
}

/// The roots of the platform, in DER, where it lists all of them.
#[cfg(all(unix, not(target_os = "android")))]
fn platform_roots() -> Option<Vec<Vec<u8>>> {
    let loaded = rustls_native_certs::load_native_certs();
    Some(loaded.certs.iter().map(|der| der.to_vec()).collect())
}

/// Windows fetches roots when they are needed; Android has no list.
#[cfg(not(all(unix, not(target_os = "android"))))]
fn platform_roots() -> Option<Vec<Vec<u8>>> {
    None
}
