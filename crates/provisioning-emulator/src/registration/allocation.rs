//! Allocation: the hub of a device, and what changes when it registers again.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json, value::RawValue};

use crate::{
    enrollment::{Allocation, AllocationPolicy, ReprovisionPolicy},
    webhook::WebhookAnswer,
};

/// How the hub of an operation is selected.
pub(super) enum Selection {
    /// By the policy of the enrollment.
    ByPolicy,
    /// By a webhook that has not answered yet.
    Pending,
    /// By the answer of a webhook, or the reason of its failure.
    Webhook(Result<WebhookAnswer, String>),
}

/// How a device was assigned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Substatus {
    InitialAssignment,
    DeviceDataMigrated,
    DeviceDataReset,
    ReprovisionedToInitialAssignment,
}

impl Substatus {
    /// The service's name.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::InitialAssignment => "initialAssignment",
            Self::DeviceDataMigrated => "deviceDataMigrated",
            Self::DeviceDataReset => "deviceDataReset",
            Self::ReprovisionedToInitialAssignment => "reprovisionedToInitialAssignment",
        }
    }
}

/// The hub that a device is assigned to.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Assigned {
    pub(crate) hub: String,
    first_hub: String,
    pub(crate) substatus: Substatus,
}

/// The hubs to select from: those of the enrollment, else the default ones.
pub(super) fn linked_hubs<'a>(allocation: &'a Allocation, default_hubs: &'a [String]) -> &'a [String] {
    match allocation.hubs.is_empty() {
        true => default_hubs,
        false => &allocation.hubs,
    }
}

/// The hub of a device by the policy of its enrollment.
pub(super) fn select_hub(policy: AllocationPolicy, hubs: &[String], device: &str) -> String {
    let index = match policy {
        AllocationPolicy::Hashed => hash(device) % hubs.len().max(1),
        AllocationPolicy::GeoLatency | AllocationPolicy::Static | AllocationPolicy::Custom => 0,
    };
    hubs.get(index).cloned().unwrap_or_default()
}

/// Assigns a device to this hub, or keeps its former assignment as the policy says.
pub(super) fn assign(hub: String, policy: ReprovisionPolicy, former: Option<&Assigned>) -> Assigned {
    let Some(former) = former else {
        return Assigned {
            first_hub: hub.clone(),
            hub,
            substatus: Substatus::InitialAssignment,
        };
    };
    if !policy.update_hub_assignment || former.hub == hub {
        return former.clone();
    }
    let substatus = match policy.migrate_device_data {
        true => Substatus::DeviceDataMigrated,
        false if hub == former.first_hub => Substatus::ReprovisionedToInitialAssignment,
        false => Substatus::DeviceDataReset,
    };
    Assigned {
        hub,
        first_hub: former.first_hub.clone(),
        substatus,
    }
}

/// The body of a call of a webhook.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct WebhookBody<'a> {
    /// By its kind.
    #[serde(flatten)]
    enrollment: BTreeMap<&'a str, &'a Value>,
    device_runtime_context: Context<'a>,
    linked_hubs: &'a [String],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Context<'a> {
    registration_id: &'a str,
    /// By its kind.
    #[serde(flatten)]
    attestation: BTreeMap<&'a str, Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    payload: Option<&'a RawValue>,
}

/// The body of a call of the enrollment's webhook, JSON.
pub(super) fn webhook_body(
    allocation: &Allocation,
    enrollment: &Value,
    linked_hubs: &[String],
    registration_id: &str,
    payload: Option<&RawValue>,
) -> String {
    let kind = match allocation.group {
        Some(_) => "enrollmentGroup",
        None => "individualEnrollment",
    };
    let body = WebhookBody {
        enrollment: BTreeMap::from([(kind, enrollment)]),
        device_runtime_context: Context {
            registration_id,
            attestation: BTreeMap::from([(allocation.attestation.name(), json!({}))]),
            payload,
        },
        linked_hubs,
    };
    // JSON with text as keys can always be written.
    serde_json::to_string(&body).unwrap_or_default()
}

/// FNV-1a: the same for a device on every machine and in every run.
fn hash(device: &str) -> usize {
    let hash = device.bytes().fold(0x811c_9dc5_u32, |hash, byte| {
        (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
    });
    hash as usize
}
