//! One device registers without end: what others have registered, and are registering, must stay.

use async_trait::async_trait;

use crate::load::{
    Result, client::Device, ground::Ground, http::Control, registrations::register_built_in, scenario::Scenario,
    table::Rows,
};

/// How many requests the chatty device sends.
const REQUESTS: usize = 20_000;

/// How many of them are unanswered at a time.
const UNANSWERED: usize = 64;

/// How many others have registered before.
const OTHERS: usize = 100;

pub(super) struct ChattyDevice;

#[async_trait]
impl Scenario for ChattyDevice {
    fn name(&self) -> &'static str {
        "chatty-device"
    }

    fn about(&self) -> &'static str {
        "one device sends 20,000 registration requests: the registrations and operations of others stay"
    }

    async fn run(&self, ground: &mut Ground<'_>, rows: &mut Rows<'_>) -> Result<()> {
        register_built_in(&ground.emulator, "other", OTHERS).await?.complete()?;
        let mut running = Device::connect(&ground.service, "running").await?;
        let operation = running.request_registration("{}").await?.operation_id()?;
        ground.begin().await?;

        let mut chatty = Device::connect(&ground.service, "chatty").await?;
        let watch = ground.emulator.watch_memory()?;
        let mut accepted = 0;
        for sent in 0..REQUESTS + UNANSWERED {
            if sent >= UNANSWERED {
                accepted += usize::from(chatty.answer().await?.status == 202);
            }
            if sent < REQUESTS {
                chatty.send_registration("{}").await?;
            }
        }
        rows.all("its requests, accepted", accepted, REQUESTS);
        rows.show("highest memory", format!("{:+.0} MiB", watch.growth()));

        let control = Control::new(&ground.service);
        let mut known = 0;
        for number in 0..OTHERS {
            known += usize::from(control.get(&format!("/registrations/other-{number}")).await.is_ok());
        }
        rows.all("registrations of others, still known", known, OTHERS);
        let status = running.query(&operation).await?.status;
        rows.add(
            "a query of the running operation",
            status.to_string(),
            "200".to_owned(),
            status == 200,
        );
        chatty.disconnect().await
    }
}
