//! An emulator with devices that were assigned, refused and failed, for the page to show.

use provisioning_device::{ProvisioningDeviceClient, X509Credential};
use provisioning_emulator::{Effect, Emulator, Enrollment, Fault, Step};
use serde_json::{Value, json};

use crate::support::LocalDps;

/// A payload that changes the title if the page treats it as markup.
pub(super) const MARKUP: &str =
    "</td></table><script>document.title='owned'</script><img src=x onerror=document.title='owned'>";

/// The longest name that fits into a certificate.
pub(super) const LONG_ID: &str = "sensor-in-the-very-long-hall-of-the-old-factory-by-the-river-042";

/// A running emulator, whose page shows something of each kind.
pub(super) struct Scene {
    pub(super) dps: LocalDps,
    /// Has a CA of its own.
    stranger: LocalDps,
}

impl Scene {
    pub(super) async fn start() -> Self {
        let fault = |effect, step| Fault::new(effect, step).expect("a fault");
        let refuse = Effect::Refuse {
            code: Some(5),
            retry_after: None,
        };
        let fail = Effect::Fail {
            error_code: 400_209,
            message: "the device is not on the allow list".to_owned(),
        };
        let builder = Emulator::builder()
            .page_port(0)
            .assigned_hub("contoso-hub.azure-devices.net")
            .enrollment(Enrollment::individual("boiler-7").own_ca().disabled())
            .fault(fault(refuse, Step::Connack).device("thermostat-3"))
            .fault(fault(fail, Step::Outcome).device("meter-12").always());
        let scene = Self {
            dps: LocalDps::start_with(builder).await,
            stranger: LocalDps::start().await,
        };
        scene
            .register("pump-1", json!({"modelId": "dtmi:com:example:Pump;1"}))
            .await;
        scene.register(LONG_ID, MARKUP.into()).await;
        scene.fail("meter-12").await;
        scene.fail("boiler-7").await;
        scene.fail_with_foreign_certificate("gateway-old").await;
        scene.fail_with_foreign_ca("camera-4").await;
        scene.fail("thermostat-3").await;
        scene
    }

    /// Registers a device with a certificate of the emulator's CA.
    pub(super) async fn register(&self, id: &str, payload: Value) {
        let client = self.client(&self.dps, id).with_payload(payload).build();
        let assigned = client.expect("a client").register().await;
        assigned.unwrap_or_else(|error| panic!("{id}: {error}"));
    }

    /// A device that the emulator does not assign.
    pub(super) async fn fail(&self, id: &str) {
        let client = self.client(&self.dps, id).build().expect("a client");
        client.register().await.expect_err(id);
    }

    /// A device that trusts another CA than the emulator's.
    pub(super) async fn fail_with_foreign_ca(&self, id: &str) {
        let client = self.client(&self.dps, id);
        let client = client.with_ca_pem(self.stranger.emulator.ca_pem()).build();
        client.expect("a client").register().await.expect_err(id);
    }

    /// A device whose certificate is of a CA that the emulator does not know.
    pub(super) async fn fail_with_foreign_certificate(&self, id: &str) {
        let client = self.client(&self.stranger, id).build().expect("a client");
        client.register().await.expect_err(id);
    }

    fn client(&self, issuer: &LocalDps, id: &str) -> provisioning_device::Builder {
        let device = issuer.emulator.issue_device(id).expect("a certificate");
        let (certificate, key) = (device.certificate_chain_pem, device.private_key_pem);
        let credential = X509Credential::from_pem(certificate.as_bytes(), key.as_bytes());
        self.dps.client(credential.expect("a credential"))
    }

    /// The page, without its token, with this after the `#`.
    pub(super) fn page(&self, fragment: &str) -> String {
        format!("http://{}/#{fragment}", self.dps.emulator.page_address())
    }

    /// The page with its token.
    pub(super) fn page_with_token(&self) -> String {
        self.dps.emulator.page_url()
    }

    /// The same, with this device chosen.
    pub(super) fn page_with_token_of(&self, id: &str) -> String {
        format!("{}&{id}", self.page_with_token())
    }
}

/// A client that a page's form has made the credential of.
pub(super) fn client_of(dps: &LocalDps, certificate: &str, key: &str) -> ProvisioningDeviceClient {
    let credential = X509Credential::from_pem(certificate.as_bytes(), key.as_bytes()).expect("a credential");
    dps.client(credential).build().expect("a client")
}
