//! How many round trips a registration takes in each mode of pipelining, over a link with latency in virtual time. TCP's own
//! is not among them.

use std::{sync::Arc, time::Duration};

use provisioning_client::{Policy, RegistrationClient};
use provisioning_credentials::{DeviceIdentity, TrustedRoots};
use provisioning_emulator::{Effect, Emulator, Fault, Port, Security, Step};
use provisioning_mqtt::{MqttOptions, MqttTransport, Pipelining};
use provisioning_net::{ByteStream, Target, Tls, TlsConnector, WebSocketConnector};
use provisioning_types::{Endpoint, ErrorKind, Phase};
use test_support::{
    ConnectWith,
    emulator::{credential, request, start_in_memory},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, duplex, split},
    sync::mpsc,
    time::{Instant, sleep_until},
};

const ONE_WAY: Duration = Duration::from_millis(50);
const ROUND_TRIP: Duration = Duration::from_millis(100);

/// The near end of a link to `far` on which bytes take `ONE_WAY`.
fn delayed(far: impl ByteStream) -> impl ByteStream {
    let (near, middle) = duplex(64 * 1024);
    let ((mut near_read, mut near_write), (mut far_read, mut far_write)) = (split(middle), split(far));
    tokio::spawn(async move { carry(&mut near_read, &mut far_write).await });
    tokio::spawn(async move { carry(&mut far_read, &mut near_write).await });
    near
}

async fn carry(from: &mut (impl AsyncReadExt + Unpin), to: &mut (impl AsyncWriteExt + Unpin)) {
    let (sender, mut chunks) = mpsc::unbounded_channel::<(Instant, Vec<u8>)>();
    let reading = async move {
        let mut chunk = vec![0; 16 * 1024];
        while let Ok(length @ 1..) = from.read(&mut chunk).await {
            let _ = sender.send((Instant::now() + ONE_WAY, chunk[..length].to_vec()));
        }
    };
    let writing = async move {
        while let Some((at, chunk)) = chunks.recv().await {
            sleep_until(at).await;
            if to.write_all(&chunk).await.is_err() || to.flush().await.is_err() {
                return;
            }
        }
        let _ = to.shutdown().await;
    };
    tokio::join!(reading, writing);
}

/// A client whose packets take time.
fn client(emulator: &Arc<Emulator>, port: Port, pipelining: Pipelining) -> RegistrationClient {
    let far = Arc::clone(emulator);
    let connector = ConnectWith(move |_: &Target<'_>| Ok(delayed(far.connect(port, Security::Tls, 64 * 1024))));
    let roots = TrustedRoots::from_pem(emulator.ca_pem().as_bytes()).expect("a CA");
    let tls = TlsConnector::over(connector, Tls::new().with_only_roots(roots));
    let endpoint: Endpoint = "localhost".parse().expect("a host");
    let identity = DeviceIdentity::new(credential(emulator, "device-1"));
    let options = MqttOptions::default().with_pipelining(pipelining);
    let transport = match port {
        Port::Mqtt => MqttTransport::new(tls, endpoint, identity, options),
        _ => MqttTransport::new(WebSocketConnector::new(tls), endpoint, identity, options),
    };
    RegistrationClient::new(Arc::new(transport), Policy::default())
}

#[tokio::test(start_paused = true)]
async fn each_mode_saves_a_round_trip_over_mqtt_and_over_a_websocket() {
    for (port, carrier) in [(Port::Mqtt, 1), (Port::WebSocket, 2)] {
        for (pipelining, packets) in [
            (Pipelining::Off, 3),
            (Pipelining::AfterConnack, 2),
            (Pipelining::Full, 1),
        ] {
            let emulator = start_in_memory(Emulator::builder().polls_before_assigning(0));
            let client = client(&emulator, port, pipelining);
            let start = Instant::now();
            client.register(request(&emulator, "device-1")).await.expect("assigned");
            assert_eq!(
                start.elapsed(),
                (carrier + packets) * ROUND_TRIP,
                "{port:?}, {pipelining}"
            );
            client.disconnect().await.expect("disconnected");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_emulators_refusals_are_the_same_errors_in_every_mode() {
    for port in [Port::Mqtt, Port::WebSocket] {
        for (step, code, kind, phase) in [
            (Step::Connack, Some(5), ErrorKind::Unauthorized, Phase::Connect),
            (Step::Suback, None, ErrorKind::Refused, Phase::Subscribe),
            (Step::Answer, Some(401), ErrorKind::Unauthorized, Phase::Register),
        ] {
            let effect = Effect::Refuse {
                code,
                retry_after: None,
            };
            let fault = Fault::new(effect, step).expect("a fault").always();
            let emulator = start_in_memory(Emulator::builder().fault(fault));
            let mut off = None;
            for pipelining in Pipelining::ALL {
                let client = client(&emulator, port, pipelining);
                let outcome = client.register(request(&emulator, "device-1")).await;
                let error = outcome.expect_err("refused");
                assert_eq!((error.kind(), error.phase()), (kind, phase), "{port:?}, {pipelining}");
                let shown = (error.to_string(), error.hint().to_owned());
                assert_eq!(
                    *off.get_or_insert_with(|| shown.clone()),
                    shown,
                    "{port:?}, {pipelining}"
                );
            }
        }
    }
}
