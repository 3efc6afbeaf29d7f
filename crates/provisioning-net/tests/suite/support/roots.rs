//! CA certificates that a test can replace.

use std::sync::{Arc, Mutex};

use provisioning_types::{InvalidInput, RootSource};
use test_support::tls::Ca;

#[derive(Debug, Clone)]
pub(crate) struct Roots {
    certificates: Arc<Mutex<Arc<[Vec<u8>]>>>,
    may_block: bool,
}

impl Roots {
    pub(crate) fn of(cas: &[&Ca]) -> Self {
        Self::of_der(der(cas))
    }

    pub(crate) fn of_der(certificates: Vec<Vec<u8>>) -> Self {
        Self {
            certificates: Arc::new(Mutex::new(certificates.into())),
            may_block: false,
        }
    }

    pub(crate) fn that_may_block(self) -> Self {
        Self {
            may_block: true,
            ..self
        }
    }

    pub(crate) fn replace(&self, cas: &[&Ca]) {
        *self.certificates.lock().expect("no panic") = der(cas).into();
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

fn der(cas: &[&Ca]) -> Vec<Vec<u8>> {
    cas.iter().map(|ca| ca.certificate().der().to_vec()).collect()
}
