//! Custom allocation: the webhook of an enrollment selects the hub of a device.

use std::{
    pin::pin,
    sync::{Arc, OnceLock},
    time::Duration,
};

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::{
    Method, Request, Uri,
    client::conn::http1::handshake,
    header::{CONTENT_TYPE, HOST},
};
use hyper_util::rt::TokioIo;
use rustls::{ClientConfig, RootCertStore, crypto::ring};
use rustls_pki_types::{CertificateDer, ServerName};
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    select,
    time::timeout,
};
use tokio_rustls::TlsConnector;

use crate::{error::EmulatorError, input::certificates};

/// How long a webhook may take, as at the service.
const TIMEOUT: Duration = Duration::from_secs(5);

/// The largest answer of a webhook, in bytes.
const MAX_ANSWER: usize = 1024 * 1024;

/// The longest name of a host.
const MAX_HOST: usize = 253;

/// Calls webhooks.
pub(crate) struct WebhookClient {
    /// For the CA that is given, else for the roots of the platform. These are read for the first call that needs them; why
    /// they cannot be is the reason of every failure.
    tls: OnceLock<Result<Arc<ClientConfig>, String>>,
}

/// A call that a registration needs.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct WebhookCall {
    pub(crate) operation_id: String,
    pub(crate) registration_id: String,
    pub(crate) url: String,
    /// JSON.
    pub(crate) body: String,
}

impl WebhookCall {
    /// The URL for the log. The query often has a key, as Azure Functions require.
    pub(crate) fn url_without_query(&self) -> &str {
        self.url.split_once('?').map_or(&self.url, |(url, _)| url)
    }
}

/// The answer of a webhook.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct WebhookAnswer {
    pub(crate) iot_hub_host_name: String,
    /// As the webhook wrote it.
    pub(crate) payload: Option<Box<RawValue>>,
    /// An object, as the webhook wrote it.
    pub(crate) initial_twin: Option<Box<RawValue>>,
}

impl WebhookAnswer {
    /// The bytes that count towards the limit.
    pub(crate) fn size(&self) -> usize {
        let given = [&self.payload, &self.initial_twin].into_iter().flatten();
        given.map(|text| text.get().len()).sum()
    }
}

impl WebhookClient {
    /// A client that trusts this CA, else the roots of the platform.
    pub(crate) fn new(ca: Option<Vec<u8>>) -> Result<Self, EmulatorError> {
        let tls = OnceLock::new();
        if let Some(ca) = ca {
            let invalid = |reason| EmulatorError::InvalidFile(format!("the CA of webhooks cannot be used: {reason}"));
            let certificates = certificates(&ca).map_err(|unreadable| invalid(unreadable.to_string()))?;
            let config = tls_config(Some(certificates)).map_err(invalid)?;
            tls.get_or_init(|| Ok(config));
        }
        Ok(Self { tls })
    }

    /// Makes a call. An error is the reason, for the device.
    pub(crate) async fn call(&self, call: &WebhookCall) -> Result<WebhookAnswer, String> {
        in_time(self.call_now(call)).await
    }

    async fn call_now(&self, call: &WebhookCall) -> Result<WebhookAnswer, String> {
        let uri = parse_url(&call.url)?;
        let host = uri.host().unwrap_or_default();
        let is_tls = uri.scheme_str() == Some("https");
        let port = uri.port_u16().unwrap_or(if is_tls { 443 } else { 80 });
        let bare_host = host.trim_start_matches('[').trim_end_matches(']');
        let stream = TcpStream::connect((bare_host, port)).await;
        let stream = stream.map_err(|error| format!("it cannot be connected to: {error}"))?;
        if !is_tls {
            return exchange(stream, &uri, &call.body).await;
        }
        let name =
            ServerName::try_from(bare_host.to_owned()).map_err(|_| "its host is not a name for TLS".to_owned())?;
        let stream = TlsConnector::from(self.tls.get_or_init(|| tls_config(None)).clone()?)
            .connect(name, stream)
            .await;
        exchange(
            stream.map_err(|error| format!("TLS failed: {error}"))?,
            &uri,
            &call.body,
        )
        .await
    }
}

/// Trusts these CAs; `None` is the roots of the platform.
fn tls_config(authorities: Option<Vec<CertificateDer<'static>>>) -> Result<Arc<ClientConfig>, String> {
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions();
    let builder = builder.map_err(|error| error.to_string())?;
    let Some(authorities) = authorities else {
        return platform_roots(builder, provider);
    };
    let mut roots = RootCertStore::empty();
    for certificate in authorities {
        let added = roots.add(certificate);
        added.map_err(|_| "expected the certificate of a CA, X.509 version 3".to_owned())?;
    }
    Ok(Arc::new(builder.with_root_certificates(roots).with_no_client_auth()))
}

type ConfigBuilder = rustls::ConfigBuilder<ClientConfig, rustls::WantsVerifier>;

#[cfg(feature = "platform-roots")]
fn platform_roots(
    builder: ConfigBuilder,
    provider: Arc<rustls::crypto::CryptoProvider>,
) -> Result<Arc<ClientConfig>, String> {
    let verifier = rustls_platform_verifier::Verifier::new(provider).map_err(|error| error.to_string())?;
    // The verifier of the platform verifies as much as that of rustls.
    let builder = builder.dangerous().with_custom_certificate_verifier(Arc::new(verifier));
    Ok(Arc::new(builder.with_no_client_auth()))
}

#[cfg(not(feature = "platform-roots"))]
fn platform_roots(_: ConfigBuilder, _: Arc<rustls::crypto::CryptoProvider>) -> Result<Arc<ClientConfig>, String> {
    Err("no CA is given, and the feature `platform-roots` is off".to_owned())
}

/// Checks the URL of a webhook.
pub(crate) fn parse_url(url: &str) -> Result<Uri, String> {
    let expected = || format!("expected an http or https URL, not {url:?}");
    let uri: Uri = url.parse().map_err(|_| expected())?;
    let is_http = matches!(uri.scheme_str(), Some("http" | "https"));
    match uri.host() {
        Some(host) if is_http && !host.is_empty() => Ok(uri),
        _ => Err(expected()),
    }
}

async fn in_time<T>(call: impl Future<Output = Result<T, String>>) -> Result<T, String> {
    let result = timeout(TIMEOUT, call).await;
    result.unwrap_or_else(|_| Err(format!("it did not answer within {} s", TIMEOUT.as_secs())))
}

/// Sends the request and reads the answer.
async fn exchange<S>(stream: S, uri: &Uri, body: &str) -> Result<WebhookAnswer, String>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let (mut sender, connection) = handshake(TokioIo::new(stream))
        .await
        .map_err(|error| error.to_string())?;
    let authority = uri.authority().map_or("", |authority| authority.as_str());
    let target = uri.path_and_query().map_or("/", |target| target.as_str());
    let request = Request::builder()
        .method(Method::POST)
        .uri(target)
        .header(HOST, authority)
        .header(CONTENT_TYPE, "application/json; charset=utf-8")
        .body(Full::new(Bytes::from(body.to_owned())))
        .map_err(|error| error.to_string())?;
    let answered = async {
        let response = sender.send_request(request).await?;
        let (head, body) = response.into_parts();
        let body = Limited::new(body, MAX_ANSWER).collect().await;
        Ok::<_, hyper::Error>((head.status, body.map(http_body_util::Collected::to_bytes)))
    };
    let mut answered = pin!(answered);
    let answered = select! {
        biased;
        answered = &mut answered => answered,
        // What has been received is still to be read.
        _ = connection => answered.await,
    };
    let (status, body) = answered.map_err(|error| format!("the connection failed: {error}"))?;
    if status != 200 {
        return Err(format!("it answered with status {}", status.as_u16()));
    }
    let body = body.map_err(|error| format!("its answer is incomplete or too long: {error}"))?;
    let answer: WebhookAnswer =
        serde_json::from_slice(&body).map_err(|error| format!("its answer has another form: {error}"))?;
    match &answer.initial_twin {
        Some(twin) if !twin.get().starts_with('{') => {
            Err("its answer has another form: initialTwin: expected an object".to_owned())
        }
        _ if answer.iot_hub_host_name.len() > MAX_HOST => {
            Err("its answer has another form: iotHubHostName: expected a host name".to_owned())
        }
        _ => Ok(answer),
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::*;

    /// The result of a call that is answered with these bytes.
    async fn answered(bytes: &str) -> Result<WebhookAnswer, String> {
        let (client, mut server) = duplex(64 * 1024);
        let uri = parse_url("http://hook.test:81/allocate?code=1").expect("a URL");
        let call = in_time(async { exchange(client, &uri, r#"{"a":1}"#).await });
        let serve = async {
            let mut request = vec![0; 1024];
            let length = server.read(&mut request).await.expect("a request");
            let request = String::from_utf8_lossy(&request[..length]).into_owned();
            assert!(
                request.starts_with("POST /allocate?code=1 HTTP/1.1\r\nhost: hook.test:81\r\n"),
                "{request}"
            );
            assert!(request.ends_with("\r\n\r\n{\"a\":1}"), "{request}");
            server.write_all(bytes.as_bytes()).await.expect("sent");
            server
        };
        let (result, _server) = tokio::join!(call, serve);
        result
    }

    fn response(status: &str, body: &str) -> String {
        format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n{body}", body.len())
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_has_a_hub_and_may_have_a_payload() {
        let body = r#"{"iotHubHostName":"h","initialTwin":{"a": 1.0},"payload":{"b":null},"more":1}"#;
        let answer = answered(&response("200 OK", body)).await.expect("an answer");
        let text = |value: &'_ Option<Box<RawValue>>| value.as_ref().map(|value| value.get().to_owned());
        assert_eq!(answer.iot_hub_host_name, "h");
        assert_eq!(text(&answer.payload).as_deref(), Some(r#"{"b":null}"#));
        assert_eq!(text(&answer.initial_twin).as_deref(), Some(r#"{"a": 1.0}"#));
    }

    #[tokio::test(start_paused = true)]
    async fn every_failure_has_its_reason() {
        for (bytes, reason) in [
            (
                response("500 Internal Server Error", "{}"),
                "it answered with status 500",
            ),
            (response("204 No Content", ""), "it answered with status 204"),
            (
                response("200 OK", "{}"),
                "its answer has another form: missing field `iotHubHostName`",
            ),
            (response("200 OK", "hub"), "its answer has another form"),
            (
                response("200 OK", r#"{"iotHubHostName":"h","initialTwin":[]}"#),
                "its answer has another form: initialTwin: expected an object",
            ),
            (
                response("200 OK", &format!("{{\"iotHubHostName\":\"{}\"}}", "h".repeat(254))),
                "its answer has another form: iotHubHostName: expected a host name",
            ),
            ("garbage\r\n\r\n".to_owned(), "the connection failed"),
            (String::new(), "it did not answer within 5 s"),
            (
                "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n{".to_owned(),
                "it did not answer within 5 s",
            ),
        ] {
            let error = answered(&bytes).await.expect_err(reason);
            assert!(error.starts_with(reason), "{error}");
        }
    }

    #[test]
    fn only_http_and_https_urls_are_accepted() {
        for url in ["http://h", "https://h:8443/a?b=c", "http://[::1]:1/"] {
            parse_url(url).unwrap_or_else(|error| panic!("{error}"));
        }
        for url in ["", "h/a", "/a", "ftp://h/", "https:///a", "https://h h/"] {
            parse_url(url).expect_err(url);
        }
    }
}
