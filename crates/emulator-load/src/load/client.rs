//! A light device: MQTT over TLS, with a symmetric key of an enrollment group.

use std::time::Duration;

use bytes::BytesMut;
use futures_util::{SinkExt, StreamExt};
use rumqttc::{Codec, Connect, ConnectReturnCode, Login, Packet, Publish, QoS, Subscribe};
use serde_json::Value;
use tokio::{net::TcpStream, time::timeout};
use tokio_rustls::client::TlsStream;
use tokio_util::codec::Framed;

use super::{Result, sas::Key, service::Service};

/// The largest packet that a device sends or accepts.
const MAX_PACKET: usize = 1024 * 1024;

/// How long the answer to a ping may take.
pub(super) const PING_LIMIT: Duration = Duration::from_secs(10);

/// A connected device, which is subscribed to answers.
pub(super) struct Device {
    packets: Framed<TlsStream<TcpStream>, Codec>,
    id: String,
    requests: u16,
}

/// An answer of the service.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    body: Value,
}

impl Device {
    /// Connects a device with a key of the built-in group.
    pub(super) async fn connect(service: &Service, id: &str) -> Result<Self> {
        Self::connect_with(service, id, &service.group_key).await
    }

    /// Connects a device with a key of the group that `group_key` belongs to.
    pub(super) async fn connect_with(service: &Service, id: &str, group_key: &Key) -> Result<Self> {
        let codec = Codec {
            max_incoming_size: MAX_PACKET,
            max_outgoing_size: MAX_PACKET,
        };
        let packets = Framed::new(service.tls(service.mqtt_port).await?, codec);
        let mut device = Self {
            packets,
            id: id.to_owned(),
            requests: 0,
        };
        device
            .packets
            .send(Packet::Connect(connect(service, id, group_key)))
            .await?;
        match device.next().await? {
            Packet::ConnAck(ack) if ack.code == ConnectReturnCode::Success => {}
            other => return Err(format!("instead of an accepted connection: {other:?}").into()),
        }
        device.packets.send(Packet::Subscribe(subscribe())).await?;
        match device.next().await? {
            Packet::SubAck(_) => Ok(device),
            other => Err(format!("instead of SUBACK: {other:?}").into()),
        }
    }

    /// Registers with a payload, which is JSON, and asks without a wait until the registration has ended.
    pub(super) async fn register(&mut self, payload: &str) -> Result<()> {
        let answer = self.request_registration(payload).await?;
        self.complete(answer).await
    }

    /// Asks without a wait until the registration that got this answer has ended.
    pub(super) async fn complete(&mut self, mut answer: Answer) -> Result<()> {
        while answer.status == 202 {
            answer = self.query(&answer.operation_id()?).await?;
        }
        match answer.status {
            200 if answer.body["status"] == "assigned" => Ok(()),
            status => Err(format!("the registration ended with {status}: {}", answer.body).into()),
        }
    }

    /// Sends a registration request.
    pub(super) async fn request_registration(&mut self, payload: &str) -> Result<Answer> {
        self.send_registration(payload).await?;
        self.answer().await
    }

    /// Sends a registration request without waiting for its answer.
    pub(super) async fn send_registration(&mut self, payload: &str) -> Result<()> {
        let body = format!(r#"{{"registrationId":"{}","payload":{payload}}}"#, self.id);
        self.send("PUT/iotdps-register/?", body).await
    }

    /// Asks for the status of an operation.
    pub(super) async fn query(&mut self, operation_id: &str) -> Result<Answer> {
        let path = format!("GET/iotdps-get-operationstatus/?operationId={operation_id}&");
        self.send(&path, String::new()).await?;
        self.answer().await
    }

    async fn send(&mut self, path: &str, payload: String) -> Result<()> {
        self.requests = self.requests.checked_add(1).unwrap_or(1);
        let topic = format!("$dps/registrations/{path}$rid={}", self.requests);
        let mut publish = Publish::new(topic, QoS::AtLeastOnce, payload);
        publish.pkid = self.requests;
        Ok(self.packets.send(Packet::Publish(publish)).await?)
    }

    /// The next answer.
    pub(super) async fn answer(&mut self) -> Result<Answer> {
        loop {
            match self.next().await? {
                Packet::Publish(publish) => return Answer::read(&publish),
                Packet::PubAck(_) => {}
                other => return Err(format!("instead of an answer: {other:?}").into()),
            }
        }
    }

    /// Sends PINGREQ, and waits for PINGRESP.
    pub(super) async fn ping(&mut self) -> Result<()> {
        self.packets.send(Packet::PingReq).await?;
        match timeout(PING_LIMIT, self.next()).await?? {
            Packet::PingResp => Ok(()),
            other => Err(format!("instead of PINGRESP: {other:?}").into()),
        }
    }

    pub(super) async fn disconnect(mut self) -> Result<()> {
        self.packets.send(Packet::Disconnect).await?;
        Ok(self.packets.close().await?)
    }

    async fn next(&mut self) -> Result<Packet> {
        Ok(self
            .packets
            .next()
            .await
            .ok_or("the emulator closed the connection")??)
    }
}

impl Answer {
    fn read(publish: &Publish) -> Result<Self> {
        let rest = publish.topic.strip_prefix("$dps/registrations/res/");
        let (status, _) = rest
            .and_then(|rest| rest.split_once('/'))
            .ok_or("an answer without a status")?;
        Ok(Self {
            status: status.parse()?,
            body: serde_json::from_slice(&publish.payload)?,
        })
    }

    pub(super) fn operation_id(&self) -> Result<String> {
        let id = self.body["operationId"]
            .as_str()
            .ok_or("an answer without an operation id")?;
        Ok(id.to_owned())
    }
}

/// The bytes of CONNECT, and of SUBSCRIBE.
pub(super) fn greeting(service: &Service, id: &str, group_key: &Key) -> Result<[BytesMut; 2]> {
    let mut bytes = [BytesMut::new(), BytesMut::new()];
    Packet::Connect(connect(service, id, group_key)).write(&mut bytes[0], MAX_PACKET)?;
    Packet::Subscribe(subscribe()).write(&mut bytes[1], MAX_PACKET)?;
    Ok(bytes)
}

fn connect(service: &Service, id: &str, group_key: &Key) -> Connect {
    let resource = format!("{}/registrations/{id}", service.id_scope);
    let user = format!("{resource}/api-version=2019-03-31&ClientVersion=emulator-load");
    let token = group_key
        .derive(id)
        .token(&resource.replace('/', "%2F"), "registration");
    let mut connect = Connect::new(id);
    connect.keep_alive = u16::MAX;
    connect.login = Some(Login::new(user, token));
    connect
}

fn subscribe() -> Subscribe {
    let mut subscribe = Subscribe::new("$dps/registrations/res/#", QoS::AtMostOnce);
    subscribe.pkid = 1;
    subscribe
}
