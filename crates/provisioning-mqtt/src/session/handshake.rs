//! The packets CONNECT and CONNACK.

use provisioning_types::{ErrorKind, InvalidInput, TransportError};
use rumqttc::{Connect, ConnectReturnCode, Packet};

use super::{error, mqtt_text};
use crate::mqtt_connector::Login;

/// The CONNECT of this login.
///
/// # Errors
/// A part of it is too long for MQTT.
pub(super) fn connect_packet(login: Login) -> Result<Packet, TransportError> {
    let mut connect = Connect::new(mqtt_text("client id", login.client_id)?);
    // `MqttOptions` keeps it within what MQTT allows.
    connect.keep_alive = u16::try_from(login.keep_alive.as_secs()).unwrap_or(u16::MAX);
    connect.clean_session = login.clean;
    let password = match &login.password {
        Some(password) => {
            let text = password.expose_str();
            let text = text.ok_or_else(|| InvalidInput::new("password", "text in UTF-8"))?;
            text.to_owned()
        }
        None => String::new(),
    };
    connect.login = Some(rumqttc::Login {
        username: mqtt_text("user name", login.user_name)?,
        password,
    });
    Ok(Packet::Connect(connect))
}

/// Whether the packet that answers CONNECT accepts it.
///
/// # Errors
/// It refuses it, or is another packet.
pub(super) fn accepted(answer: &Packet) -> Result<(), TransportError> {
    let Packet::ConnAck(ack) = answer else {
        return Err(error::broken_protocol(
            "the service answered CONNECT with something else than CONNACK",
        ));
    };
    let (code, kind, why) = match ack.code {
        ConnectReturnCode::Success => return Ok(()),
        ConnectReturnCode::RefusedProtocolVersion => (1, ErrorKind::Refused, "MQTT 3.1.1 not accepted"),
        ConnectReturnCode::BadClientId => (2, ErrorKind::Refused, "client id not accepted"),
        ConnectReturnCode::ServiceUnavailable => (3, ErrorKind::Service, "not available"),
        ConnectReturnCode::BadUserNamePassword => (4, ErrorKind::Unauthorized, "bad user name or password"),
        ConnectReturnCode::NotAuthorized => (5, ErrorKind::Unauthorized, "not authorized"),
    };
    let message = format!("the service refused the connection: {why} (CONNACK {code})");
    Err(TransportError::new(kind, message).with_connack(code))
}
