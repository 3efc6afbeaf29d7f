//! The HTTPS device API: registration, operation status and status lookup.

use std::{future::pending, sync::Arc, time::Duration};

use http_body_util::{BodyExt, Collected};
use hyper::{
    Method,
    header::{HeaderName, HeaderValue, LOCATION, RETRY_AFTER},
};
use tokio::time::sleep;

use super::{
    content::Content,
    error,
    server::{self, Call, Ending, Handled, Handler, Reply, header, parameter, segments},
};
use crate::{
    faults::{Cut, Effect, Step, Subject},
    log::{Direction, LogEntry, LogKind, Origin},
    net::{GARBAGE, Peer, Reset},
    refusal::Refusal,
    registration::{Answer, Client},
    service::Service,
};

/// What the port has, for calls of anything else.
const SUPPORTED: &str = "This port of the emulator has MQTT over WebSocket at /$iothub/websocket, and the HTTPS device \
    API: PUT /{idScope}/registrations/{registrationId}/register, GET .../operations/{operationId}, and POST \
    /{idScope}/registrations/{registrationId}. AMQP is not supported.";

/// The HTTPS device API, for one connection.
pub(crate) struct DeviceApi<'a> {
    pub(crate) service: &'a Arc<Service>,
    pub(crate) origin: Origin,
    pub(crate) peer: &'a Peer,
    /// Resets the connection, for faults.
    pub(crate) reset: &'a Reset,
    /// A fault answers every call with this status.
    pub(crate) refusal: Option<u16>,
}

/// A call of a device.
enum Route<'a> {
    Register,
    Query { operation_id: &'a str },
    Lookup,
}

impl<'a> Route<'a> {
    /// The route, the id scope and the registration id.
    fn find(method: &Method, path: &'a [String]) -> Option<(Self, &'a str, &'a str)> {
        let names: Vec<_> = path.iter().map(|name| name.to_ascii_lowercase()).collect();
        let names: Vec<_> = names.iter().map(String::as_str).collect();
        let segment = |index: usize| path.get(index).map_or("", String::as_str);
        let route = match (method.as_str(), &names[..]) {
            ("PUT", [_, "registrations", _, "register"]) => Self::Register,
            ("GET", [_, "registrations", _, "operations", _]) => Self::Query {
                operation_id: segment(4),
            },
            ("POST", [_, "registrations", _]) => Self::Lookup,
            _ => return None,
        };
        Some((route, segment(0), segment(2)))
    }
}

impl Handler for DeviceApi<'_> {
    async fn handle(&self, call: &Call) -> Handled {
        let path = segments(call).unwrap_or_default();
        let route = Route::find(call.method(), &path);
        let id = route.as_ref().map(|(_, _, id)| *id);
        let received = call.body().as_ref().map_or(&[][..], AsRef::as_ref);
        self.log(call, id, Direction::In, None, received);
        let (reply, effect) = match (self.refusal, route) {
            (Some(status), _) => (error::refused_by_fault(status), None),
            (None, Some((route, id_scope, id))) => self.answer(call, &route, id_scope, id),
            (None, None) => {
                let exists = |method: &Method| Route::find(method, &path).is_some();
                (error::not_found(exists, SUPPORTED), None)
            }
        };
        let Ok(body) = reply.body().clone().collect().await.map(Collected::to_bytes);
        let is_cut = effect.as_ref().is_some_and(is_cut);
        let status = reply.status().as_u16();
        let handled = self.apply(effect, reply, &body).await;
        if !is_cut {
            self.log(call, id, Direction::Out, Some(status), &body);
        }
        handled
    }
}

/// Whether a reply with this effect is not sent, or not as a whole.
fn is_cut(effect: &Effect) -> bool {
    matches!(
        effect,
        Effect::Withhold | Effect::Garbage | Effect::Close(_) | Effect::Reset(_)
    )
}

impl DeviceApi<'_> {
    /// The reply to a call, and the effect on how it is sent.
    fn answer(&self, call: &Call, route: &Route<'_>, id_scope: &str, id: &str) -> (Reply, Option<Effect>) {
        let result = self.perform(call, route, id_scope, id);
        let location = match (route, &result) {
            (Route::Register, Ok(answer)) if answer.status == 202 => location(call, id_scope, id, answer),
            _ => None,
        };
        let right = Content::from(result);
        let effect = self.service.trigger(self.origin, Step::Answer, Subject::Device(id));
        let changed = effect.as_ref().and_then(|effect| right.changed_by(effect));
        (reply(changed.unwrap_or(right), location), effect)
    }

    fn perform(&self, call: &Call, route: &Route<'_>, id_scope: &str, id: &str) -> Result<Answer, Refusal> {
        let api_version = parameter(call, "api-version").filter(|version| !version.is_empty());
        let api_version = api_version.ok_or_else(|| Refusal::bad_request("The parameter api-version is missing."))?;
        let refused = |reason| Refusal::new(401, 401_002, format!("Unauthorized: {reason}."));
        let token = header(call, "authorization");
        let enrollment = self.service.admit(self.peer, id_scope, id, token).map_err(refused)?;
        let client = Client {
            registration_id: id,
            api_version: &api_version,
            connection: None,
        };
        let body = server::bytes(call)?;
        match route {
            Route::Register => self.service.register(self.origin, client, &enrollment, body),
            Route::Query { operation_id } => self.service.query(self.origin, client, operation_id),
            Route::Lookup => self.service.look_up(self.origin, client),
        }
    }

    /// Applies an effect on how an answer is sent.
    async fn apply(&self, effect: Option<Effect>, reply: Reply, body: &[u8]) -> Handled {
        let end = |pieces, reset| {
            Handled::End(Ending {
                pieces,
                pause: Duration::ZERO,
                reset,
            })
        };
        let cut = |cut| match cut {
            Cut::AfterSent(limit) => {
                let bytes = encoded(&reply, body);
                let limit = usize::try_from(limit).unwrap_or(usize::MAX).min(bytes.len());
                vec![bytes[..limit].to_vec()]
            }
            _ => vec![],
        };
        match effect {
            Some(Effect::Delay(delay)) => sleep(delay).await,
            Some(Effect::Withhold) => pending().await,
            Some(Effect::Garbage) => return end(vec![GARBAGE.to_vec()], None),
            Some(Effect::Close(at)) => return end(cut(at), None),
            Some(Effect::Reset(at)) => return end(cut(at), Some(self.reset.clone())),
            Some(Effect::Split { size, pause }) => {
                let bytes = encoded(&reply, body);
                let pieces = bytes.chunks(size).map(<[u8]>::to_vec).collect();
                return Handled::End(Ending {
                    pieces,
                    pause,
                    reset: None,
                });
            }
            // The others change the content, or exist over MQTT only.
            _ => {}
        }
        Handled::Reply(reply)
    }

    /// Logs a call or its reply.
    fn log(&self, call: &Call, id: Option<&str>, direction: Direction, status: Option<u16>, body: &[u8]) {
        self.service.log.write(LogEntry {
            topic: Some(format!("{} {}", call.method(), call.uri().path())),
            status,
            payload: (!body.is_empty()).then(|| String::from_utf8_lossy(body).into_owned()),
            ..LogEntry::new(self.origin, direction, LogKind::Http).of_device(id)
        });
    }
}

fn reply(content: Content, location: Option<HeaderValue>) -> Reply {
    let mut reply = server::reply(content.status, "application/json; charset=utf-8", content.body);
    let retry_after = content
        .retry_after
        .value()
        .and_then(|value| HeaderValue::try_from(value).ok());
    let headers: [(HeaderName, Option<HeaderValue>); 2] = [(RETRY_AFTER, retry_after), (LOCATION, location)];
    for (name, value) in headers {
        if let Some(value) = value {
            reply.headers_mut().insert(name, value);
        }
    }
    reply
}

/// The address of the operation.
fn location(call: &Call, id_scope: &str, id: &str, answer: &Answer) -> Option<HeaderValue> {
    let host = header(call, "host")?;
    let operation_id = answer.operation_id.as_deref()?;
    let version = parameter(call, "api-version").unwrap_or_default();
    let path = format!("/{id_scope}/registrations/{id}/operations/{operation_id}?api-version={version}");
    HeaderValue::try_from(format!("https://{host}{path}")).ok()
}

/// A reply as bytes, for faults that cut or split it.
fn encoded(reply: &Reply, body: &[u8]) -> Vec<u8> {
    let status = reply.status();
    let mut bytes = format!(
        "HTTP/1.1 {} {}\r\n",
        status.as_u16(),
        status.canonical_reason().unwrap_or("")
    )
    .into_bytes();
    for (name, value) in reply.headers() {
        bytes.extend_from_slice(name.as_str().as_bytes());
        bytes.extend_from_slice(b": ");
        bytes.extend_from_slice(value.as_bytes());
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.extend_from_slice(format!("connection: close\r\ncontent-length: {}\r\n\r\n", body.len()).as_bytes());
    bytes.extend_from_slice(body);
    bytes
}
