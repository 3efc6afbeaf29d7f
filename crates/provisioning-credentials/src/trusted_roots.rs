//! The CA certificates that the service's certificate is verified against.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError, Weak},
};

use provisioning_types::{InvalidInput, Latest, RootSource, Secret};

use crate::{
    input::{contents, file::InputFile, wanted::Wanted},
    x509::certificate::Certificate,
};

/// CA certificates in PEM or DER, from memory or from a file. They replace the platform's.
pub struct TrustedRoots(Origin);

enum Origin {
    Memory(Arc<[Vec<u8>]>),
    File(Box<RootsFile>),
}

struct RootsFile {
    file: InputFile,
    last: Latest<Secret, Arc<[Vec<u8>]>>,
}

impl TrustedRoots {
    /// The certificates in `pem`: one or more. DER is read too.
    ///
    /// # Errors
    /// [`InvalidInput`] naming `CA certificates` when there is no certificate, or one cannot be parsed.
    pub fn from_pem(pem: &[u8]) -> Result<Self, InvalidInput> {
        Ok(Self(Origin::Memory(shared(parse(pem)?))))
    }

    /// The certificates in a file, PEM or DER. The file is read now, and again for every connection, so a replaced file
    /// needs no restart.
    ///
    /// # Errors
    /// As [`from_pem`](Self::from_pem), and when the file cannot be read. The error names the file.
    pub fn from_file(file: impl Into<InputFile>) -> Result<Self, InvalidInput> {
        let (file, last) = (file.into(), Latest::default());
        let roots = Self(Origin::File(Box::new(RootsFile { file, last })));
        roots.load()?;
        Ok(roots)
    }
}

impl RootSource for TrustedRoots {
    fn load(&self) -> Result<Arc<[Vec<u8>]>, InvalidInput> {
        let RootsFile { file, last } = match &self.0 {
            Origin::Memory(certificates) => return Ok(Arc::clone(certificates)),
            Origin::File(file) => file.as_ref(),
        };
        let bytes = file.read(Wanted::Roots.input())?;
        last.get_or_make(bytes, |bytes| {
            parse(bytes.expose()).map_err(|error| error.found_in(file))
        })
    }

    fn may_block(&self) -> bool {
        matches!(self.0, Origin::File(_))
    }
}

impl fmt::Debug for TrustedRoots {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Origin::Memory(certificates) => write!(f, "TrustedRoots({} certificates)", certificates.len()),
            Origin::File(file) => write!(f, "TrustedRoots({})", file.file),
        }
    }
}

fn parse(bytes: &[u8]) -> Result<Arc<[Vec<u8>]>, InvalidInput> {
    let certificates = contents::certificates(Wanted::Roots, bytes)?;
    for (index, certificate) in certificates.iter().enumerate() {
        if Certificate::from_der(certificate).is_none() {
            let found = format!("a list whose certificate number {} cannot be parsed", index + 1);
            return Err(Wanted::Roots.invalid().with_found(found));
        }
    }
    Ok(certificates.into())
}

/// These certificates, shared with the last roots that had the same: a gateway has thousands of clients with one CA.
fn shared(certificates: Arc<[Vec<u8>]>) -> Arc<[Vec<u8>]> {
    static LAST: Mutex<Option<Weak<[Vec<u8>]>>> = Mutex::new(None);
    // Nothing panics while it is locked.
    let mut last = LAST.lock().unwrap_or_else(PoisonError::into_inner);
    let same = last
        .as_ref()
        .and_then(Weak::upgrade)
        .filter(|same| *same == certificates);
    same.unwrap_or_else(|| {
        *last = Some(Arc::downgrade(&certificates));
        certificates
    })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::testing::named;

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
    fn clients_with_the_same_certificates_share_them_and_others_do_not() {
        let (one, _) = ca("one");
        let roots = |pem: &str| TrustedRoots::from_pem(pem.as_bytes()).expect("one").load();
        // Other tests read roots at the same time: then the last ones are theirs.
        let shared = (0..100).any(|_| {
            let (first, second) = (roots(&one).expect("one"), roots(&one).expect("one"));
            assert_eq!(first, second);
            Arc::ptr_eq(&first, &second)
        });
        assert!(shared);
        let (other, other_der) = ca("other");
        assert_eq!(*roots(&other).expect("one"), [other_der]);
    }

    #[test]
    fn pem_that_holds_no_usable_certificate_names_what_is_wrong() {
        let (pem, _) = ca("one");
        let block = |body: &str| format!("-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----\n");
        for (pem, expected) in [
            (String::new(), "it is empty"),
            (pem.replace("CERTIFICATE", "PRIVATE KEY"), "it is a private key"),
            (block("*"), "it is PEM whose contents are not base64"),
            (pem.replace("-----END", "-----FIN"), "it is cut off"),
            (
                format!("{pem}{}", block("MAA=")),
                "certificate number 2 cannot be parsed",
            ),
        ] {
            let error = TrustedRoots::from_pem(pem.as_bytes()).expect_err(expected);
            assert_eq!(error.input(), "CA certificates");
            assert!(error.to_string().contains(expected), "{error}");
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
        assert!(error.contains("it is empty"), "{error}");
        fs::remove_file(&path).expect("removed");
        let error = roots.load().expect_err("missing").to_string();
        assert!(error.starts_with(&format!("{beginning} a file that exists")), "{error}");

        fs::write(&path, &pem).expect("written");
        assert_eq!(first, roots.load().expect("valid again"));
    }
}
