//! One registration is one `tracing` span with the registration id, and the task that serves its connection is in it.

#[path = "support/in_memory.rs"]
mod in_memory;

use std::{
    io::{self, Write},
    sync::{Arc, Mutex},
};

use provisioning_client::Policy;
use provisioning_emulator::{Cut, Effect, Emulator, Fault, Port, Step};
use provisioning_mqtt::MqttOptions;
use provisioning_types::{IdScope, RegistrationId, RegistrationRequest};
use tracing_subscriber::filter::LevelFilter;

/// The lines that are traced.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("not poisoned").write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn what_happens_in_a_registration_is_traced_within_its_span() {
    let lines = Lines::default();
    let writer = lines.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(LevelFilter::TRACE)
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .finish();
    let _guard = tracing::subscriber::set_default(subscriber);

    let lost = Fault::new(Effect::Reset(Cut::AfterSent(0)), Step::Suback).expect("a fault");
    let emulator = Emulator::builder().fault(lost.device("device-2"));
    let emulator = Arc::new(emulator.start_in_memory().expect("a local DPS"));
    for (device, is_assigned) in [("device-1", true), ("device-2", false)] {
        let (options, policy) = (MqttOptions::default(), Policy::default());
        let client = in_memory::client(&emulator, Port::Mqtt, device, options, policy);
        let request = RegistrationRequest::new(
            IdScope::new(emulator.id_scope()).expect("an id scope"),
            RegistrationId::new(device).expect("an id"),
        );
        let outcome = client.register_and_disconnect(request).await;
        assert_eq!(outcome.is_ok(), is_assigned, "{outcome:?}");
    }

    let text = String::from_utf8(lines.0.lock().expect("not poisoned").clone()).expect("text");
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
