//! Why CONNECT was not accepted.

use std::error::Error;

use provisioning_net::{Unanswered, not_mqtt};
use provisioning_types::{ErrorKind, TransportError};
use rumqttc::Error as CodecError;

use super::{codec::WireError, stream::MqttStream};

/// What an error in response to CONNECT means. The codec knows the return codes 0 to 5 only; any other code is a
/// refusal too.
pub(super) async fn of_connect(error: TransportError, framed: &mut MqttStream) -> TransportError {
    if let Some(WireError::Malformed(CodecError::InvalidConnectReturnCode(code))) =
        error.source().and_then(<dyn Error>::downcast_ref)
    {
        let message = format!("the service refused the connection (CONNACK {code})");
        return TransportError::new(ErrorKind::Refused, message).with_connack(*code);
    }
    match error.kind() {
        ErrorKind::Lost => Unanswered::error("the connection ended after CONNECT", NETWORK_HINT, &error),
        ErrorKind::UnexpectedResponse => {
            // The codec does not consume bytes that are not MQTT.
            let first = framed.read_buffer().to_vec();
            not_mqtt(&first, framed.get_mut()).await.unwrap_or(error)
        }
        _ => error,
    }
}

/// What ends a connection instead of answering CONNECT, other than a refused credential.
const NETWORK_HINT: &str = "the network, and whether something on the way ends MQTT connections";
