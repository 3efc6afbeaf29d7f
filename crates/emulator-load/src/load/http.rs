//! Calls of the control endpoint, over connections that are used again.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{
    HeaderMap, Request,
    client::conn::http1::{SendRequest, handshake},
};
use hyper_util::rt::TokioIo;

use super::{Result, service::Service};

/// A caller of the control endpoint, with the right token.
pub(super) struct Control {
    service: Arc<Service>,
    token: String,
    unused: Mutex<Vec<SendRequest<Full<Bytes>>>>,
}

/// An answer whose status is 2xx.
pub(super) struct Answer {
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

impl Control {
    pub(super) fn new(service: &Arc<Service>) -> Self {
        Self {
            service: Arc::clone(service),
            token: service.control_key.token("localhost", "provisioningserviceowner"),
            unused: Mutex::default(),
        }
    }

    pub(super) fn token(&self) -> &str {
        &self.token
    }

    pub(super) async fn get(&self, path: &str) -> Result<Answer> {
        self.call("GET", path, &[], Bytes::new()).await
    }

    /// Makes a call. `path` is without the api-version.
    ///
    /// # Errors
    /// The connection fails, or the status is not 2xx.
    pub(super) async fn call(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Result<Answer> {
        let separator = if path.contains('?') { '&' } else { '?' };
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{path}{separator}api-version=2021-10-01"))
            .header("host", format!("localhost:{}", self.service.control_port))
            .header("authorization", &self.token);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut connection = self.connection().await?;
        let (head, body) = connection
            .send_request(request.body(Full::new(body.into()))?)
            .await?
            .into_parts();
        let body = body.collect().await?.to_bytes();
        self.lock().push(connection);
        if !head.status.is_success() {
            return Err(format!("{method} {path} got {}", head.status).into());
        }
        Ok(Answer {
            headers: head.headers,
            body,
        })
    }

    async fn connection(&self) -> Result<SendRequest<Full<Bytes>>> {
        let unused = || self.lock().pop();
        while let Some(mut connection) = unused() {
            // The emulator may have closed it since.
            if connection.ready().await.is_ok() {
                return Ok(connection);
            }
        }
        let stream = self.service.tls(self.service.control_port).await?;
        let (connection, driver) = handshake(TokioIo::new(stream)).await?;
        // Its error is that of the call.
        tokio::spawn(driver);
        Ok(connection)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<SendRequest<Full<Bytes>>>> {
        self.unused.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
