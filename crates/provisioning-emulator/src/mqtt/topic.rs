//! The topics and the user name, parsed as the service parses them.

use percent_encoding::percent_decode_str;

use crate::identifiers::is_registration_id;

/// The topic filter of all answers.
pub(crate) const ANSWERS: &str = "$dps/registrations/res/#";

/// The topics of requests, for people.
pub(crate) const REQUESTS: &str = "$dps/registrations/PUT/iotdps-register/?$rid={requestId}, or \
    $dps/registrations/GET/iotdps-get-operationstatus/?$rid={requestId}&operationId={operationId}";

/// The form of a user name, for people.
pub(crate) const USER_NAME: &str = "{idScope}/registrations/{registrationId}/api-version={date}";

/// The status in the topic of a response.
pub(crate) fn response_status(topic: &str) -> Option<u16> {
    let (status, _) = topic.strip_prefix("$dps/registrations/res/")?.split_once('/')?;
    status.parse().ok()
}

/// A request, from its topic.
#[derive(Debug, PartialEq)]
pub(crate) struct RequestTopic {
    /// As sent, escaped. Empty if the device sent none: the service answers anyway.
    pub(crate) request_id: String,
    pub(crate) kind: RequestKind,
}

#[derive(Debug, PartialEq)]
pub(crate) enum RequestKind {
    Register,
    Query { operation_id: String },
}

impl RequestTopic {
    pub(crate) fn parse(topic: &str) -> Option<Self> {
        let (path, query) = topic.strip_prefix("$dps/registrations/")?.split_once("/?")?;
        let value = |key: &str| {
            let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
            pairs
                .find(|(name, _)| name.eq_ignore_ascii_case(key))
                .map(|(_, value)| value)
        };
        let kind = match path {
            "PUT/iotdps-register" => RequestKind::Register,
            "GET/iotdps-get-operationstatus" => RequestKind::Query {
                operation_id: percent_decode_str(value("operationId")?)
                    .decode_utf8_lossy()
                    .into_owned(),
            },
            _ => return None,
        };
        Some(Self {
            request_id: value("$rid").unwrap_or_default().to_owned(),
            kind,
        })
    }
}

/// The parts of the MQTT user name.
#[derive(Debug, PartialEq)]
pub(crate) struct UserName<'a> {
    pub(crate) id_scope: &'a str,
    pub(crate) registration_id: &'a str,
    pub(crate) api_version: &'a str,
}

impl<'a> UserName<'a> {
    /// `{idScope}/registrations/{registrationId}/api-version=…&ClientVersion=…`; the query's keys in any order and
    /// case, the api-version required.
    pub(crate) fn parse(user_name: &'a str) -> Option<Self> {
        let mut parts = user_name.splitn(4, '/');
        let (id_scope, registrations, registration_id, query) =
            (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        let is_version = |(name, value): &(&str, &str)| name.eq_ignore_ascii_case("api-version") && !value.is_empty();
        let (_, api_version) = pairs.find(is_version)?;
        let is_valid = registrations == "registrations" && is_registration_id(registration_id);
        is_valid.then_some(Self {
            id_scope,
            registration_id,
            api_version,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_read_with_keys_in_any_order_and_case() {
        let register = RequestTopic::parse("$dps/registrations/PUT/iotdps-register/?x=1&$RID=a").expect("a request");
        assert_eq!(
            register,
            RequestTopic {
                request_id: "a".into(),
                kind: RequestKind::Register
            }
        );
        let query = "$dps/registrations/GET/iotdps-get-operationstatus/?OperationId=4.a%2Fb&$rid=";
        let kind = RequestKind::Query {
            operation_id: "4.a/b".into(),
        };
        assert_eq!(
            RequestTopic::parse(query),
            Some(RequestTopic {
                request_id: String::new(),
                kind
            })
        );
    }

    #[test]
    fn other_topics_are_not_requests() {
        for topic in [
            "a",
            "$dps/registrations/PUT/iotdps-register",
            "$dps/registrations/GET/iotdps-get-operationstatus/?$rid=1",
            "$dps/registrations/DELETE/iotdps-register/?$rid=1",
        ] {
            assert_eq!(RequestTopic::parse(topic), None, "{topic}");
        }
    }

    #[test]
    fn a_user_name_needs_its_parts_and_an_api_version() {
        for (query, api_version) in [
            ("api-version=2019-03-31&ClientVersion=x", "2019-03-31"),
            ("clientversion=a%2Fb/c&API-VERSION=1", "1"),
        ] {
            let user = UserName {
                id_scope: "0ne1",
                registration_id: "a",
                api_version,
            };
            let parsed = format!("0ne1/registrations/a/{query}");
            assert_eq!(UserName::parse(&parsed), Some(user), "{query}");
        }
        for wrong in [
            "",
            "0ne1/registrations/a",
            "0ne1/devices/a/api-version=1",
            "0ne1/registrations//api-version=1",
            "0ne1/registrations/a b/api-version=1",
            "0ne1/registrations/a./api-version=1",
            "0ne1/registrations/a/ClientVersion=1",
        ] {
            assert_eq!(UserName::parse(wrong), None, "{wrong}");
        }
    }
}
