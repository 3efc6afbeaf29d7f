//! To which hub a device goes, and where it goes when it registers again.

use crate::enrollment::{Allocation, AllocationPolicy};

/// Where a device went.
#[derive(Clone)]
pub(crate) struct Assigned {
    pub(crate) hub: String,
    first_hub: String,
    pub(crate) substatus: &'static str,
}

/// The hub for a device, which may have been at `former` until now; one of `any_hubs` when its enrollment names none.
pub(crate) fn allocate(
    allocation: &Allocation,
    any_hubs: &[String],
    device: &str,
    former: Option<&Assigned>,
) -> Assigned {
    let hubs = if allocation.hubs.is_empty() {
        any_hubs
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

/// The same for the same device on every machine and in every run (FNV-1a).
fn hash(device: &str) -> usize {
    let hash = device.bytes().fold(0x811c_9dc5_u32, |hash, byte| {
        (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
    });
    hash as usize
}
