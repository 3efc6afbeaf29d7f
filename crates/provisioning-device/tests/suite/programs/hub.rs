//! `examples/hub.rs` goes from the assignment to the hub.

use test_support::{Files, example, run, soon};

use crate::support::hub_broker::Broker;

#[tokio::test]
async fn the_example_registers_and_connects_rumqttc_to_the_hub_with_either_proof() {
    let files = Files::new();
    let device_ca_file = files.path("device-ca.pem");
    let mut broker = Broker::start(&device_ca_file).await;
    let ca_file = files.write("ca.pem", &broker.ca_pem);
    let mut example = example("hub");
    example.args([broker.port.to_string(), ca_file, device_ca_file]);
    let said = soon("the example's end", run(&mut example)).await;
    assert_eq!(
        said,
        "meter-1 is at localhost as localhost/meter-1/?api-version=2021-04-12\n\
         meter-2 is at localhost as localhost/meter-2/?api-version=2021-04-12\n"
    );
    // The broker sees the end of a connection after the example does.
    let mut visit = async || soon("a visit", broker.visits.recv()).await.expect("the broker runs");
    let (keyed, certified) = (visit().await, visit().await);
    assert!(broker.visits.is_empty());
    assert_eq!((keyed.has_certificate, certified.has_certificate), (false, true));
    for (id, visit) in [("meter-1", &keyed), ("meter-2", &certified)] {
        assert_eq!(visit.client_id, id);
        let topic = format!("devices/{id}/messages/events/");
        assert_eq!(visit.published, [(topic, br#"{"temperature":21.5}"#.to_vec())]);
    }
    let login = keyed.login.expect("a symmetric key needs one");
    assert_eq!(login.username, "localhost/meter-1/?api-version=2021-04-12");
    let beginning = "SharedAccessSignature sr=localhost%2Fdevices%2Fmeter-1&sig=";
    assert!(login.password.starts_with(beginning), "{login:?}");
    assert!(!login.password.contains("skn="), "{login:?}");
    assert!(certified.login.is_none_or(|login| login.password.is_empty()));
}
