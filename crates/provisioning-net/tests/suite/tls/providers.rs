//! The TLS providers, by name.

use provisioning_net::{Tls, TlsProvider};

#[test]
fn a_provider_is_chosen_and_asked_for_by_name() {
    assert_eq!(TlsProvider::default(), TlsProvider::Ring);
    for name in ["ring", "aws-lc-rs"] {
        let provider: TlsProvider = name.parse().expect("available");
        assert_eq!(provider.to_string(), name);
        assert_eq!(Tls::with_built_in(provider).provider(), Some(provider));
    }
    assert_eq!(Tls::new().provider(), Some(TlsProvider::Ring));
    let another = Tls::with_provider(provisioning_net::rustls::crypto::ring::default_provider());
    assert_eq!(another.provider(), None);
    let error = "openssl".parse::<TlsProvider>().expect_err("not built in");
    assert_eq!(
        error.to_string(),
        "TLS provider \"openssl\" cannot be used: expected one that this build came with: ring or aws-lc-rs"
    );
}
