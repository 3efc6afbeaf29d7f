//! Allocation: the hub of a device, and what changes when it registers again.

use crate::enrollment::{Allocation, AllocationPolicy};

/// The hub that a device is assigned to.
#[derive(Clone)]
pub(crate) struct Assigned {
    pub(crate) hub: String,
    first_hub: String,
    pub(crate) substatus: &'static str,
}

/// Assigns a device to a hub; one of `default_hubs` if its enrollment has none. `former` is its previous assignment.
pub(crate) fn allocate(
    allocation: &Allocation,
    default_hubs: &[String],
    device: &str,
    former: Option<&Assigned>,
) -> Assigned {
    let hubs = if allocation.hubs.is_empty() {
        default_hubs
    } else {
        &allocation.hubs[..]
    };
    let index = match allocation.policy {
        AllocationPolicy::Hashed | AllocationPolicy::GeoLatency => hash(device) % hubs.len().max(1),
        AllocationPolicy::Static | AllocationPolicy::Custom => 0,
    };
    let hub = hubs.get(index).cloned().unwrap_or_default();
    let Some(former) = former else {
        return Assigned {
            first_hub: hub.clone(),
            hub,
            substatus: "initialAssignment",
        };
    };
    if !allocation.reprovision.update_hub_assignment || former.hub == hub {
        return former.clone();
    }
    let substatus = match allocation.reprovision.migrate_device_data {
        true => "deviceDataMigrated",
        false if hub == former.first_hub => "reprovisionedToInitialAssignment",
        false => "deviceDataReset",
    };
    Assigned {
        hub,
        first_hub: former.first_hub.clone(),
        substatus,
    }
}

/// FNV-1a: the same for a device on every machine and in every run.
fn hash(device: &str) -> usize {
    let hash = device.bytes().fold(0x811c_9dc5_u32, |hash, byte| {
        (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
    });
    hash as usize
}
