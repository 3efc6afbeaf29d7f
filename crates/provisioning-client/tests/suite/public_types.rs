//! What holds for every public type: it can be shared between threads, and printed.

use std::fmt::Debug;

use provisioning_client::{
    Action, Context, FailureReason, HubResult, Input, Machine, Next, NextAssignment, Policy, Provisioned, Recovery,
    RegisterError, RegistrationClient, RegistrationEvent, ReprovisioningPolicy, Status, StatusEvent, StatusEvents,
    Step,
};

fn shared_and_printed<T: Debug + Send + Sync + 'static>() {}

#[test]
fn every_public_type_is_send_and_sync_and_has_debug() {
    shared_and_printed::<Action>();
    shared_and_printed::<Context<'static>>();
    shared_and_printed::<FailureReason>();
    shared_and_printed::<HubResult>();
    shared_and_printed::<Input>();
    shared_and_printed::<Machine>();
    shared_and_printed::<Next>();
    shared_and_printed::<NextAssignment>();
    shared_and_printed::<Policy>();
    shared_and_printed::<Provisioned>();
    shared_and_printed::<Recovery>();
    shared_and_printed::<RegisterError>();
    shared_and_printed::<RegistrationClient>();
    shared_and_printed::<RegistrationEvent>();
    shared_and_printed::<ReprovisioningPolicy>();
    shared_and_printed::<Status>();
    shared_and_printed::<StatusEvent>();
    shared_and_printed::<StatusEvents>();
    shared_and_printed::<Step>();
}
