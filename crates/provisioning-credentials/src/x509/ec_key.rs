//! EC private keys without their public key, or with a compressed one, as Java and HSMs write them.
//!
//! OpenSSL computes the public key. Our TLS providers want it beside the private key, uncompressed. The certificate has
//! it, so it is taken from there; the provider checks that the two belong together.

use pkcs8::{
    AlgorithmIdentifierRef, ObjectIdentifier, PrivateKeyInfoRef,
    der::{Decode, Encode},
};
use provisioning_types::Secret;
use sec1::{EcParameters, EcPrivateKey};
use zeroize::Zeroizing;

/// id-ecPublicKey (RFC 5480).
const EC_PUBLIC_KEY: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");

/// The first byte of an uncompressed point.
const UNCOMPRESSED: u8 = 4;

/// The key as PKCS#8 with `public_key`, the point in its certificate, if it is an EC key without an uncompressed public
/// key. `None` for any other key.
pub(super) fn with_public_key(key: &[u8], public_key: &[u8]) -> Option<Secret> {
    if public_key.first() != Some(&UNCOMPRESSED) {
        return None;
    }
    let (ec_key, curve) = match PrivateKeyInfoRef::from_der(key) {
        Ok(info) if info.algorithm.oid == EC_PUBLIC_KEY => {
            let curve = info.algorithm.parameters_oid().ok()?;
            (EcPrivateKey::from_der(info.private_key.as_bytes()).ok()?, curve)
        }
        Ok(_) => return None,
        Err(_) => {
            let ec_key = EcPrivateKey::from_der(key).ok()?;
            let curve = ec_key.parameters.and_then(EcParameters::named_curve)?;
            (ec_key, curve)
        }
    };
    if ec_key
        .public_key
        .is_some_and(|point| point.first() == Some(&UNCOMPRESSED))
    {
        return None;
    }
    let complete = EcPrivateKey {
        private_key: ec_key.private_key,
        parameters: None,
        public_key: Some(public_key),
    };
    let complete = Zeroizing::new(complete.to_der().ok()?);
    let algorithm = AlgorithmIdentifierRef {
        oid: EC_PUBLIC_KEY,
        parameters: Some((&curve).into()),
    };
    let info = PrivateKeyInfoRef::new(algorithm, complete.as_slice().try_into().ok()?);
    Some(Secret::new(info.to_der().ok()?))
}
