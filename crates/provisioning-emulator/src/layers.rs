//! A connection from its first byte on: TLS, WebSocket, MQTT, and the faults at the beginning of each.

use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::{TlsAcceptor, server::TlsStream};
use tokio_tungstenite::tungstenite::http::StatusCode;

use crate::{
    Port, Security, connection, control,
    fault::{Effect, Faulty, Step, Who, begin},
    http::{self, Call},
    link::{Reset, Socket},
    log::{LogKind, Origin},
    page,
    peer::Peer,
    service::Service,
    tls, websocket,
};

/// A fatal alert, `handshake_failure`, in a record of TLS 1.2 (which 1.3 has too).
const ALERT: &[u8] = &[0x15, 3, 3, 0, 2, 2, 40];

/// A layer without a refusal of its own ends with a reset.
const NO_REFUSAL: &[u8] = &[];

/// Serves a connection until it ends.
pub(crate) async fn serve(
    socket: Socket,
    port: Port,
    origin: Origin,
    security: Security,
    acceptor: TlsAcceptor,
    service: Arc<Service>,
) {
    let reset = socket.reset();
    let Some(_room) = service.room(origin) else {
        return reset.set();
    };
    let layers = Layers {
        reset,
        port,
        origin,
        service: Arc::clone(&service),
    };
    let stop = &service.stop;
    let Some(Some(stream)) = stop.run_until_cancelled(layers.open(socket)).await else {
        return;
    };
    match security {
        Security::Plain => layers.carry(stream, Peer::Trusted).await,
        Security::Tls => {
            if let Some(Some((stream, peer))) = stop.run_until_cancelled(layers.secure(stream, &acceptor)).await {
                layers.carry(stream, peer).await;
            }
        }
    }
}

/// What all layers of one connection need.
struct Layers {
    reset: Reset,
    port: Port,
    origin: Origin,
    service: Arc<Service>,
}

impl Layers {
    async fn open(&self, socket: Socket) -> Option<Faulty<Socket>> {
        let effect = self.strike(Step::Tcp, Who::Unknown);
        begin(socket, effect, NO_REFUSAL, &self.reset).await
    }

    async fn secure<S>(&self, stream: S, acceptor: &TlsAcceptor) -> Option<(Faulty<TlsStream<Faulty<S>>>, Peer)>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let effect = self.strike(Step::Tls, Who::Unknown);
        let (before, within) = match effect {
            Some(effect) if effect.lasts() => (None, Some(effect)),
            effect => (effect, None),
        };
        let stream = begin(stream, before, ALERT, &self.reset).await?;
        let (stream, peer) = match tls::accept(stream, acceptor).await {
            Ok(accepted) => accepted,
            Err(error) => {
                self.note(LogKind::Tls, error.to_string());
                return None;
            }
        };
        let named = || self.strike(Step::Tls, Who::OnlyDevice(peer.name()?));
        let within = within.or_else(named);
        let stream = begin(stream, within, NO_REFUSAL, &self.reset).await?;
        Some((stream, peer))
    }

    async fn carry<S: AsyncRead + AsyncWrite + Unpin>(&self, stream: S, peer: Peer) {
        match self.port {
            Port::Mqtt => self.converse(stream, peer).await,
            Port::WebSocket => self.upgrade(stream, peer).await,
            Port::Control => self.answer(stream, control::answer).await,
            Port::Page => self.answer(stream, page::answer).await,
        }
    }

    async fn upgrade<S: AsyncRead + AsyncWrite + Unpin>(&self, stream: S, peer: Peer) {
        let effect = self.strike(Step::Upgrade, peer.name().map_or(Who::Unknown, Who::Device));
        let (effect, refusal) = match effect {
            Some(Effect::Refuse { code, .. }) => (None, Some(status(code))),
            effect => (effect, None),
        };
        let stop = &self.service.stop;
        let begun = stop.run_until_cancelled(begin(stream, effect, NO_REFUSAL, &self.reset));
        let Some(Some(mut stream)) = begun.await else { return };
        let accepting = websocket::accept(&mut stream, self.service.max_packet_size, refusal);
        let refused = match stop.run_until_cancelled(accepting).await {
            None => return,
            Some(Ok(stream)) => return self.converse(stream, peer).await,
            Some(Err(refused)) => refused,
        };
        self.note(LogKind::WebSocket, refused.to_string());
        websocket::end(&mut stream, &refused).await;
    }

    async fn converse<S: AsyncRead + AsyncWrite + Unpin>(&self, stream: S, peer: Peer) {
        connection::serve(stream, self.origin, peer, self.reset.clone(), Arc::clone(&self.service)).await;
    }

    async fn answer<S: AsyncRead + AsyncWrite + Unpin>(&self, stream: S, answer: fn(&Service, &Call) -> http::Reply) {
        let service = &self.service;
        http::serve(stream, self.origin, &service.stop, |call| answer(service, call)).await;
    }

    /// Faults are for devices: whoever scripts them gets through.
    fn strike(&self, step: Step, who: Who<'_>) -> Option<Effect> {
        if !self.port.is_for_devices() {
            return None;
        }
        self.service.strike(self.origin, step, who)
    }

    fn note(&self, kind: LogKind, reason: String) {
        self.service.note(self.origin, None, kind, reason);
    }
}

fn status(code: Option<u16>) -> StatusCode {
    code.and_then(|code| StatusCode::from_u16(code).ok())
        .unwrap_or(StatusCode::SERVICE_UNAVAILABLE)
}
