//! Faults in words: what a configuration and HTTP say.

use provisioning_emulator::{Cut, Effect, Fault, FaultError, Step};

use super::fault;

#[test]
fn faults_that_are_left_are_written_as_they_were_read() {
    let emulator = crate::support::in_memory();
    emulator.inject(fault(Effect::Close(Cut::AfterSent(9)), Step::Tcp).times(3).device("d"));
    let written = serde_json::to_string(&emulator.faults()).expect("words");
    assert_eq!(
        written,
        r#"[{"name":"close","step":"tcp","device":"d","count":3,"afterSent":9}]"#
    );
    let read: Vec<Fault> = serde_json::from_str(&written).expect("faults");
    assert_eq!(read, emulator.faults());
}

#[test]
fn a_fault_that_cannot_happen_is_refused() {
    assert_eq!(
        Fault::new(Effect::Assigning, Step::Suback),
        Err(FaultError::Step {
            name: "assigning",
            step: "suback"
        })
    );
}
