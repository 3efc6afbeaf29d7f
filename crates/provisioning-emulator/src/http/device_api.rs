//! The HTTPS device API: registration, operation status and status lookup.

use std::{future::pending, sync::Arc, time::Duration};

use bytes::Bytes;
use http_body_util::{BodyExt, Collected};
use hyper::{
    Method, Request,
    header::{HeaderName, HeaderValue, LOCATION, RETRY_AFTER},
};
use tokio::time::sleep;

use super::{
    api_version::api_version,
    content::Content,
    error,
    server::{self, Call, Ending, Handled, Handler, Head, Refused, Reply, header, segments},
};
use crate::{
    enrollment::EnrollmentRef,
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

/// A call of a device that was admitted.
pub(crate) struct Admitted {
    target: Target,
    api_version: String,
    enrollment: EnrollmentRef,
}

/// What a call is for.
struct Target {
    route: Route,
    id_scope: String,
    registration_id: String,
}

enum Route {
    Register,
    Query { operation_id: String },
    Lookup,
}

impl Target {
    fn find(method: &Method, path: &[String]) -> Option<Self> {
        let names: Vec<_> = path.iter().map(|name| name.to_ascii_lowercase()).collect();
        let names: Vec<_> = names.iter().map(String::as_str).collect();
        let segment = |index: usize| path.get(index).cloned().unwrap_or_default();
        let route = match (method.as_str(), &names[..]) {
            ("PUT", [_, "registrations", _, "register"]) => Route::Register,
            ("GET", [_, "registrations", _, "operations", _]) => Route::Query {
                operation_id: segment(4),
            },
            ("POST", [_, "registrations", _]) => Route::Lookup,
            _ => return None,
        };
        Some(Self {
            route,
            id_scope: segment(0),
            registration_id: segment(2),
        })
    }

    /// The target of a call that is refused, if it has one.
    fn of(head: &Head) -> Option<Self> {
        Self::find(head.method(), &segments(head).ok()?)
    }
}

impl Handler for DeviceApi<'_> {
    type Accepted = Admitted;

    fn kind(&self) -> LogKind {
        LogKind::WebSocket
    }

    fn log(&self, entry: LogEntry) {
        self.service.log.write(entry);
    }

    fn judge(&self, head: &Head) -> Result<Admitted, Refused> {
        if let Some(status) = self.refusal {
            return Err(Refusal::by_fault(status, Step::Upgrade).into());
        }
        let path = segments(head)?;
        let exists = |method: &Method| Target::find(method, &path).is_some();
        let target = Target::find(head.method(), &path).ok_or_else(|| error::not_found(exists, SUPPORTED))?;
        Ok(self.admit(head, target)?)
    }

    async fn answer(&self, call: &Call, admitted: Admitted) -> Handled {
        let target = Some(&admitted.target);
        let log = &self.service.log;
        log.write(self.entry(call, target, Direction::In, call.body()));
        let (content, location) = self.perform(call, &admitted).await;
        let right = reply(content.clone(), location.clone());
        let changed = |effect: &Effect| Some(reply(content.changed_by(effect)?, location));
        let (handled, sent) = self.reply(target, right, changed).await;
        if let Some(Sent { status, reason, body }) = sent {
            log.write(LogEntry {
                status: Some(status),
                reason,
                ..self.entry(call, target, Direction::Out, &body)
            });
        }
        handled
    }

    async fn refuse(&self, head: &Head, refused: Reply) -> Handled {
        let target = Target::of(head);
        let (target, log) = (target.as_ref(), &self.service.log);
        log.write(self.entry(head, target, Direction::In, &[]).cut());
        let mut content = Content::refused(refused.status().as_u16(), &bytes(&refused).await);
        content.reason = error::message(&refused);
        let changed = |effect: &Effect| Some(reply(content.changed_by(effect)?, None));
        let (handled, sent) = self.reply(target, refused, changed).await;
        if let Some(Sent { status, reason, body }) = sent {
            let entry = LogEntry {
                status: Some(status),
                reason,
                ..self.entry(head, target, Direction::Out, &body)
            };
            log.write(entry.cut());
        }
        handled
    }
}

/// A reply that is sent as a whole.
struct Sent {
    status: u16,
    /// Why it refuses the call.
    reason: Option<String>,
    body: Bytes,
}

/// Whether a reply with this effect is not sent, or not as a whole.
fn is_cut(effect: &Effect) -> bool {
    matches!(
        effect,
        Effect::Withhold | Effect::Garbage | Effect::Close(_) | Effect::Reset(_)
    )
}

impl DeviceApi<'_> {
    fn admit(&self, head: &Head, target: Target) -> Result<Admitted, Refusal> {
        let api_version = api_version(head)?;
        let refused = |reason| Refusal::new(401, 401_002, format!("Unauthorized: {reason}."));
        let (id_scope, id) = (&target.id_scope, &target.registration_id);
        let token = header(head, "authorization");
        let enrollment = self.service.admit(self.peer, id_scope, id, token).map_err(refused)?;
        Ok(Admitted {
            target,
            api_version,
            enrollment,
        })
    }

    /// The content of the answer to a call, and the address of the operation that it starts.
    async fn perform(&self, call: &Call, admitted: &Admitted) -> (Content, Option<HeaderValue>) {
        let Admitted { target, enrollment, .. } = admitted;
        let client = Client {
            registration_id: &target.registration_id,
            api_version: &admitted.api_version,
            connection: None,
        };
        let result = match &target.route {
            Route::Register => self.service.register(self.origin, client, enrollment, call.body()),
            Route::Query { operation_id } => self.service.query(self.origin, client, operation_id),
            Route::Lookup => self.service.look_up(self.origin, client),
        };
        let result = self.service.persisted(result).await;
        let location = match (&target.route, &result) {
            (Route::Register, Ok(answer)) if answer.status == 202 => location(call, admitted, answer),
            _ => None,
        };
        (Content::from(result), location)
    }

    /// Sends a reply, changed by a fault if there is one. `changed` is the reply whose content an effect changes.
    async fn reply(
        &self,
        target: Option<&Target>,
        right: Reply,
        changed: impl FnOnce(&Effect) -> Option<Reply>,
    ) -> (Handled, Option<Sent>) {
        // A fault that refuses the connection's calls has been triggered already.
        let subject = target.filter(|_| self.refusal.is_none());
        let effect = subject.and_then(|target| {
            let subject = Subject::Device(&target.registration_id);
            self.service.trigger(self.origin, Step::Answer, subject)
        });
        let reply = effect.as_ref().and_then(changed).unwrap_or(right);
        let body = bytes(&reply).await;
        let sent = Sent {
            status: reply.status().as_u16(),
            reason: error::message(&reply),
            body: body.clone(),
        };
        let cut = effect.as_ref().filter(|effect| is_cut(effect)).map(Effect::name);
        let handled = self.apply(effect, reply, &body).await;
        if let Some(name) = cut {
            let reason = format!("the fault `{name}` at `answer` ended the connection");
            let id = target.map(|target| target.registration_id.as_str());
            let note = LogEntry::note(self.origin, LogKind::Refused, reason);
            self.service.log.write(note.of_device(id).cut());
        }
        (handled, cut.is_none().then_some(sent))
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
                let bytes = server::encoded(&reply, body);
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
                let bytes = server::encoded(&reply, body);
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

    /// An entry about a call or its reply.
    fn entry<B>(&self, call: &Request<B>, target: Option<&Target>, direction: Direction, body: &[u8]) -> LogEntry {
        let id = target.map(|target| target.registration_id.as_str());
        LogEntry {
            payload: (!body.is_empty()).then(|| String::from_utf8_lossy(body).into_owned()),
            ..LogEntry::new(self.origin, direction, LogKind::Http)
                .about(call.method(), call.uri().path())
                .of_device(id)
        }
    }
}

/// The body of a reply.
async fn bytes(reply: &Reply) -> Bytes {
    let Ok(body) = reply.body().clone().collect().await.map(Collected::to_bytes);
    body
}

fn reply(content: Content, location: Option<HeaderValue>) -> Reply {
    let mut reply = server::reply(content.status, "application/json; charset=utf-8", content.body);
    if let Some(reason) = content.reason {
        reply = error::with_message(reply, reason);
    }
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
fn location(call: &Call, admitted: &Admitted, answer: &Answer) -> Option<HeaderValue> {
    let host = header(call, "host")?;
    let operation_id = answer.operation_id.as_deref()?;
    let Admitted {
        target, api_version, ..
    } = admitted;
    let (id_scope, id) = (&target.id_scope, &target.registration_id);
    let path = format!("/{id_scope}/registrations/{id}/operations/{operation_id}?api-version={api_version}");
    HeaderValue::try_from(format!("https://{host}{path}")).ok()
}
