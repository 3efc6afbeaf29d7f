//! One registration is one `tracing` span with the registration id, and the task that serves its connection is in it.

use provisioning_client::Policy;
use provisioning_emulator::{Cut, Effect, Emulator, Fault, Port, Step};
use provisioning_mqtt::MqttOptions;
use test_support::emulator::{request, start_in_memory};

use crate::support::{in_memory, recorder::recorder};

#[tokio::test(start_paused = true)]
async fn what_happens_in_a_registration_is_traced_within_its_span() {
    let recorder = recorder();
    let lost = Fault::new(Effect::Reset(Cut::AfterSent(0)), Step::Suback).expect("a fault");
    let emulator = start_in_memory(Emulator::builder().fault(lost.device("device-2")));
    for (device, is_assigned) in [("device-1", true), ("device-2", false)] {
        let (options, policy) = (MqttOptions::default(), Policy::default());
        let client = in_memory::client(&emulator, Port::Mqtt, device, options, policy);
        let outcome = client.register_and_disconnect(request(&emulator, device)).await;
        assert_eq!(outcome.is_ok(), is_assigned, "{outcome:?}");
    }

    let text = recorder.text_of_this_thread();
    let ours = |line: &&str| line.contains(" provisioning_") && !line.contains(" provisioning_emulator");
    for (device, part) in [
        ("device-1", "connecting"),
        ("device-1", "registration event=assigned"),
        ("device-1", "registration event=the registration has ended"),
        // This is the connection's task.
        ("device-2", "the MQTT connection ended"),
        ("device-2", "registration event=the registration has ended"),
    ] {
        let span = format!("register{{registration_id={device}}}: ");
        let within = |line: &str| line.contains(&span) && line.contains(part);
        assert!(
            text.lines().filter(ours).any(within),
            "no {part:?} within {span}\n{text}"
        );
    }
    for line in text.lines().filter(ours) {
        assert_eq!(line.matches("register{registration_id=device-").count(), 1, "{line}");
    }
}
