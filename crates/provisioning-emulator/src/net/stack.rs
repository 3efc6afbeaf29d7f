//! The layers of a connection: TCP, TLS, WebSocket, MQTT or HTTP, and the faults at the start of each.

use std::sync::Arc;

use tokio_rustls::TlsAcceptor;

use super::{
    faulty::begin,
    graceful_close::close,
    opening::{self, Opening},
    peer::Peer,
    room::enter,
    send_limit::SendLimit,
    socket::{Reset, Security, Socket},
    stream::Stream,
    stream_error::StreamEnd,
    tls::{self, NoTls},
    websocket,
};
use crate::{
    faults::{Effect, Step, Subject},
    http::{self, DeviceApi, Handler},
    log::{LogEntry, LogKind, Origin},
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
    // Each stage is boxed when it begins: a connection that has just been made needs little memory.
    let opened = stack.until_stopped(stack.open(socket)).await;
    let Some(Some(stream)) = opened else { return };
    let secured = match security {
        Security::Plain => Some((stream, Peer::Trusted)),
        Security::Tls => Box::pin(stack.until_stopped(stack.secure(stream, &acceptor)))
            .await
            .flatten(),
    };
    drop(acceptor);
    if let Some((stream, peer)) = secured {
        stack.serve_port(Box::new(SendLimit::new(stream)), peer).await;
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
    async fn open(&self, socket: Socket) -> Option<Stream> {
        let effect = self.trigger(Step::Tcp, Subject::Unknown);
        self.begin(Box::new(socket), effect, Step::Tcp, NO_REFUSAL).await
    }

    /// Applies an effect at the start of a layer. Logs it if the connection has ended.
    async fn begin(&self, stream: Stream, effect: Option<Effect>, step: Step, refusal: &[u8]) -> Option<Stream> {
        let name = effect.as_ref().map(Effect::name);
        let begun = begin(stream, effect, refusal, &self.reset).await;
        if let (None, Some(name)) = (&begun, name) {
            let reason = format!("the fault `{name}` at `{}` ended the connection", step.name());
            self.note(LogEntry::note(self.origin, LogKind::Refused, reason));
        }
        begun
    }

    async fn secure(&self, stream: Stream, acceptor: &TlsAcceptor) -> Option<(Stream, Peer)> {
        let effect = self.trigger(Step::Tls, Subject::Unknown);
        let (before, within) = match effect {
            Some(effect) if effect.lasts() => (None, Some(effect)),
            effect => (effect, None),
        };
        let stream = self.begin(stream, before, Step::Tls, ALERT).await?;
        let (stream, peer) = match tls::accept(stream, acceptor).await {
            Ok(accepted) => accepted,
            Err(error) => {
                let (kind, reason) = match error {
                    NoTls::Silent => (
                        LogKind::Ignored,
                        "the connection ended before the TLS handshake".to_owned(),
                    ),
                    NoTls::Failed(reason) => (LogKind::Tls, reason),
                };
                self.note(LogEntry::note(self.origin, kind, reason));
                return None;
            }
        };
        let named = || self.trigger(Step::Tls, Subject::JustIdentified(peer.name()?));
        let within = within.or_else(named);
        let stream = self.begin(Box::new(stream), within, Step::Tls, NO_REFUSAL).await?;
        Some((stream, peer))
    }

    async fn serve_port(&self, stream: Stream, peer: Peer) {
        match self.port {
            Port::Mqtt => Box::pin(self.serve_mqtt(stream, peer)).await,
            Port::WebSocket => Box::pin(self.serve_web(stream, peer)).await,
            Port::Control => Box::pin(self.serve_http(stream, http::Control(&self.service))).await,
            Port::Page => Box::pin(self.serve_http(stream, http::Page(&self.service))).await,
        }
    }

    /// Serves the WebSocket port: an upgrade to MQTT, or calls of the HTTPS device API.
    async fn serve_web(&self, stream: Stream, peer: Peer) {
        let effect = self.trigger(Step::Upgrade, peer.name().map_or(Subject::Unknown, Subject::Device));
        let (effect, refusal) = match effect {
            Some(Effect::Refuse { code, .. }) => (None, Some(code.unwrap_or(503))),
            effect => (effect, None),
        };
        let begun = self.begin(stream, effect, Step::Upgrade, NO_REFUSAL);
        let Some(Some(stream)) = self.until_stopped(begun).await else {
            return;
        };
        let Some(opening) = self.open_http(stream).await else {
            return;
        };
        match refusal.is_none() && websocket::is_upgrade(&opening.head) {
            true => Box::pin(self.upgrade(opening, peer)).await,
            false => Box::pin(self.serve_device_api(Box::new(opening.stream), peer, refusal)).await,
        }
    }

    /// Serves MQTT over a WebSocket, if its upgrade is accepted.
    async fn upgrade(&self, opening: Opening<Stream>, peer: Peer) {
        let (method, path) = (opening.head.method().clone(), opening.head.uri().path().to_owned());
        let note = |kind, reason| self.note(LogEntry::note(self.origin, kind, reason).about(&method, &path));
        match websocket::judge(&opening.head) {
            Ok(answer) => {
                let accepted = websocket::accept(opening, &answer);
                match self.until_stopped(accepted).await {
                    None => {}
                    Some(Ok(stream)) => Box::pin(self.serve_mqtt(Box::new(stream), peer)).await,
                    Some(Err(error)) => match StreamEnd::of(&error) {
                        StreamEnd::Gone(_) => {
                            note(LogKind::Ignored, "the connection ended before its upgrade".to_owned())
                        }
                        StreamEnd::Refused(reason) => note(LogKind::Refused, reason),
                    },
                }
            }
            Err(refusal) => {
                let entry = LogEntry::note(self.origin, LogKind::WebSocket, &refusal.message);
                self.note(entry.about(&method, &path).with_status(Some(refusal.status)));
                let mut stream = opening.stream;
                close(&mut stream, &http::last_answer(&refusal)).await;
            }
        }
    }

    /// Reads the head of the first request. Without one the connection ends.
    async fn open_http(&self, stream: Stream) -> Option<Opening<Stream>> {
        let (mut stream, error) = match self.until_stopped(opening::open(stream)).await? {
            Ok(opening) => return Some(opening),
            Err(failed) => failed,
        };
        let refusal = error.refusal();
        let kind = match self.port {
            _ if error.is_end() => LogKind::Ignored,
            Port::Control => LogKind::Control,
            Port::Page => LogKind::Http,
            Port::WebSocket | Port::Mqtt => LogKind::WebSocket,
        };
        if self.port.is_for_devices() || !error.is_silent() {
            let entry = LogEntry::note(self.origin, kind, error.to_string());
            self.note(entry.with_status(refusal.as_ref().map(|refusal| refusal.status)));
        }
        let last_bytes = refusal.map(|refusal| http::last_answer(&refusal));
        close(&mut stream, &last_bytes.unwrap_or_default()).await;
        None
    }

    /// Serves calls of the HTTPS device API. A fault answers them with the status `refusal`.
    async fn serve_device_api(&self, stream: Stream, peer: Peer, refusal: Option<u16>) {
        let api = DeviceApi {
            service: &self.service,
            origin: self.origin,
            peer: &peer,
            reset: &self.reset,
            refusal,
        };
        http::serve(stream, self.origin, &self.service.stop, &api).await;
    }

    async fn serve_mqtt(&self, stream: Stream, peer: Peer) {
        mqtt::serve(stream, self.origin, peer, self.reset.clone(), Arc::clone(&self.service)).await;
    }

    async fn serve_http(&self, stream: Stream, handler: impl Handler) {
        if let Some(opening) = Box::pin(self.open_http(stream)).await {
            let stream = Box::new(opening.stream);
            Box::pin(http::serve(stream, self.origin, &self.service.stop, &handler)).await;
        }
    }

    /// The result of `future`, unless the emulator stops before. It is boxed: an async function that is given a future has
    /// room for it twice.
    fn until_stopped<'a, T>(
        &'a self,
        future: impl Future<Output = T> + Send + 'a,
    ) -> impl Future<Output = Option<T>> + Send + 'a {
        self.service.stop.run_until_cancelled(Box::pin(future))
    }

    /// Faults apply to devices only: calls of the control endpoint are not affected.
    fn trigger(&self, step: Step, subject: Subject<'_>) -> Option<Effect> {
        if !self.port.is_for_devices() {
            return None;
        }
        self.service.trigger(self.origin, step, subject)
    }

    /// Logs why a connection is not accepted.
    fn note(&self, entry: LogEntry) {
        self.service.log.write(entry.cut());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{emulator::Emulator, net::socket::in_memory};

    #[test]
    fn a_connection_needs_little_memory_for_the_stages_before_its_first_packet() {
        let emulator = Emulator::builder().start_in_memory().expect("an emulator");
        let (service, acceptor) = emulator.shared();
        let origin = Origin::default();
        let stack = Stack {
            reset: Reset::default(),
            port: Port::Mqtt,
            origin,
            service: Arc::clone(&service),
        };
        let socket = || in_memory(16).1;
        let stream = || Box::new(socket());
        let all = serve(socket(), Port::Mqtt, origin, Security::Tls, acceptor.clone(), service);
        for (stage, size) in [
            ("all", size_of_val(&all)),
            ("opening", size_of_val(&stack.open(socket()))),
            ("TLS", size_of_val(&stack.secure(stream(), &acceptor))),
            ("MQTT", size_of_val(&stack.serve_mqtt(stream(), Peer::Anonymous))),
            ("HTTP", size_of_val(&stack.open_http(stream()))),
            ("WebSocket", size_of_val(&stack.serve_web(stream(), Peer::Anonymous))),
        ] {
            assert!(size <= 2048, "{stage}: {size}");
        }
    }
}
