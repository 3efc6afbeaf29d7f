//! The scenarios, one a file.

mod chatty_device;
mod control_calls;
mod enrollments;
mod file_modes;
mod groups;
mod half_open;
mod known_devices;
mod log_pollers;
mod never_read;
mod page_flood;
mod payloads;
mod registrations;
mod stalled_log;
mod stop;
mod unauthorized_bodies;
mod unfinished_connects;

use super::scenario::Scenario;

/// All of them, in the order in which they run.
pub(super) fn all() -> Vec<Box<dyn Scenario>> {
    vec![
        Box::new(registrations::Registrations),
        Box::new(known_devices::KnownDevices),
        Box::new(control_calls::ControlCalls),
        Box::new(groups::Groups),
        Box::new(enrollments::Enrollments),
        Box::new(chatty_device::ChattyDevice),
        Box::new(payloads::Payloads),
        Box::new(log_pollers::LogPollers),
        Box::new(unauthorized_bodies::UnauthorizedBodies),
        Box::new(unfinished_connects::UnfinishedConnects),
        Box::new(half_open::HalfOpen),
        Box::new(never_read::NeverRead),
        Box::new(page_flood::PageFlood),
        Box::new(stalled_log::StalledLog),
        Box::new(file_modes::FileModes),
        Box::new(stop::Stop),
    ]
}
