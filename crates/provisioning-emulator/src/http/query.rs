//! Queries and their pages.

use std::ops::Index;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use hyper::header::HeaderValue;
use serde::Serialize;
use serde_json::Value;

use super::server::{self, Call, Reply, header};
use crate::{refusal::Refusal, service::Service};

/// The largest page.
const LARGEST_PAGE: usize = 1000;

/// The size of a page unless given.
const USUAL_PAGE: usize = 100;

/// Answers a query over these items, whose ids are in the member `id`. A page starts after an id, not at an index, so
/// that no item is skipped or repeated if items are added or removed between two pages. As at the service, the text of a
/// query is not evaluated, unless the emulator is set to.
pub(super) fn page<T>(
    service: &Service,
    call: &Call,
    items: Vec<T>,
    id: &str,
    item_type: &'static str,
) -> Result<Reply, Refusal>
where
    T: Serialize + for<'a> Index<&'a str, Output = Value>,
{
    let query = match (query_text(call)?, service.evaluate_queries) {
        (Some(text), true) => Query::parse(&text)?,
        _ => Query(vec![]),
    };
    let size = page_size(call)?;
    let after = after(call)?;

    let key = |item: &T| item[id].as_str().unwrap_or_default().to_ascii_lowercase();
    let mut items: Vec<_> = items.into_iter().filter(|item| query.takes(item)).collect();
    items.sort_by_key(key);
    items.retain(|item| after.as_ref().is_none_or(|after| key(item) > *after));
    let is_last = items.len() <= size;
    items.truncate(size);
    let continuation = items
        .last()
        .filter(|_| !is_last)
        .map(|last| URL_SAFE_NO_PAD.encode(key(last)));

    let mut reply = server::json(200, &items);
    let headers = reply.headers_mut();
    headers.insert("x-ms-item-type", HeaderValue::from_static(item_type));
    if let Some(token) = continuation.and_then(|token| HeaderValue::try_from(token).ok()) {
        headers.insert("x-ms-continuation", token);
    }
    Ok(reply)
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

    fn takes(&self, item: &impl for<'a> Index<&'a str, Output = Value>) -> bool {
        self.0.iter().all(|(field, expected)| {
            let (first, rest) = field.split_once('.').unwrap_or((field, ""));
            let rest = rest.split('.').filter(|part| !part.is_empty());
            let value = rest.fold(&item[first], |value, part| &value[part]);
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
        assert!(query.takes(&json!({"provisioningStatus": "enabled", "attestation": {"type": "x509"}})));
        assert!(!query.takes(&json!({"provisioningStatus": "enabled", "attestation": {"type": "symmetricKey"}})));
        assert!(!query.takes(&json!({"provisioningStatus": "disabled", "attestation": {"type": "x509"}})));
        assert!(!query.takes(&json!([])));
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
