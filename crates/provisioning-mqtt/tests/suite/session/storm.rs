//! Everything at once, on several threads.

use std::{sync::Arc, time::Duration};

use provisioning_types::{ErrorKind, PollingTransport};
use rumqttc::{Packet, PubAck, UnsubAck};
use test_support::{request_of, soon};
use tokio::{task::JoinSet, time::sleep};

use crate::support::{
    bodies::ASSIGNING,
    device::{Asked, Device, request},
    peer::{Peer, accepted, answer_topic, granted, publish, request_id},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn whatever_is_called_at_once_every_call_ends_and_the_transport_stays_usable() {
    let device = Arc::new(Device::new());
    let serving = tokio::spawn(serve_all(Arc::clone(&device)));
    let mut calls = JoinSet::new();
    for caller in 0..8_u64 {
        let device = Arc::clone(&device);
        calls.spawn(async move {
            for turn in 0..100 {
                call(&device, caller).await;
                // Real time: several threads have no paused clock, and the callers must not keep in step.
                sleep(Duration::from_micros(caller * turn % 7 * 50)).await;
            }
        });
    }
    soon("the end of all calls", calls.join_all()).await;
    device.disconnect().await;
    let answer = soon("the answer", Asked::Register.of(&*device.transport, &request())).await;
    assert_eq!(answer.expect("an answer").body(), ASSIGNING.as_bytes());
    serving.abort();
}

/// Each caller has one thing that it does.
async fn call(device: &Device, caller: u64) {
    let transport = &*device.transport;
    let outcome = match caller {
        0 => transport.cancel().await.map(drop),
        1 => transport.disconnect().await,
        2 => {
            transport.abort();
            Ok(())
        }
        3 => {
            let call = device.register();
            tokio::task::yield_now().await;
            drop(call);
            Ok(())
        }
        4 => Asked::Register.of(transport, &request_of("device-2")).await.map(drop),
        5 => Asked::QUERY.of(transport, &request()).await.map(drop),
        _ => Asked::Register.of(transport, &request()).await.map(drop),
    };
    if let Err(error) = outcome {
        let expected = [ErrorKind::Cancelled, ErrorKind::InvalidOperation];
        assert!(expected.contains(&error.kind()), "{caller}: {error} ({})", error.kind());
    }
}

async fn serve_all(device: Arc<Device>) {
    let mut serving = JoinSet::new();
    loop {
        serving.spawn(serve(device.peer().await));
    }
}

/// Accepts everything, and answers every request.
async fn serve(mut peer: Peer) {
    while let Some(packet) = peer.next().await {
        let answer = match packet {
            Packet::Connect(_) => accepted(),
            Packet::Subscribe(subscribe) => granted(&subscribe),
            Packet::Publish(request) => {
                peer.try_send(Packet::PubAck(PubAck::new(request.pkid))).await;
                let id = request_id(&request.topic);
                publish(&answer_topic("202", id), 1, ASSIGNING)
            }
            Packet::Unsubscribe(unsubscribe) => Packet::UnsubAck(UnsubAck { pkid: unsubscribe.pkid }),
            _ => continue,
        };
        peer.try_send(answer).await;
    }
}
