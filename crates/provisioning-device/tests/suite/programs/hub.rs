//! `examples/hub.rs` goes from the assignment to the hub.

use test_support::{Files, example, run, soon};

use crate::support::hub_broker::Broker;

#[tokio::test]
async fn the_example_registers_and_connects_rumqttc_to_the_hub_with_either_proof() {
    let mut broker = Broker::start().await;
    let files = Files::new();
    let ca_file = files.write("ca.pem", &broker.ca_pem);
    let mut example = example("hub");
    example.arg(broker.port.to_string()).arg(ca_file);
    let said = soon("the example's end", run(&mut example)).await;
    assert_eq!(
        said,
        "meter-1 is at localhost as localhost/meter-1/?api-version=2021-04-12\n\
         meter-2 is at localhost as localhost/meter-2/?api-version=2021-04-12\n"
    );
    let (keyed, certified) = (broker.visit().await, broker.visit().await);
    assert!(broker.has_no_further_visit());
    assert_eq!((keyed.has_certificate, certified.has_certificate), (false, true));
    assert_eq!(
        (keyed.client_id.as_str(), certified.client_id.as_str()),
        ("meter-1", "meter-2")
    );
    assert_eq!(keyed.user_name, "localhost/meter-1/?api-version=2021-04-12");
    let beginning = "SharedAccessSignature sr=localhost%2Fdevices%2Fmeter-1&sig=";
    assert!(keyed.password.starts_with(beginning), "{keyed:?}");
    assert!(!keyed.password.contains("skn="), "{keyed:?}");
    assert!(certified.password.is_empty(), "{certified:?}");
    for visit in [&keyed, &certified] {
        let topic = format!("devices/{}/messages/events/", visit.client_id);
        assert_eq!(visit.published, [(topic, r#"{"temperature":21.5}"#.to_owned())]);
    }
}
