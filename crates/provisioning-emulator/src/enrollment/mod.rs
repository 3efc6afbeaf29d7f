//! Enrollments: which devices may register, with which credential, and how they are allocated.

mod admission;
mod body;
mod builder;
mod bulk;
mod certificate;
mod groups;
mod invalid;
mod proof;
mod reference;
mod store;
mod terms;

pub(crate) use admission::Presented;
pub use body::AllocationPolicy;
pub(crate) use body::{AttestationKind, Body, ReprovisionPolicy};
pub use builder::Enrollment;
pub(crate) use invalid::Invalid;
pub(crate) use reference::{EnrollmentKind, EnrollmentRef};
pub(crate) use store::{Enrollments, Precondition};
pub(crate) use terms::{Allocation, Terms};
