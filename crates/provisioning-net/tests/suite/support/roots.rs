//! CA certificates that a test can replace.

use std::sync::{Arc, Mutex};

use provisioning_types::{InvalidInput, RootSource};
use test_support::tls::Ca;

#[derive(Debug, Clone, Default)]
pub(crate) struct Roots {
    certificates: Arc<Mutex<Arc<[Vec<u8>]>>>,
    may_block: bool,
}

impl Roots {
    pub(crate) fn of(cas: &[&Ca]) -> Self {
        let roots = Self::default();
        roots.replace(cas);
        roots
    }

    pub(crate) fn of_der(certificates: Vec<Vec<u8>>) -> Self {
        let certificates = Arc::new(Mutex::new(certificates.into()));
        Self {
            certificates,
            ..Self::default()
        }
    }

    pub(crate) fn that_may_block(self) -> Self {
        Self {
            may_block: true,
            ..self
        }
    }

    pub(crate) fn replace(&self, cas: &[&Ca]) {
        let der = cas.iter().map(|ca| ca.certificate().der().to_vec());
        *self.certificates.lock().expect("no panic") = der.collect();
    }
}

impl RootSource for Roots {
    fn load(&self) -> Result<Arc<[Vec<u8>]>, InvalidInput> {
        Ok(Arc::clone(&self.certificates.lock().expect("no panic")))
    }

    fn may_block(&self) -> bool {
        self.may_block
    }
}
