//! User names and passwords that MQTT cannot carry: an input error before any connection.

use async_trait::async_trait;
use provisioning_mqtt::{MqttOptions, MqttTransport};
use provisioning_types::{
    CredentialError, ErrorKind, Identity, InvalidInput, Phase, PollingTransport, Progress, Proof, RegistrationRequest,
    Request, Secret,
};
use test_support::{in_memory, request_of};

/// A password of this many bytes.
#[derive(Debug)]
struct Password(usize);

#[async_trait]
impl Identity for Password {
    async fn prove(&self, _: &RegistrationRequest) -> Result<Proof, CredentialError> {
        Ok(Proof::default().with_password(Secret::new(vec![b'p'; self.0])))
    }
}

#[tokio::test]
async fn what_is_longer_than_mqtt_allows_is_an_input_error_before_any_connection() {
    let mut long = MqttOptions::default();
    for _ in 0..64 {
        long = long.with_user_agent_suffix(&"a".repeat(1024)).expect("a suffix");
    }
    for (length, options, input) in [(65_536, MqttOptions::default(), "password"), (1, long, "user name")] {
        let endpoint = "service.test".parse().expect("a host");
        let (connector, incoming) = in_memory();
        let transport = MqttTransport::new(connector, endpoint, Password(length), options);
        let registration = request_of("device-1");
        let sent = transport.send(&registration, &Request::Register, Progress::ignored());
        let error = sent.await.expect_err(input);
        assert_eq!((error.kind(), error.phase()), (ErrorKind::Input, Some(Phase::Connect)));
        assert_eq!(error.invalid_input().map(InvalidInput::input), Some(input));
        assert!(incoming.is_empty().await);
    }
}
