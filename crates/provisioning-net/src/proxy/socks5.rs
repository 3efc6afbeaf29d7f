//! SOCKS5 ([RFC 1928](https://www.rfc-editor.org/rfc/rfc1928)), with user name and password
//! ([RFC 1929](https://www.rfc-editor.org/rfc/rfc1929)).

use std::net::IpAddr;

use provisioning_types::{Host, Secret};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::{
    Credentials, TunnelError, TunnelStep,
    tunnel::{GIVE_LOGIN_HINT, OTHER_SCHEME_HINT, WRONG_LOGIN_HINT},
};
use crate::peer::Peer;

const NAME_WITH_ARTICLE: &str = "a SOCKS5";

const VERSION: u8 = 5;
const CONNECT: u8 = 1;

const NO_LOGIN: u8 = 0;
const PASSWORD: u8 = 2;
const NONE_ACCEPTABLE: u8 = 0xff;

/// The version of the login, which is numbered on its own.
const LOGIN_VERSION: u8 = 1;

const IPV4: u8 = 1;
const NAME: u8 = 3;
const IPV6: u8 = 4;

/// Asks for a connection. No byte after the reply is read.
pub(super) async fn connect<S>(
    mut stream: S,
    credentials: Option<&Credentials>,
    host: &Host,
    port: u16,
    step: &mut TunnelStep,
) -> Result<S, TunnelError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let offer: &[u8] = match credentials {
        Some(_) => &[VERSION, 2, NO_LOGIN, PASSWORD],
        None => &[VERSION, 1, NO_LOGIN],
    };
    send(&mut stream, offer).await?;
    *step = TunnelStep::Greeting;
    let [version, method] = receive(&mut stream).await?;
    if version != VERSION {
        let peer = Peer::read(vec![version, method], &mut stream).await;
        return Err(TunnelError::NotAProxy(NAME_WITH_ARTICLE, peer));
    }
    match (method, credentials) {
        (NO_LOGIN, _) => {}
        (PASSWORD, Some(credentials)) => {
            *step = TunnelStep::Login;
            log_in(&mut stream, credentials).await?;
        }
        (NONE_ACCEPTABLE, None) => {
            return no_login("it requires a login, such as user name and password", GIVE_LOGIN_HINT);
        }
        (NONE_ACCEPTABLE, Some(_)) => {
            return no_login(
                "it takes no user name and password, but requires another login",
                OTHER_SCHEME_HINT,
            );
        }
        _ => return Err(TunnelError::NotAProxy(NAME_WITH_ARTICLE, None)),
    }
    send(&mut stream, &request(host, port)).await?;
    *step = TunnelStep::SocksConnect;
    read_reply(&mut stream).await?;
    Ok(stream)
}

async fn log_in<S>(stream: &mut S, Credentials { user, password }: &Credentials) -> Result<(), TunnelError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let (user, password) = (user.expose(), password.expose());
    let login = [&[LOGIN_VERSION, length(user)][..], user, &[length(password)], password];
    send(stream, Secret::new(login.concat()).expose()).await?;
    let [version, status] = receive(stream).await?;
    check(version, LOGIN_VERSION)?;
    if status == 0 {
        Ok(())
    } else {
        no_login("it does not accept the user name and password", WRONG_LOGIN_HINT)
    }
}

fn request(host: &Host, port: u16) -> Vec<u8> {
    let name = host.bare();
    let address = match name.parse() {
        Ok(IpAddr::V4(address)) => [&[IPV4][..], &address.octets()].concat(),
        Ok(IpAddr::V6(address)) => [&[IPV6][..], &address.octets()].concat(),
        // The proxy resolves it.
        Err(_) => [&[NAME, length(name.as_bytes())], name.as_bytes()].concat(),
    };
    [&[VERSION, CONNECT, 0], &address[..], &port.to_be_bytes()].concat()
}

/// `Proxy` and `Host` accept nothing longer.
fn length(bytes: &[u8]) -> u8 {
    u8::try_from(bytes.len()).unwrap_or(u8::MAX)
}

async fn read_reply<S: AsyncRead + Unpin>(stream: &mut S) -> Result<(), TunnelError> {
    let [version, reply, _reserved, address] = receive(stream).await?;
    check(version, VERSION)?;
    if reply != 0 {
        return refused(&format!("{} (SOCKS5 reply {reply})", meaning(reply)));
    }
    // The address from which the proxy connected, which is not used.
    let length = match address {
        IPV4 => 4,
        IPV6 => 16,
        NAME => {
            let [length] = receive(stream).await?;
            usize::from(length)
        }
        _ => return Err(TunnelError::NotAProxy(NAME_WITH_ARTICLE, None)),
    };
    let mut address_and_port = vec![0; length + 2];
    stream.read_exact(&mut address_and_port).await?;
    Ok(())
}

fn meaning(reply: u8) -> &'static str {
    match reply {
        1 => "it failed, and does not say why",
        2 => "its rules do not allow the connection",
        3 => "the network is unreachable from there",
        4 => "the host was not resolved, or is unreachable from there",
        5 => "the host refused the connection",
        6 => "the host did not answer in time",
        7 => "it makes no connections for others",
        8 => "it does not know this type of address",
        _ => "it failed in a way that SOCKS5 does not name",
    }
}

fn check(version: u8, expected: u8) -> Result<(), TunnelError> {
    (version == expected)
        .then_some(())
        .ok_or(TunnelError::NotAProxy(NAME_WITH_ARTICLE, None))
}

fn refused<T>(reason: &str) -> Result<T, TunnelError> {
    Err(TunnelError::Refused(reason.to_owned()))
}

fn no_login<T>(message: &str, hint: &'static str) -> Result<T, TunnelError> {
    let message = message.to_owned();
    Err(TunnelError::Login { message, hint })
}

async fn send<S: AsyncWrite + Unpin>(stream: &mut S, bytes: &[u8]) -> Result<(), TunnelError> {
    stream.write_all(bytes).await?;
    Ok(stream.flush().await?)
}

async fn receive<const N: usize>(stream: &mut (impl AsyncRead + Unpin)) -> Result<[u8; N], TunnelError> {
    let mut bytes = [0; N];
    stream.read_exact(&mut bytes).await?;
    Ok(bytes)
}
