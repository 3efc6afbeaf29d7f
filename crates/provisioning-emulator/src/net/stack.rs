//! The layers of a connection: TCP, TLS, WebSocket, MQTT or HTTP, and the faults at the start of each.

use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

use super::{
    faulty::{Faulty, begin},
    peer::Peer,
    rewind::Rewind,
    room::enter,
    socket::{Reset, Security, Socket},
    tls,
    websocket::{self, Opening},
};
use crate::{
    faults::{Effect, Step, Subject},
    http::{self, DeviceApi, Handler},
    log::{LogKind, Origin},
    mqtt,
    port::Port,
    service::Service,
};

/// A fatal alert, `handshake_failure`, in a record of TLS 1.2 (which 1.3 has too).
const ALERT: &[u8] = &[0x15, 3, 3, 0, 2, 2, 40];

/// Layers that have no refusal are reset.
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
    let Some(_room) = enter(&service, port, origin) else {
        return reset.set();
    };
    let stack = Stack {
        reset,
        port,
        origin,
        service: Arc::clone(&service),
    };
    let stop = &service.stop;
    let Some(Some(stream)) = stop.run_until_cancelled(stack.open(socket)).await else {
        return;
    };
    match security {
        Security::Plain => stack.serve_port(stream, Peer::Trusted).await,
        Security::Tls => {
            if let Some(Some((stream, peer))) = stop.run_until_cancelled(stack.secure(stream, &acceptor)).await {
                stack.serve_port(stream, peer).await;
            }
        }
    }
}

/// What all layers of a connection share.
struct Stack {
    reset: Reset,
    port: Port,
    origin: Origin,
    service: Arc<Service>,
}

impl Stack {
    async fn open(&self, socket: Socket) -> Option<Faulty<Socket>> {
        let effect = self.trigger(Step::Tcp, Subject::Unknown);
        begin(socket, effect, NO_REFUSAL, &self.reset).await
    }

    async fn secure<S>(&self, stream: S, acceptor: &TlsAcceptor) -> Option<(Faulty<TlsStream<Rewind<Faulty<S>>>>, Peer)>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let effect = self.trigger(Step::Tls, Subject::Unknown);
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
        let named = || self.trigger(Step::Tls, Subject::JustIdentified(peer.name()?));
        let within = within.or_else(named);
        let stream = begin(stream, within, NO_REFUSAL, &self.reset).await?;
        Some((stream, peer))
    }

    async fn serve_port<S: AsyncRead + AsyncWrite + Unpin>(&self, stream: S, peer: Peer) {
        match self.port {
            Port::Mqtt => self.serve_mqtt(stream, peer).await,
            Port::WebSocket => self.serve_web(stream, peer).await,
            Port::Control => self.serve_http(stream, http::Control(&self.service)).await,
            Port::Page => self.serve_http(stream, http::Page(&self.service)).await,
        }
    }

    /// Serves the WebSocket port: an upgrade to MQTT, or calls of the HTTPS device API.
    async fn serve_web<S: AsyncRead + AsyncWrite + Unpin>(&self, stream: S, peer: Peer) {
        let effect = self.trigger(Step::Upgrade, peer.name().map_or(Subject::Unknown, Subject::Device));
        let (effect, refusal) = match effect {
            Some(Effect::Refuse { code, .. }) => (None, Some(code.unwrap_or(503))),
            effect => (effect, None),
        };
        let stop = &self.service.stop;
        let begun = stop.run_until_cancelled(begin(stream, effect, NO_REFUSAL, &self.reset));
        let Some(Some(stream)) = begun.await else { return };
        let (mut stream, error) = match stop.run_until_cancelled(websocket::open(stream)).await {
            None => return,
            Some(Ok(Opening::Upgrade(mut stream, request))) if refusal.is_none() => {
                let accepting = websocket::accept(&mut stream, self.service.max_packet_size);
                let error = match stop.run_until_cancelled(accepting).await {
                    None => return,
                    Some(Ok(stream)) => return self.serve_mqtt(stream, peer).await,
                    Some(Err(error)) => error,
                };
                self.note(LogKind::WebSocket, format!("{request}: {error}"));
                return websocket::end(&mut stream, &error).await;
            }
            Some(Ok(Opening::Upgrade(stream, _) | Opening::Call(stream))) => {
                return self.serve_device_api(stream, peer, refusal).await;
            }
            Some(Err(failed)) => failed,
        };
        self.note(LogKind::WebSocket, error.to_string());
        websocket::end(&mut stream, &error).await;
    }

    /// Serves calls of the HTTPS device API. A fault answers them with the status `refusal`.
    async fn serve_device_api<S: AsyncRead + AsyncWrite + Unpin>(&self, stream: S, peer: Peer, refusal: Option<u16>) {
        let api = DeviceApi {
            service: &self.service,
            origin: self.origin,
            peer: &peer,
            reset: &self.reset,
            refusal,
        };
        http::serve(stream, self.origin, &self.service.stop, &api).await;
    }

    async fn serve_mqtt<S: AsyncRead + AsyncWrite + Unpin>(&self, stream: S, peer: Peer) {
        mqtt::serve(stream, self.origin, peer, self.reset.clone(), Arc::clone(&self.service)).await;
    }

    async fn serve_http<S: AsyncRead + AsyncWrite + Unpin>(&self, stream: S, handler: impl Handler) {
        http::serve(stream, self.origin, &self.service.stop, &handler).await;
    }

    /// Faults apply to devices only: calls of the control endpoint are not affected.
    fn trigger(&self, step: Step, subject: Subject<'_>) -> Option<Effect> {
        if !self.port.is_for_devices() {
            return None;
        }
        self.service.trigger(self.origin, step, subject)
    }

    fn note(&self, kind: LogKind, reason: String) {
        self.service.note(self.origin, None, kind, reason);
    }
}
