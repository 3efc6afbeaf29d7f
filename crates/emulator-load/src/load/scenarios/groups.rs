//! 2,000 enrollment groups with symmetric keys: finding the group of a device must not cost a try of each.

use async_trait::async_trait;
use futures_util::{StreamExt, TryStreamExt, stream};
use serde_json::json;

use crate::load::{
    Result,
    ground::Ground,
    http::Control,
    registrations::{register_all, register_built_in},
    sas::Key,
    scenario::Scenario,
    table::Rows,
};

const GROUPS: usize = 2000;

/// How many devices register in each measurement.
const DEVICES: usize = 6000;

/// The rate that is wanted.
const RATE: f64 = 1500.0;

pub(super) struct Groups;

#[async_trait]
impl Scenario for Groups {
    fn name(&self) -> &'static str {
        "groups"
    }

    fn about(&self) -> &'static str {
        "registrations a second with 2,000 enrollment groups of symmetric keys"
    }

    async fn run(&self, ground: &mut Ground<'_>, rows: &mut Rows<'_>) -> Result<()> {
        let without = register_built_in(&ground.emulator, "plain", DEVICES)
            .await?
            .complete()?;
        without.show(rows, "without the groups");
        create_groups(&Control::new(&ground.service)).await?;
        // A farm: its devices are new, and of one group, in the middle of all.
        let one_group = |number| (format!("farm-{number}"), Key::of_group(GROUPS / 2));
        let farm = register_all(&ground.emulator, DEVICES, one_group).await?.complete()?;
        rows.at_least("new devices of one group", farm.per_second(), RATE, "/s");
        farm.show_cpu(rows, "new devices of one group");
        // Devices of all groups: new ones, and then the same again.
        let all_groups = |number| (format!("device-{number}"), Key::of_group(number % GROUPS));
        let new = register_all(&ground.emulator, GROUPS, all_groups).await?.complete()?;
        // Not judged: a token does not say which key signed it, so half of all keys are tried for each of these.
        new.show(rows, "new devices of all groups");
        let again = move |number| all_groups(number % GROUPS);
        let known = register_all(&ground.emulator, DEVICES, again).await?.complete()?;
        rows.at_least("known devices of all groups", known.per_second(), RATE, "/s");
        known.show_cpu(rows, "known devices of all groups");
        ground.keep_memory().await
    }
}

async fn create_groups(control: &Control) -> Result<()> {
    let puts = stream::iter(0..GROUPS).map(|number| async move {
        // The order of the ids is that of the numbers.
        let id = format!("group-{number:04}");
        let key = Key::of_group(number).to_base64();
        let body = json!({
            "enrollmentGroupId": id,
            "attestation": {"type": "symmetricKey", "symmetricKey": {"primaryKey": key, "secondaryKey": key}},
        });
        control
            .call("PUT", &format!("/enrollmentGroups/{id}"), &[], body.to_string())
            .await
            .map(drop)
    });
    puts.buffer_unordered(8).try_collect().await
}
