//! Registers one device without the client: `floor HOST:PORT ID_SCOPE REGISTRATION_ID CA_FILE CERTIFICATE_FILE KEY_FILE`.

use std::{env, fs};

use minimal::{Exchange, Login, Result, Tls};
use tokio::runtime;

fn main() -> Result<()> {
    let words: Vec<String> = env::args().skip(1).collect();
    let [host, id_scope, registration_id, ca, certificate, key] = &words[..] else {
        return Err("usage: floor HOST:PORT ID_SCOPE REGISTRATION_ID CA_FILE CERTIFICATE_FILE KEY_FILE".into());
    };
    let (certificate, key) = (fs::read(certificate)?, fs::read(key)?);
    let tls = Tls::new(&fs::read(ca)?, Some((&certificate, &key)))?;
    let login = Login {
        registration_id: registration_id.clone(),
        id_scope: id_scope.clone(),
        password: String::new(),
    };
    let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let exchange = Exchange::over(tls.connect(host).await?, &login).await?;
        println!("{}", String::from_utf8_lossy(exchange.assigned()?));
        exchange.leave().await
    })
}
