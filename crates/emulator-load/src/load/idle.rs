//! Devices that are connected and idle.

use std::{future::ready, sync::Arc};

use futures_util::{SinkExt, StreamExt, TryStreamExt, stream};
use tokio::{net::TcpStream, time::timeout};
use tokio_rustls::client::TlsStream;
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{Message, client::ClientRequestBuilder},
};

use super::{
    Result,
    client::{Device, PING_LIMIT, greeting},
    service::Service,
};

/// How many connect at a time.
const CONCURRENT: usize = 32;

/// The first byte of CONNACK and of SUBACK.
const ACKNOWLEDGEMENTS: [u8; 2] = [0x20, 0x90];

/// The packets PINGREQ and PINGRESP.
const PINGREQ: [u8; 2] = [0xC0, 0];
const PINGRESP: [u8; 2] = [0xD0, 0];

/// Connected devices. They disconnect when this is dropped.
#[derive(Default)]
pub(super) struct Idle {
    tls: Vec<Device>,
    websocket: Vec<WebSocketStream<TlsStream<TcpStream>>>,
}

impl Idle {
    /// Connects `count` devices over TLS, and as many over WebSocket.
    pub(super) async fn connect(service: &Arc<Service>, count: usize) -> Result<Self> {
        let tls = stream::iter(0..count).map(|number| {
            let service = Arc::clone(service);
            async move { Device::connect(&service, &format!("idle-tls-{number}")).await }
        });
        let websocket = stream::iter(0..count).map(|number| {
            let service = Arc::clone(service);
            async move { connect_websocket(&service, &format!("idle-websocket-{number}")).await }
        });
        Ok(Self {
            tls: tls.buffer_unordered(CONCURRENT).try_collect().await?,
            websocket: websocket.buffer_unordered(CONCURRENT).try_collect().await?,
        })
    }

    pub(super) fn count(&self) -> usize {
        self.tls.len() + self.websocket.len()
    }

    /// How many of them are still connected: they answer a ping.
    pub(super) async fn alive(&mut self) -> usize {
        let tls = stream::iter(&mut self.tls).map(|device| async { device.ping().await.is_ok() });
        let websocket = stream::iter(&mut self.websocket).map(|socket| async { ping_websocket(socket).await.is_ok() });
        let tls = tls
            .buffer_unordered(CONCURRENT)
            .filter(|alive| ready(*alive))
            .count()
            .await;
        let websocket = websocket
            .buffer_unordered(CONCURRENT)
            .filter(|alive| ready(*alive))
            .count()
            .await;
        tls + websocket
    }
}

async fn ping_websocket(socket: &mut WebSocketStream<TlsStream<TcpStream>>) -> Result<()> {
    socket.send(Message::Binary(PINGREQ.to_vec().into())).await?;
    let answer = timeout(PING_LIMIT, socket.next()).await?;
    let answer = answer.ok_or("the emulator closed the WebSocket")??.into_data();
    if answer == PINGRESP.as_slice() {
        Ok(())
    } else {
        Err(format!("instead of PINGRESP: {answer:?}").into())
    }
}

async fn connect_websocket(service: &Service, id: &str) -> Result<WebSocketStream<TlsStream<TcpStream>>> {
    let port = service.websocket_port;
    let stream = service.tls(port).await?;
    let target = format!("wss://localhost:{port}/$iothub/websocket").parse()?;
    let request = ClientRequestBuilder::new(target).with_sub_protocol("mqtt");
    let (mut socket, _) = client_async(request, stream).await?;
    for (packet, expected) in greeting(service, id, &service.group_key)?
        .into_iter()
        .zip(ACKNOWLEDGEMENTS)
    {
        socket.send(Message::Binary(packet.freeze())).await?;
        let answer = socket
            .next()
            .await
            .ok_or("the emulator closed the WebSocket")??
            .into_data();
        if answer.first() != Some(&expected) {
            return Err(format!("an idle device got {answer:?}").into());
        }
    }
    Ok(socket)
}
