//! Queries and their pages.

use std::sync::Arc;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use hyper::header::HeaderValue;
use serde::Serialize;
use serde_json::{Value, value::RawValue};

use super::server::{self, Call, Reply, header};
use crate::{enrollment::Terms, refusal::Refusal, registration::State, service::Service};

/// The largest page.
const LARGEST_PAGE: usize = 1000;

/// A page ends with the item with which it has so many bytes.
const PAGE_BYTES: usize = 1024 * 1024;

/// The size of a page unless given.
const USUAL_PAGE: usize = 100;

/// An item as JSON.
pub(super) type Shown = Box<RawValue>;

/// An item of a list.
pub(super) trait Item {
    fn id(&self) -> &str;
    /// As the REST API shows it: payloads are as they were given.
    fn shown(&self) -> Shown;
}

impl Item for Terms {
    fn id(&self) -> &str {
        self.id()
    }

    fn shown(&self) -> Shown {
        json(&self.shown())
    }
}

impl Item for State {
    fn id(&self) -> &str {
        &self.registration_id
    }

    fn shown(&self) -> Shown {
        json(self)
    }
}

/// Answers a query over a list, of which `fetch` returns at most so many items behind an id, in the order of the ids in
/// lower case. A page starts after an id, not at an index, so that no item is skipped or repeated if items are added or
/// removed between two pages. As at the service, the text of a query is not evaluated, unless the emulator is set to.
pub(super) fn page<T: Item>(
    service: &Service,
    call: &Call,
    fetch: impl Fn(Option<&str>, usize) -> Vec<Arc<T>>,
    item_type: &'static str,
) -> Result<Reply, Refusal> {
    let query = match (query_text(call)?, service.evaluate_queries) {
        (Some(text), true) => Query::parse(&text)?,
        _ => Query(vec![]),
    };
    let mut reply = listed(call, fetch, |item| {
        Some(item.shown()).filter(|shown| query.takes(shown))
    })?;
    let item_type = HeaderValue::from_static(item_type);
    reply.headers_mut().insert("x-ms-item-type", item_type);
    Ok(reply)
}

/// A page of a list. Items that are shown as `None` are left out.
pub(super) fn listed<T: Item>(
    call: &Call,
    fetch: impl Fn(Option<&str>, usize) -> Vec<Arc<T>>,
    show: impl Fn(&T) -> Option<Shown>,
) -> Result<Reply, Refusal> {
    let size = page_size(call)?;
    let mut after = after(call)?;
    let mut shown = vec![];
    let mut bytes = 0;
    // The last id of the page, if it is full and there may be more.
    let mut last = None;
    // One more than a page has, to know whether it is the last one.
    while let fetched = fetch(after.as_deref(), size + 1)
        && !fetched.is_empty()
    {
        for item in &fetched {
            let Some(value) = show(item) else { continue };
            if shown.len() == size || bytes >= PAGE_BYTES {
                let token = URL_SAFE_NO_PAD.encode(last.unwrap_or_default());
                return Ok(with_continuation(server::json(200, &shown), token));
            }
            bytes += value.get().len();
            shown.push(value);
            last = Some(item.id().to_ascii_lowercase());
        }
        after = fetched.last().map(|item| item.id().to_ascii_lowercase());
    }
    Ok(server::json(200, &shown))
}

/// Says where the next page starts.
pub(super) fn with_continuation(mut reply: Reply, token: impl Into<String>) -> Reply {
    if let Ok(token) = HeaderValue::try_from(token.into()) {
        reply.headers_mut().insert("x-ms-continuation", token);
    }
    reply
}

/// An item as JSON.
pub(super) fn json(item: &impl Serialize) -> Shown {
    // JSON with text as keys can always be written.
    serde_json::value::to_raw_value(item).unwrap_or_default()
}

/// The text of the query. Official clients send some queries without a body.
fn query_text(call: &Call) -> Result<Option<String>, Refusal> {
    if call.body().is_empty() {
        return Ok(None);
    }
    let body = server::body(call)?;
    match body.get("query") {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(Refusal::bad_request("query: expected text.")),
    }
}

fn page_size(call: &Call) -> Result<usize, Refusal> {
    match header(call, "x-ms-max-item-count").map(str::parse::<i64>) {
        // The service's own SDKs send -1 or 0 for the default.
        None | Some(Ok(..=0)) => Ok(USUAL_PAGE),
        Some(Ok(count)) => Ok(usize::try_from(count).map_or(LARGEST_PAGE, |count| count.min(LARGEST_PAGE))),
        Some(Err(_)) => Err(Refusal::bad_request("The header x-ms-max-item-count is not a number.")),
    }
}

/// The last id of the previous page.
fn after(call: &Call) -> Result<Option<String>, Refusal> {
    let Some(token) = header(call, "x-ms-continuation").filter(|token| !token.is_empty()) else {
        return Ok(None);
    };
    let decoded = URL_SAFE_NO_PAD
        .decode(token)
        .ok()
        .and_then(|bytes| String::from_utf8(bytes).ok());
    decoded
        .map(Some)
        .ok_or_else(|| Refusal::bad_request("The header x-ms-continuation holds no token of an earlier answer."))
}

/// The supported part of the service's query language: all items, or those with some values.
#[derive(Debug, PartialEq)]
struct Query(Vec<(String, String)>);

impl Query {
    fn parse(text: &str) -> Result<Self, Refusal> {
        Self::read(text).ok_or_else(|| {
            Refusal::bad_request(format!(
                "The query {text:?} is not understood: `select * from <name>` is, and after it `where <field> = '<text>'`, \
                 with `and` between several."
            ))
        })
    }

    fn read(text: &str) -> Option<Self> {
        // The samples of the Node SDK send it for all items.
        if text.trim() == "*" {
            return Some(Self(vec![]));
        }
        let rest = word(word(word(text, "select")?, "*")?, "from")?;
        let (_source, mut rest) = name(rest)?;
        let mut conditions = vec![];
        let mut next = "where";
        while !rest.trim().is_empty() {
            let (field, after) = name(word(rest, next)?)?;
            let (value, after) = quoted(after.trim_start().strip_prefix('=')?)?;
            conditions.push((field.to_owned(), value.to_owned()));
            (rest, next) = (after, "and");
        }
        Some(Self(conditions))
    }

    fn takes(&self, item: &RawValue) -> bool {
        // Most queries are for all items.
        if self.0.is_empty() {
            return true;
        }
        let item: Value = serde_json::from_str(item.get()).unwrap_or_default();
        self.0.iter().all(|(field, expected)| {
            let parts = field.split('.').filter(|part| !part.is_empty());
            let value = parts.fold(&item, |value, part| &value[part]);
            value.as_str() == Some(expected)
        })
    }
}

/// The text after this word, which is compared without case.
fn word<'a>(text: &'a str, word: &str) -> Option<&'a str> {
    let text = text.trim_start();
    let (found, rest) = text.split_at_checked(word.len())?;
    let ends = rest.is_empty() || rest.starts_with(char::is_whitespace);
    (found.eq_ignore_ascii_case(word) && ends).then_some(rest)
}

/// A name, with dots, and the text after it.
fn name(text: &str) -> Option<(&str, &str)> {
    let text = text.trim_start();
    let end = text.find(|c: char| !(c.is_ascii_alphanumeric() || c == '.' || c == '_'));
    let (name, rest) = text.split_at(end.unwrap_or(text.len()));
    (!name.is_empty()).then_some((name, rest))
}

/// The text in single or double quotes, and the text after it.
fn quoted(text: &str) -> Option<(&str, &str)> {
    let text = text.trim_start();
    let quote = text.chars().next().filter(|c| matches!(c, '\'' | '"'))?;
    text[1..].split_once(quote)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn conditions(text: &str) -> Option<Vec<(String, String)>> {
        Query::read(text).map(|query| query.0)
    }

    #[test]
    fn everything_can_be_asked_for() {
        for text in ["*", "select * from enrollments", " SELECT  *\nFROM enrollmentGroups "] {
            assert_eq!(conditions(text), Some(vec![]), "{text:?}");
        }
    }

    #[test]
    fn values_can_be_asked_for() {
        let text = "select * from enrollments WHERE provisioningStatus = 'enabled' and attestation.type=\"x509\"";
        let query = Query::read(text).expect("a query");
        let takes = |item: Value| query.takes(&super::json(&item));
        assert!(takes(
            json!({"provisioningStatus": "enabled", "attestation": {"type": "x509"}})
        ));
        assert!(!takes(
            json!({"provisioningStatus": "enabled", "attestation": {"type": "symmetricKey"}})
        ));
        assert!(!takes(
            json!({"provisioningStatus": "disabled", "attestation": {"type": "x509"}})
        ));
        assert!(!takes(json!([])));
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        for text in [
            "",
            "select",
            "select * from",
            "select a from b",
            "selection * from b",
            "select * from b where",
            "select * from b where a > '1'",
            "select * from b where a = 1",
            "select * from b where a = 'é",
            "select * from b where a = '1' or b = '2'",
            "select * from b where a = '1' order",
            "ß",
        ] {
            assert_eq!(conditions(text), None, "{text:?}");
        }
    }
}
