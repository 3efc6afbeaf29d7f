//! Changes the emulator's enrollments as an operator would: over its REST API, here in memory.

use std::time::SystemTime;

use provisioning_device::{SymmetricKey, SymmetricSigner};
use provisioning_emulator::{Emulator, Port, Security};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// One call, such as `PUT` of `/enrollments/device-1`, which must succeed.
pub(crate) async fn call(emulator: &Emulator, method: &str, path: &str, body: Value) {
    let token = token(&emulator.connection_string()).await;
    let body = if body.is_null() {
        String::new()
    } else {
        body.to_string()
    };
    let request = format!(
        "{method} {path}?api-version=2021-10-01 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
         Authorization: {token}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut link = emulator.connect(Port::Control, Security::Plain, 64 * 1024);
    link.write_all(request.as_bytes()).await.expect("an emulator");
    let mut answer = String::new();
    link.read_to_string(&mut answer).await.expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 20"), "{method} {path}: {answer}");
}

async fn token(connection_string: &str) -> String {
    let field = |name: &str| {
        let mut fields = connection_string.split(';').filter_map(|field| field.split_once('='));
        let found = fields.find(|(found, _)| *found == name);
        found.expect("a field").1.to_owned()
    };
    let (resource, policy) = (field("HostName"), field("SharedAccessKeyName"));
    let now = SystemTime::UNIX_EPOCH.elapsed().expect("after 1970");
    let expiry = now.as_secs() + 3600;
    let key = SymmetricKey::from_base64(&field("SharedAccessKey")).expect("a key");
    let signature = key
        .sign(format!("{resource}\n{expiry}").as_bytes())
        .await
        .expect("a signature");
    let signature = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, signature);
    let signature = signature.replace('+', "%2B").replace('/', "%2F").replace('=', "%3D");
    format!("SharedAccessSignature sr={resource}&sig={signature}&skn={policy}&se={expiry}")
}
