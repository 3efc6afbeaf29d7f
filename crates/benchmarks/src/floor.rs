//! The floor: the same packets over bare rustls and rumqttc's codec.

use std::{
    fs,
    future::pending,
    time::{Duration, SystemTime},
};

use minimal::{Exchange, Login, Packets, Tls, websocket};
use provisioning_device::{IdScope, RegistrationId, SasToken, SymmetricKey};

use crate::{
    Result,
    task::{DEVICE, Task, Transport},
};

/// A device with everything that it needs for a connection.
pub(crate) struct Floor {
    tls: Tls,
    transport: Transport,
    host: String,
    pub(crate) login: Login,
}

impl Floor {
    /// The device with a certificate.
    pub(crate) fn with_certificate(task: &Task) -> Result<Self> {
        let file = |end: &str| fs::read(task.facts.folder.join(format!("devices/{DEVICE}.{end}")));
        Self::new(task, Some((&file("pem")?, &file("key")?)))
    }

    /// A device without a certificate; its login is yet to be set.
    pub(crate) fn without_certificate(task: &Task) -> Result<Self> {
        Self::new(task, None)
    }

    fn new(task: &Task, device: Option<(&[u8], &[u8])>) -> Result<Self> {
        let host = match task.transport {
            Transport::Mqtt => &task.facts.mqtt,
            Transport::WebSocket => &task.facts.websocket,
        };
        Ok(Self {
            tls: Tls::new(&fs::read(task.facts.folder.join("ca.pem"))?, device)?,
            transport: task.transport,
            host: host.clone(),
            login: Login {
                registration_id: DEVICE.to_owned(),
                id_scope: task.facts.id_scope.clone(),
                password: String::new(),
            },
        })
    }

    /// Registers and disconnects.
    pub(crate) async fn register(&self) -> Result<()> {
        let stream = self.tls.connect(&self.host).await?;
        match self.transport {
            Transport::Mqtt => finish(Exchange::over(stream, &self.login).await?).await,
            Transport::WebSocket => {
                let packets = websocket(stream, &self.host).await?;
                finish(Exchange::begin(packets, &self.login).await?).await
            }
        }
    }

    /// Registers as another device, and keeps the connection.
    pub(crate) async fn stay(&self, login: Login) -> Result<()> {
        let stream = self.tls.connect(&self.host).await?;
        match self.transport {
            Transport::Mqtt => keep(Exchange::over(stream, &login).await?).await,
            Transport::WebSocket => {
                let packets = websocket(stream, &self.host).await?;
                keep(Exchange::begin(packets, &login).await?).await
            }
        }
    }
}

/// The logins of devices of the group.
pub(crate) fn logins(task: &Task, count: u32) -> Result<Vec<Login>> {
    let group_key = SymmetricKey::from_base64(&task.facts.group_key)?;
    let id_scope = IdScope::new(&task.facts.id_scope)?;
    let expires_at = SystemTime::now() + Duration::from_secs(3600);
    let login = |number| -> Result<_> {
        let id = RegistrationId::new(format!("meter-{number}"))?;
        let token = SasToken::sign_with_key(&group_key.derive(&id), &id_scope, &id, expires_at);
        Ok(Login {
            registration_id: id.to_string(),
            id_scope: id_scope.to_string(),
            password: token.text().expose_str().ok_or("a token is text")?.to_owned(),
        })
    };
    (1..=count).map(login).collect()
}

async fn finish(exchange: Exchange<impl Packets>) -> Result<()> {
    exchange.assigned()?;
    exchange.leave().await
}

async fn keep(exchange: Exchange<impl Packets>) -> Result<()> {
    let mut exchange = exchange;
    exchange.acknowledge().await?;
    pending().await
}
