//! The layers of a connection: TCP, TLS, WebSocket, MQTT or HTTP, and the faults at the start of each.

use std::sync::Arc;

use tokio::{
    io::{AsyncRead, AsyncWrite},
    time::timeout,
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

use super::{
    faulty::{Faulty, begin},
    graceful_close::close,
    opening::{self, NotHttp, Opening},
    peer::Peer,
    rewind::Rewind,
    room::enter,
    send_limit::SEND_LIMIT,
    socket::{Reset, Security, Socket},
    tls, websocket,
};
use crate::{
    faults::{Effect, Step, Subject},
    http::{self, DeviceApi, Handler},
    log::{LogEntry, LogKind, Origin},
    mqtt,
    port::Port,
    refusal::Refusal,
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
    let Some(Some(stream)) = stack.until_stopped(stack.open(socket)).await else {
        return;
    };
    // A later stage has memory of its own when it begins: a connection that has just been made needs little.
    match security {
        Security::Plain => Box::pin(stack.serve_port(stream, Peer::Trusted)).await,
        Security::Tls => {
            let secured = stack.until_stopped(Box::pin(stack.secure(stream, &acceptor))).await;
            if let Some(Some((stream, peer))) = secured {
                Box::pin(stack.serve_port(stream, peer)).await;
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
        let begun = begin(stream, effect, NO_REFUSAL, &self.reset);
        let Some(Some(stream)) = self.until_stopped(begun).await else {
            return;
        };
        let Some(opening) = self.open_http(stream).await else {
            return;
        };
        match refusal.is_none() && websocket::is_upgrade(&opening.head) {
            true => self.upgrade(opening, peer).await,
            false => self.serve_device_api(opening.stream, peer, refusal).await,
        }
    }

    /// Serves MQTT over a WebSocket, if its upgrade is accepted.
    async fn upgrade<S: AsyncRead + AsyncWrite + Unpin>(&self, opening: Opening<S>, peer: Peer) {
        let request = format!("{} {}", opening.head.method(), opening.head.uri().path());
        match websocket::judge(&opening.head) {
            Ok(answer) => {
                let accepted = timeout(SEND_LIMIT, websocket::accept(opening, &answer));
                match self.until_stopped(accepted).await {
                    None => {}
                    Some(Ok(Ok(stream))) => self.serve_mqtt(stream, peer).await,
                    Some(_) => self.note(LogKind::WebSocket, format!("{request}: the upgrade could not be sent")),
                }
            }
            Err(refusal) => {
                let Refusal { status, message, .. } = &refusal;
                self.note(
                    LogKind::WebSocket,
                    format!("{request}: refused with {status}: {message}"),
                );
                let mut stream = opening.stream;
                close(&mut stream, &http::last_answer(&refusal)).await;
            }
        }
    }

    /// Reads the head of the first request. Without one the connection ends.
    async fn open_http<S: AsyncRead + AsyncWrite + Unpin>(&self, stream: S) -> Option<Opening<S>> {
        let (mut stream, error) = match self.until_stopped(opening::open(stream)).await? {
            Ok(opening) => return Some(opening),
            Err(failed) => failed,
        };
        let kind = match self.port {
            Port::Control => LogKind::Control,
            Port::Page => LogKind::Http,
            Port::WebSocket | Port::Mqtt => LogKind::WebSocket,
        };
        // Browsers and probes connect without a request.
        if self.port.is_for_devices() || !matches!(error, NotHttp::Silent) {
            self.note(kind, error.to_string());
        }
        let last_bytes = error.refusal().map(|refusal| http::last_answer(&refusal));
        close(&mut stream, &last_bytes.unwrap_or_default()).await;
        None
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
        if let Some(opening) = self.open_http(stream).await {
            http::serve(opening.stream, self.origin, &self.service.stop, &handler).await;
        }
    }

    /// The result of `future`, unless the emulator stops before.
    async fn until_stopped<T>(&self, future: impl Future<Output = T>) -> Option<T> {
        self.service.stop.run_until_cancelled(future).await
    }

    /// Faults apply to devices only: calls of the control endpoint are not affected.
    fn trigger(&self, step: Step, subject: Subject<'_>) -> Option<Effect> {
        if !self.port.is_for_devices() {
            return None;
        }
        self.service.trigger(self.origin, step, subject)
    }

    /// Logs why a connection is not accepted.
    fn note(&self, kind: LogKind, reason: String) {
        self.service.log.write(LogEntry::note(self.origin, kind, reason).cut());
    }
}
