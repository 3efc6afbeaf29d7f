//! The proxy's side of SOCKS5.

use fast_socks5::{ReplyError, server::Socks5ServerProtocol, util::target_addr::TargetAddr};
use tokio::net::TcpStream;

use super::LOGIN;

/// Opens the tunnel, unless the login is missing or wrong, or `connect` does not know the target.
pub(super) async fn tunnel(
    device: TcpStream,
    needs_login: bool,
    connect: impl AsyncFnOnce(&str, u16) -> Option<TcpStream>,
) -> Option<(TcpStream, TcpStream)> {
    let authenticated = if needs_login {
        let is_right = |user: String, password: String| format!("{user}:{password}@") == LOGIN;
        Socks5ServerProtocol::accept_password_auth(device, is_right)
            .await
            .ok()?
            .0
    } else {
        Socks5ServerProtocol::accept_no_auth(device).await.ok()?
    };
    let (request, _, target) = authenticated.read_command().await.ok()?;
    let (host, port) = match target {
        TargetAddr::Ip(address) => (address.ip().to_string(), address.port()),
        TargetAddr::Domain(name, port) => (name, port),
    };
    let Some(service) = connect(&host, port).await else {
        request.reply_error(&ReplyError::HostUnreachable).await.ok()?;
        return None;
    };
    let device = request.reply_success(service.local_addr().ok()?).await.ok()?;
    Some((device, service))
}
