//! A certificate signing request for a key that is made here.

use provisioning_types::{CertificateSigningRequest, InvalidInput, RegistrationId, Secret};
use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair};

/// A new key (EC P-256), and the request for a certificate of it.
#[derive(Debug)]
pub struct GeneratedRequest {
    /// The private key in PEM, PKCS#8: keep it, nobody else has it.
    pub private_key_pem: Secret,
    /// The request, with the registration id as its common name.
    pub request: CertificateSigningRequest,
}

/// Makes a key, and the request for a certificate of it for this device.
///
/// # Errors
/// [`InvalidInput`] naming `registration id` when it is longer than the 64 characters that a common name may have.
pub fn generate_csr(registration_id: &RegistrationId) -> Result<GeneratedRequest, InvalidInput> {
    let name = registration_id.as_str();
    if name.len() > 64 {
        let expected = "at most 64 characters, since it becomes a certificate's common name";
        return Err(InvalidInput::new("registration id", expected).with_given(name));
    }
    let failed =
        |error: rcgen::Error| InvalidInput::new("certificate signing request", format!("a key to be made ({error})"));
    let mut subject = DistinguishedName::new();
    subject.push(DnType::CommonName, name);
    let mut params = CertificateParams::default();
    params.distinguished_name = subject;

    let mut key = KeyPair::generate().map_err(failed)?;
    let request = params.serialize_request(&key).map_err(failed)?;
    let private_key_pem = Secret::new(key.serialize_pem().into_bytes());
    zeroize::Zeroize::zeroize(&mut key);
    Ok(GeneratedRequest {
        private_key_pem,
        request: CertificateSigningRequest::from_der(request.der().to_vec())?,
    })
}
