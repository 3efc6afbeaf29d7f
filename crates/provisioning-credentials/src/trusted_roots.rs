//! The CA certificates that the service's certificate is verified against.

use std::{
    fmt,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

use provisioning_types::{InvalidInput, RootSource};
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::{input_file, x509};

const INPUT: &str = "CA certificates";

/// CA certificates in PEM, from memory or from a file. They replace the platform's.
pub struct TrustedRoots(Origin);

enum Origin {
    Memory(Arc<[Vec<u8>]>),
    File { path: PathBuf, last: Mutex<Parsed> },
}

/// The contents of a file, and the certificates in it.
struct Parsed {
    pem: Vec<u8>,
    certificates: Arc<[Vec<u8>]>,
}

impl TrustedRoots {
    /// The certificates in `pem`: one or more.
    ///
    /// # Errors
    /// [`InvalidInput`] naming `CA certificates` when there is no certificate, or one cannot be parsed.
    pub fn from_pem(pem: &[u8]) -> Result<Self, InvalidInput> {
        Ok(Self(Origin::Memory(parse(pem)?)))
    }

    /// The certificates in a PEM file. The file is read now, and again for every connection, so a replaced file needs
    /// no restart.
    ///
    /// # Errors
    /// As [`from_pem`](Self::from_pem), and when the file cannot be read. The error names the file.
    pub fn from_file(path: impl Into<PathBuf>) -> Result<Self, InvalidInput> {
        let path = path.into();
        let pem = input_file::read_input_file(INPUT, &path)?;
        let certificates = parse(&pem).map_err(|error| error.found_in(path.display()))?;
        let last = Mutex::new(Parsed { pem, certificates });
        Ok(Self(Origin::File { path, last }))
    }
}

impl RootSource for TrustedRoots {
    fn load(&self) -> Result<Arc<[Vec<u8>]>, InvalidInput> {
        let (path, last) = match &self.0 {
            Origin::Memory(certificates) => return Ok(Arc::clone(certificates)),
            Origin::File { path, last } => (path, last),
        };
        let pem = input_file::read_input_file(INPUT, path)?;
        // The value is replaced as a whole, so it is consistent even if the lock is poisoned.
        let mut last = last.lock().unwrap_or_else(PoisonError::into_inner);
        if pem != last.pem {
            let certificates = parse(&pem).map_err(|error| error.found_in(path.display()))?;
            *last = Parsed { pem, certificates };
        }
        Ok(Arc::clone(&last.certificates))
    }

    fn may_block(&self) -> bool {
        matches!(self.0, Origin::File { .. })
    }
}

impl fmt::Debug for TrustedRoots {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Origin::Memory(certificates) => write!(f, "TrustedRoots({} certificates)", certificates.len()),
            Origin::File { path, .. } => write!(f, "TrustedRoots({})", path.display()),
        }
    }
}

fn parse(pem: &[u8]) -> Result<Arc<[Vec<u8>]>, InvalidInput> {
    let invalid = |expected| InvalidInput::new(INPUT, expected);
    let certificates = x509::pem_certificates(pem).map_err(|_| invalid("well-formed PEM"))?;
    for certificate in &certificates {
        if !matches!(X509Certificate::from_der(certificate), Ok(([], _))) {
            return Err(invalid("one X.509 certificate and nothing after it in every PEM block"));
        }
    }
    if certificates.is_empty() {
        return Err(invalid("at least one PEM certificate"));
    }
    Ok(certificates.into())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use base64::{Engine, engine::general_purpose::STANDARD};

    use super::*;
    use crate::testing::named;

    const ONE_CERTIFICATE: &str = "one X.509 certificate and nothing after it in every PEM block";

    fn ca(name: &str) -> (String, Vec<u8>) {
        let key = rcgen::KeyPair::generate().expect("a key");
        let certificate = named(Some(name)).self_signed(&key).expect("a certificate");
        (certificate.pem(), certificate.der().to_vec())
    }

    #[test]
    fn the_certificates_in_pem_are_loaded_in_their_order_and_do_not_block() {
        let ((one, one_der), (other, other_der)) = (ca("one"), ca("other"));
        let roots = TrustedRoots::from_pem(format!("{one}{other}").as_bytes()).expect("two");
        assert_eq!(*roots.load().expect("two"), [one_der, other_der]);
        assert!(Arc::ptr_eq(&roots.load().expect("two"), &roots.load().expect("two")));
        assert!(!roots.may_block());
        assert_eq!(format!("{roots:?}"), "TrustedRoots(2 certificates)");
    }

    #[test]
    fn pem_that_holds_no_usable_certificate_names_what_is_wrong() {
        let (pem, mut longer) = ca("one");
        longer.push(0);
        let block = |body: &str| format!("-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----\n");
        for (pem, expected) in [
            (String::new(), "at least one PEM certificate"),
            (
                pem.replace("CERTIFICATE", "PRIVATE KEY"),
                "at least one PEM certificate",
            ),
            (block("*"), "well-formed PEM"),
            (pem.replace("-----END", "-----FIN"), "well-formed PEM"),
            (format!("{pem}{}", block("AAAA")), ONE_CERTIFICATE),
            (block(&STANDARD.encode(longer)), ONE_CERTIFICATE),
        ] {
            let error = TrustedRoots::from_pem(pem.as_bytes()).expect_err(expected);
            assert_eq!((error.input(), error.expected()), ("CA certificates", expected));
        }
    }

    #[test]
    fn an_unchanged_file_gives_the_same_certificates_and_a_replaced_file_the_new_ones() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("ca.pem");
        let ((one, one_der), (other, other_der)) = (ca("one"), ca("other"));
        fs::write(&path, &one).expect("written");
        let roots = TrustedRoots::from_file(&path).expect("valid");
        assert!(roots.may_block());
        let first = roots.load().expect("valid");
        assert_eq!(*first, [one_der]);
        fs::write(&path, &one).expect("written");
        assert!(Arc::ptr_eq(&first, &roots.load().expect("unchanged")));

        fs::write(&path, other).expect("written");
        let second = roots.load().expect("valid");
        assert_eq!(*second, [other_der]);
        assert!(Arc::ptr_eq(&second, &roots.load().expect("unchanged")));
    }

    #[test]
    fn a_file_that_becomes_unreadable_or_invalid_is_an_error_that_names_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("ca.pem");
        let error = TrustedRoots::from_file(&path).expect_err("missing");
        let beginning = format!("CA certificates in {} cannot be used: expected", path.display());
        assert!(error.to_string().starts_with(&beginning), "{error}");

        let (pem, _) = ca("one");
        fs::write(&path, &pem).expect("written");
        let roots = TrustedRoots::from_file(&path).expect("valid");
        let first = roots.load().expect("valid");
        fs::write(&path, "").expect("written");
        let error = roots.load().expect_err("empty").to_string();
        assert_eq!(error, format!("{beginning} at least one PEM certificate"));
        fs::remove_file(&path).expect("removed");
        let error = roots.load().expect_err("missing").to_string();
        assert!(error.starts_with(&format!("{beginning} a readable file")), "{error}");

        fs::write(&path, &pem).expect("written");
        assert!(Arc::ptr_eq(&first, &roots.load().expect("valid again")));
    }
}
