//! The folder: what is created, kept, issued anew and refused.

use std::{fs, net::IpAddr, path::Path};

use provisioning_emulator::{Builder, Device, Emulator, EmulatorError, Folder, KeyKind};
use rcgen::{BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use rustls_pki_types::{CertificateDer, pem::PemObject};
use time::{Duration, OffsetDateTime};
use x509_parser::{
    extensions::{GeneralName, ParsedExtension},
    prelude::{FromDer, X509Certificate},
};

use crate::support::builder;

/// Starts an emulator with this folder.
fn start(dir: &Path, builder: Builder) -> Result<Emulator, String> {
    let builder = Folder::new(dir).equip(builder).map_err(|error| error.to_string())?;
    Ok(builder.start_in_memory().expect("an emulator"))
}

fn ensure(dir: &Path, emulator: &Emulator, device: &Device) -> Result<(), String> {
    let ensured = Folder::new(dir).ensure_device(emulator, device);
    ensured.map_err(|error| error.to_string())
}

fn read(dir: &Path, name: &str) -> String {
    fs::read_to_string(dir.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn with_certificate<T>(pem: &str, read: impl FnOnce(&X509Certificate<'_>) -> T) -> T {
    let der = CertificateDer::from_pem_slice(pem.as_bytes()).expect("PEM");
    let (_, certificate) = X509Certificate::from_der(&der).expect("a certificate");
    read(&certificate)
}

/// The names and addresses of a certificate.
fn names(pem: &str) -> Vec<String> {
    with_certificate(pem, |certificate| {
        let names = certificate.subject_alternative_name().expect("valid").expect("names");
        let names = names.value.general_names.iter().map(|name| match name {
            GeneralName::DNSName(name) => (*name).to_owned(),
            GeneralName::IPAddress(bytes) => format!("{bytes:?}"),
            other => panic!("{other:?}"),
        });
        names.collect()
    })
}

/// Asserts what `openssl verify -x509_strict` requires.
fn assert_strict(pem: &str, is_ca: bool) {
    with_certificate(pem, |certificate| {
        let constraints = certificate.basic_constraints().expect("valid").expect("present");
        assert_eq!((constraints.value.ca, constraints.critical), (is_ca, true));
        let usage = certificate.key_usage().expect("valid").expect("present");
        assert!(usage.critical);
        assert_eq!(usage.value.key_cert_sign(), is_ca);
        assert_eq!(usage.value.digital_signature(), !is_ca);
        let has = |is_it: fn(&ParsedExtension<'_>) -> bool| {
            certificate
                .extensions()
                .iter()
                .any(|extension| is_it(extension.parsed_extension()))
        };
        assert!(has(|it| matches!(it, ParsedExtension::SubjectKeyIdentifier(_))));
        let has_authority = |it: &ParsedExtension<'_>| match it {
            ParsedExtension::AuthorityKeyIdentifier(authority) => authority.key_identifier.is_some(),
            _ => false,
        };
        let extensions = certificate.extensions();
        assert!(
            extensions
                .iter()
                .any(|extension| has_authority(extension.parsed_extension()))
        );
    });
}

#[test]
fn every_certificate_has_the_extensions_that_strict_clients_require() {
    let dir = tempfile::tempdir().expect("a folder");
    let emulator = start(dir.path(), builder()).expect("an emulator");
    assert_strict(emulator.ca_pem(), true);
    assert_strict(&read(dir.path(), "server.pem"), false);
    let device = Device::new("d").through_an_intermediate();
    let chain = emulator
        .issue_device_with(&device)
        .expect("a certificate")
        .certificate_chain_pem;
    assert_strict(&chain, false);
    let (_, intermediate) = chain.split_once("-----END CERTIFICATE-----").expect("an end");
    assert_strict(intermediate, true);
}

#[test]
fn the_server_certificate_has_the_hosts_and_the_address_also_when_they_change() {
    let dir = tempfile::tempdir().expect("a folder");
    start(dir.path(), builder().host("one.test")).expect("an emulator");
    let first = read(dir.path(), "server.pem");
    assert!(names(&first).contains(&"one.test".to_owned()));
    start(dir.path(), builder().host("one.test")).expect("an emulator");
    assert_eq!(read(dir.path(), "server.pem"), first, "nothing has changed");

    let address: IpAddr = "192.0.2.7".parse().expect("an address");
    start(dir.path(), builder().host("two.test").listen(address)).expect("an emulator");
    let second = names(&read(dir.path(), "server.pem"));
    assert!(
        second.contains(&"two.test".to_owned()) && second.contains(&"[192, 0, 2, 7]".to_owned()),
        "{second:?}"
    );
}

#[test]
fn a_new_server_certificate_is_issued_for_another_kind_of_key_and_when_the_old_one_has_expired() {
    let dir = tempfile::tempdir().expect("a folder");
    start(dir.path(), builder()).expect("an emulator");
    start(dir.path(), builder().server_key(KeyKind::P384)).expect("an emulator");
    let p384 = read(dir.path(), "server.pem");
    let bits = with_certificate(&p384, |certificate| {
        certificate.public_key().parsed().expect("a key").key_size()
    });
    assert_eq!(bits, 384);
    start(dir.path(), builder()).expect("an emulator");
    assert_eq!(read(dir.path(), "server.pem"), p384, "without a kind, any is kept");

    let past = OffsetDateTime::now_utc() - Duration::days(2);
    let key = KeyPair::generate().expect("a key");
    let mut expired = CertificateParams::new(["localhost".to_owned()]).expect("names");
    expired.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    (expired.not_before, expired.not_after) = (past - Duration::days(1), past);
    expired.use_authority_key_identifier_extension = true;
    let ca_key = KeyPair::from_pem(&read(dir.path(), "ca.key")).expect("a key");
    let ca = Issuer::from_ca_cert_pem(&read(dir.path(), "ca.pem"), ca_key).expect("a CA");
    let expired = expired.signed_by(&key, &ca).expect("a certificate").pem();
    fs::write(dir.path().join("server.pem"), &expired).expect("a file");
    fs::write(dir.path().join("server.key"), key.serialize_pem()).expect("a file");
    start(dir.path(), builder()).expect("an emulator");
    assert_ne!(read(dir.path(), "server.pem"), expired);
}

#[test]
fn the_certificate_of_a_device_follows_its_description() {
    let dir = tempfile::tempdir().expect("a folder");
    let emulator = start(dir.path(), builder()).expect("an emulator");
    let mut former = String::new();
    for device in [
        Device::new("d"),
        Device::new("d").key(KeyKind::P384),
        Device::new("d").through_an_intermediate(),
        Device::new("d").expired(),
        Device::new("d").not_yet_valid(),
        Device::new("d"),
    ] {
        ensure(dir.path(), &emulator, &device).expect("a certificate");
        let issued = read(dir.path(), "devices/d.pem");
        assert_ne!(issued, former, "{device:?}");
        ensure(dir.path(), &emulator, &device).expect("a certificate");
        assert_eq!(read(dir.path(), "devices/d.pem"), issued, "{device:?}");
        former = issued;
    }
}

#[test]
fn files_that_do_not_belong_together_are_refused_with_the_remedy() {
    let foreign = tempfile::tempdir().expect("a folder");
    let other = start(foreign.path(), builder()).expect("an emulator");
    ensure(foreign.path(), &other, &Device::new("d")).expect("a certificate");
    let new_ca = "remove ca.pem, ca.key, server.pem, server.key and devices, and new ones are created";
    let new_server = "remove server.pem and server.key, and new ones are created";
    let new_device = "remove devices/d.pem and devices/d.key, and new ones are created";
    for (replaced, says) in [
        (
            &["ca.pem"][..],
            format!("ca.pem does not belong to the key in its key file; {new_ca}"),
        ),
        (
            &["ca.pem", "ca.key"],
            format!("server.pem was not issued by ca.pem; {new_server}"),
        ),
        (
            &["server.pem", "server.key"],
            format!("server.pem was not issued by ca.pem; {new_server}"),
        ),
        (
            &["server.key"],
            format!("server.pem does not belong to the key in its key file; {new_server}"),
        ),
        (
            &["devices/d.pem", "devices/d.key"],
            format!("d.pem was not issued by ca.pem; {new_device}"),
        ),
    ] {
        let dir = tempfile::tempdir().expect("a folder");
        let own = start(dir.path(), builder()).expect("an emulator");
        ensure(dir.path(), &own, &Device::new("d")).expect("a certificate");
        for name in replaced {
            fs::copy(foreign.path().join(name), dir.path().join(name)).expect("copied");
        }
        let started = start(dir.path(), builder());
        let result = started.and_then(|emulator| ensure(dir.path(), &emulator, &Device::new("d")));
        let error = result.expect_err(&says);
        assert!(error.ends_with(&says), "{replaced:?}: {error}");
    }
}

#[test]
fn a_file_without_its_counterpart_is_refused_and_kept() {
    for (removed, says) in [
        (
            "ca.pem",
            "ca.key exists without ca.pem; remove it, and both are created; or restore the other",
        ),
        ("ca.key", "ca.pem exists without ca.key; remove it"),
        ("server.key", "server.pem exists without server.key; remove it"),
    ] {
        let dir = tempfile::tempdir().expect("a folder");
        start(dir.path(), builder()).expect("an emulator");
        fs::remove_file(dir.path().join(removed)).expect("removed");
        let error = start(dir.path(), builder()).expect_err(says);
        assert!(error.contains(says), "{error}");
        assert!(!dir.path().join(removed).exists());
    }
}

#[test]
fn an_expired_ca_is_refused_with_its_date() {
    let dir = tempfile::tempdir().expect("a folder");
    let key = KeyPair::generate().expect("a key");
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    params.not_before = OffsetDateTime::UNIX_EPOCH;
    params.not_after = OffsetDateTime::UNIX_EPOCH + Duration::days(365);
    let ca = params.self_signed(&key).expect("a certificate");
    fs::write(dir.path().join("ca.pem"), ca.pem()).expect("a file");
    fs::write(dir.path().join("ca.key"), key.serialize_pem()).expect("a file");
    let error = start(dir.path(), builder()).expect_err("expired");
    assert!(
        error.contains("ca.pem expired on 1971-01-01; remove ca.pem, ca.key"),
        "{error}"
    );
}

/// The files are those of a process that was killed at each point of writing a pair.
#[test]
fn a_pair_that_was_being_written_when_the_process_was_killed_is_completed_or_created_anew() {
    let whole = tempfile::tempdir().expect("a folder");
    start(whole.path(), builder()).expect("an emulator");
    for name in ["ca", "server"] {
        let [certificate, key] = ["pem", "key"].map(|ending| format!("{name}.{ending}"));
        let unfinished = |name: &str| format!("{name}.tmp");
        let half = |text: String| text[..text.len() / 2].to_owned();
        let (pem, secret) = (read(whole.path(), &certificate), read(whole.path(), &key));
        let points = [
            (vec![(unfinished(&key), half(secret.clone()))], false),
            (
                vec![
                    (unfinished(&key), secret.clone()),
                    (unfinished(&certificate), half(pem.clone())),
                ],
                false,
            ),
            (
                vec![
                    (unfinished(&key), secret.clone()),
                    (unfinished(&certificate), pem.clone()),
                ],
                false,
            ),
            (
                vec![(key.clone(), secret), (unfinished(&certificate), pem.clone())],
                true,
            ),
        ];
        for (index, (files, is_kept)) in points.into_iter().enumerate() {
            let dir = tempfile::tempdir().expect("a folder");
            if name == "server" {
                for file in ["ca.pem", "ca.key"] {
                    fs::write(dir.path().join(file), read(whole.path(), file)).expect("written");
                }
            }
            for (file, text) in files {
                fs::write(dir.path().join(file), text).expect("written");
            }
            start(dir.path(), builder()).unwrap_or_else(|error| panic!("{name}, point {index}: {error}"));
            assert_eq!(read(dir.path(), &certificate) == pem, is_kept, "{name}, point {index}");
            let left: Vec<_> = fs::read_dir(dir.path())
                .expect("a folder")
                .flatten()
                .map(|it| it.file_name())
                .collect();
            assert!(
                !left.iter().any(|file| file.to_string_lossy().ends_with(".tmp")),
                "{left:?}"
            );
        }
    }
}

/// A new certificate replaces an older one, whose key is gone with the first rename.
#[test]
fn a_server_certificate_that_was_being_replaced_when_the_process_was_killed_is_the_new_one() {
    let (old, new) = (
        tempfile::tempdir().expect("a folder"),
        tempfile::tempdir().expect("a folder"),
    );
    start(old.path(), builder()).expect("an emulator");
    for file in ["ca.pem", "ca.key"] {
        fs::write(new.path().join(file), read(old.path(), file)).expect("written");
    }
    start(new.path(), builder()).expect("an emulator");
    let pem = read(new.path(), "server.pem");
    fs::write(old.path().join("server.key"), read(new.path(), "server.key")).expect("written");
    fs::write(old.path().join("server.pem.tmp"), &pem).expect("written");
    start(old.path(), builder()).expect("an emulator");
    assert_eq!(read(old.path(), "server.pem"), pem);
}

#[test]
fn a_host_that_is_neither_a_name_nor_an_address_is_refused() {
    for host in ["a b", "", "dps.test:8883", "http://dps.test", "[::1]", "*.test"] {
        let error = builder().host(host).start_in_memory().expect_err(host);
        assert!(
            matches!(&error, EmulatorError::Host { name, .. } if name == host),
            "{error:?}"
        );
        let dir = tempfile::tempdir().expect("a folder");
        let error = start(dir.path(), builder().host(host)).expect_err(host);
        assert!(error.contains("expected a DNS name or an IP address"), "{error}");
    }
    for host in ["dps", "dps.test", "my_dps", "10.0.0.1", "::1"] {
        builder().host(host).start_in_memory().expect(host);
    }
}

#[cfg(unix)]
#[test]
fn emulators_that_start_at_the_same_time_in_a_new_folder_have_the_same_ca() {
    let dir = tempfile::tempdir().expect("a folder");
    let cas: Vec<_> = std::thread::scope(|scope| {
        let starting = || {
            let emulator = start(dir.path(), builder()).expect("an emulator");
            ensure(dir.path(), &emulator, &Device::new("d")).expect("a device");
            emulator.ca_pem().to_owned()
        };
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(starting)).collect();
        threads.into_iter().map(|it| it.join().expect("no panic")).collect()
    });
    assert!(cas.iter().all(|ca| *ca == read(dir.path(), "ca.pem")), "{cas:?}");
}
