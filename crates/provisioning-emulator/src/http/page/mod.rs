//! The page: one HTML file, the state that it requests, and the changes that it makes with its token.

mod access;
mod exchange;
mod state;

use std::sync::LazyLock;

use base64::{Engine, engine::general_purpose::STANDARD};
use hyper::{
    Method,
    header::{ALLOW, HeaderName, HeaderValue},
};
use sha2::{Digest, Sha256};

pub(crate) use access::PageAccess;

use self::exchange::Selected;
use super::{
    error, health,
    router::{self, Control},
    server::{self, Call, Handled, Handler, Head, Refused, Reply, parameter, reply, segments},
};
use crate::{
    log::{LogEntry, LogKind},
    service::Service,
};

const PAGE: &str = include_str!("page.html");

/// Allows the page's own style and script, by their hashes, and its own state only: no text from a device can run.
static POLICY: LazyLock<String> = LazyLock::new(|| {
    format!(
        "default-src 'none'; style-src '{}'; script-src '{}'; connect-src 'self'; img-src data:; base-uri 'none'; \
         form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'",
        hash_of("style"),
        hash_of("script")
    )
});

/// The page.
pub(crate) struct Page<'a>(pub(crate) &'a Service);

/// What the page has.
pub(crate) enum Resource {
    Html,
    Health,
    /// The log entries after this number, and the selected exchange, are part of it.
    State {
        after: u64,
        selected: Option<Selected>,
        can_change: bool,
    },
    /// A call of the control endpoint, by the segments of its path.
    Change(Vec<String>),
}

impl Handler for Page<'_> {
    type Accepted = Resource;

    fn kind(&self) -> LogKind {
        LogKind::Http
    }

    fn log(&self, entry: LogEntry) {
        self.0.log.write(entry);
    }

    fn judge(&self, head: &Head) -> Result<Resource, Refused> {
        self.find(head).map_err(|refused| with_policy(*refused).into())
    }

    async fn answer(&self, call: &Call, resource: Resource) -> Handled {
        Handled::Reply(with_policy(match resource {
            Resource::Health => health::reply(self.0),
            Resource::Html => reply(200, "text/html; charset=utf-8", PAGE),
            Resource::State {
                after,
                selected,
                can_change,
            } => server::json(200, &state::state(self.0, after, selected.as_ref(), can_change)),
            Resource::Change(path) => Control(self.0).perform(call, &path).await,
        }))
    }

    async fn refuse(&self, head: &Head, reply: Reply) -> Handled {
        self.0.log.write(router::entry(head, &reply, LogKind::Http).cut());
        Handled::Reply(reply)
    }
}

impl Page<'_> {
    fn find(&self, head: &Head) -> Result<Resource, Refused> {
        // Programs in other containers wait for it, by any name.
        if health::is_for(head) && health::has(head.method()) {
            return Ok(Resource::Health);
        }
        let access = &self.0.page_access;
        let (path, is_read) = (head.uri().path(), matches!(*head.method(), Method::GET | Method::HEAD));
        // The page itself is the same for everybody.
        let is_public = path == "/" && is_read;
        access.check_host(head, is_public).map_err(|reason| text(403, reason))?;
        match path {
            "/" | "/state.json" if !is_read => {
                let mut reply = text(405, "This path can be looked at only.\n");
                reply.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
                Err(reply.into())
            }
            "/" => Ok(Resource::Html),
            "/state.json" => {
                let after = parameter(head, "after").map_or(Ok(0), |after| after.parse());
                Ok(Resource::State {
                    after: after.map_err(|_| text(400, "after is the number of a log entry.\n"))?,
                    selected: Selected::of(head),
                    can_change: access.has_token(head),
                })
            }
            _ if is_read => Err(text(404, "There are only /, /state.json and /health here.\n").into()),
            _ => {
                access.check_change(head)?;
                let path = segments(head)?;
                Control::find(head, &path)?;
                Ok(Resource::Change(path))
            }
        }
    }
}

/// Adds the headers that every reply of the page has.
fn with_policy(mut reply: Reply) -> Reply {
    let headers = reply.headers_mut();
    for (name, value) in [
        ("cache-control", "no-store"),
        ("cross-origin-resource-policy", "same-origin"),
        ("referrer-policy", "no-referrer"),
        ("x-content-type-options", "nosniff"),
    ] {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    let policy = HeaderValue::from_str(&POLICY).expect("it is ASCII");
    headers.insert("content-security-policy", policy);
    reply
}

fn text(status: u16, text: &'static str) -> Reply {
    error::with_message(reply(status, "text/plain; charset=utf-8", text), text.trim_end())
}

/// The hash of the page's only element of this name.
fn hash_of(element: &str) -> String {
    let (_, rest) = PAGE.split_once(&format!("<{element}>")).unwrap_or_default();
    let (content, _) = rest.split_once(&format!("</{element}>")).unwrap_or_default();
    format!("sha256-{}", STANDARD.encode(Sha256::digest(content)))
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;
    use crate::faults::steps_of_faults;

    #[test]
    fn the_form_for_faults_offers_each_fault_at_each_of_its_steps_and_no_other() {
        let (_, rest) = PAGE.split_once("const FAULTS = ").expect("the table");
        let (table, _) = rest.split_once(";\n").expect("its end");
        let offered: BTreeMap<String, Vec<String>> = serde_json::from_str(table).expect("JSON");
        let offered = offered.into_iter().map(|(name, steps)| {
            let count = steps.len();
            let steps: BTreeSet<_> = steps.into_iter().collect();
            assert_eq!(steps.len(), count, "a step of {name} is twice in the table");
            (name, steps)
        });
        assert_eq!(offered.collect::<BTreeMap<_, _>>(), steps_of_faults());
    }
}
