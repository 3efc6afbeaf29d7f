//! Certificates that other TLS libraries present: it is the server that decides what it accepts.

use provisioning_types::{ClientCertificate, PrivateKey, Secret};
use rcgen::{KeyPair, PublicKeyData, SigningKey};
use rustls_pki_types::CertificateDer;
use test_support::{
    soon,
    tls::{BOTH_VERSIONS, Ca, new_key},
};

use super::{device::Device, server::trusting, verdict::accepting};
use crate::support::exchange;

/// An element of DER with fewer than 64 KiB.
fn der(tag: u8, contents: impl AsRef<[u8]>) -> Vec<u8> {
    let contents = contents.as_ref();
    let [high, low] = u16::try_from(contents.len()).expect("short").to_be_bytes();
    [&[tag, 0x82, high, low], contents].concat()
}

/// The parts of a certificate, in DER.
struct Odd {
    version: Vec<u8>,
    serial: Vec<u8>,
    subject: Vec<u8>,
    validity: Vec<u8>,
    /// The `SubjectPublicKeyInfo`.
    key: Vec<u8>,
    extensions: Vec<u8>,
}

impl Odd {
    /// A plain certificate of version 3 for `key`.
    fn plain(key: &KeyPair) -> Self {
        Self {
            version: der(0xa0, der(2, [2])),
            serial: der(2, [1]),
            subject: name(&der(0x0c, "device-1")),
            validity: der(0x30, [der(0x17, "200101000000Z"), der(0x17, "490101000000Z")].concat()),
            key: key.subject_public_key_info(),
            extensions: vec![],
        }
    }

    fn with_extension(mut self, oid: &[u8], is_critical: bool, value: &[u8]) -> Self {
        let critical = if is_critical { der(1, [0xff]) } else { vec![] };
        let extension = der(0x30, [der(6, oid), critical, der(4, value)].concat());
        self.extensions = der(0xa3, der(0x30, extension));
        self
    }

    fn signed(self, key: &KeyPair) -> Vec<u8> {
        let algorithm = der(0x30, der(6, b"\x2a\x86\x48\xce\x3d\x04\x03\x02"));
        let fields = [
            self.version,
            self.serial,
            algorithm.clone(),
            name(&der(0x0c, "CA")),
            self.validity,
            self.subject,
            self.key,
            self.extensions,
        ];
        let fields = der(0x30, fields.concat());
        let signature = key.sign(&fields).expect("a signature");
        let signature = der(3, [&[0][..], &signature].concat());
        der(0x30, [fields, algorithm, signature].concat())
    }
}

/// A name with this value as its common name.
fn name(value: &[u8]) -> Vec<u8> {
    let attribute = der(0x30, [&der(6, b"\x55\x04\x03"), value].concat());
    der(0x30, der(0x31, attribute))
}

/// Certificates for `key` that strict libraries do not read, or do not accept.
fn odd_certificates(key: &KeyPair) -> Vec<(&'static str, Vec<u8>)> {
    let plain = || Odd::plain(key);
    let utf_16 = |text: &str| text.encode_utf16().flat_map(u16::to_be_bytes).collect::<Vec<_>>();
    let times = |from: Vec<u8>, to: Vec<u8>| der(0x30, [from, to].concat());
    let point = key.public_key_raw();
    let compressed = [&[2 + (point[64] & 1)][..], &point[1..33]].concat();
    let algorithm = der(
        0x30,
        [
            der(6, b"\x2a\x86\x48\xce\x3d\x02\x01"),
            der(6, b"\x2a\x86\x48\xce\x3d\x03\x01\x07"),
        ]
        .concat(),
    );
    let odd = [
        ("version 3", plain()),
        (
            "version 1",
            Odd {
                version: vec![],
                ..plain()
            },
        ),
        (
            "version 2",
            Odd {
                version: der(0xa0, der(2, [1])),
                ..plain()
            },
        ),
        (
            "a critical unknown extension",
            plain().with_extension(&[0x2a, 3, 4], true, b"?"),
        ),
        (
            "a malformed extension",
            plain().with_extension(&[0x55, 0x1d, 0x0f], true, b"?"),
        ),
        (
            "CA:TRUE",
            plain().with_extension(&[0x55, 0x1d, 0x13], true, &der(0x30, der(1, [0xff]))),
        ),
        (
            "a negative serial number",
            Odd {
                serial: der(2, [0xff, 0x01]),
                ..plain()
            },
        ),
        (
            "a serial number of 40 bytes",
            Odd {
                serial: der(2, [0x7f; 40]),
                ..plain()
            },
        ),
        (
            "a T61String",
            Odd {
                subject: name(&der(0x14, b"d\xe9vice")),
                ..plain()
            },
        ),
        (
            "a BMPString",
            Odd {
                subject: name(&der(0x1e, utf_16("device-1"))),
                ..plain()
            },
        ),
        (
            "no name",
            Odd {
                subject: der(0x30, []),
                ..plain()
            },
        ),
        (
            "times without seconds",
            Odd {
                validity: times(der(0x17, "2001010000Z"), der(0x17, "4901010000Z")),
                ..plain()
            },
        ),
        (
            "times with an offset and fractions",
            Odd {
                validity: times(der(0x18, "20200101000000.5+0100"), der(0x18, "20300101000000Z")),
                ..plain()
            },
        ),
        (
            "times in reverse",
            Odd {
                validity: times(der(0x17, "490101000000Z"), der(0x17, "200101000000Z")),
                ..plain()
            },
        ),
        (
            "a compressed public key",
            Odd {
                key: der(0x30, [algorithm, der(3, [&[0][..], &compressed].concat())].concat()),
                ..plain()
            },
        ),
    ];
    odd.into_iter().map(|(what, odd)| (what, odd.signed(key))).collect()
}

/// mqtt_transport: SRS_NODE_PROVISIONING_MQTT_18_001
#[tokio::test(start_paused = true)]
async fn a_certificate_is_presented_as_it_is_and_the_server_decides() {
    let ca = Ca::root();
    for version in BOTH_VERSIONS {
        let key = new_key();
        for (what, certificate) in odd_certificates(&key) {
            let chain = vec![certificate.clone()];
            let presented = ClientCertificate::new(chain, PrivateKey::Der(Secret::new(key.serialize_der())));
            assert_eq!(trusting(&ca).check(&presented), Ok(()), "{what}");
            let device = Device::new(trusting(&ca), presented);
            let call = device.connect();
            let acceptor = accepting(&ca, key.public_key_raw().to_vec(), version);
            let accepted = acceptor.accept(device.stream().await);
            let mut stream = soon("the handshake", accepted)
                .await
                .unwrap_or_else(|error| panic!("{what}: {error}"));
            let certificates = stream.get_ref().1.peer_certificates().expect("one");
            assert_eq!(certificates, [CertificateDer::from(certificate)], "{what}");
            exchange(&mut call.success().await, &mut stream).await;
        }
    }
}

#[test]
fn a_key_of_another_certificate_is_found_in_odd_certificates_too() {
    let (key, other) = (new_key(), new_key());
    for (what, certificate) in odd_certificates(&key) {
        let presented = ClientCertificate::new(vec![certificate], PrivateKey::Der(Secret::new(other.serialize_der())));
        let error = trusting(&Ca::root()).check(&presented).expect_err(what);
        assert_eq!(error.input(), "private key", "{what}");
    }
}

#[test]
fn what_is_not_a_certificate_is_an_input_error_that_names_it() {
    let key = new_key();
    let whole = Odd::plain(&key).signed(&key);
    for certificate in [&b""[..], b"no certificate", &whole[..60]] {
        let key = PrivateKey::Der(Secret::new(key.serialize_der()));
        let presented = ClientCertificate::new(vec![certificate.to_vec()], key);
        let error = trusting(&Ca::root()).check(&presented).expect_err("no certificate");
        assert_eq!(error.input(), "certificate");
    }
}
