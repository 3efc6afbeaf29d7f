//! Enrollments: which devices may register, with which credential, and how they are allocated.

mod admission;
mod body;
mod builder;
mod bulk;
mod certificate;
mod proof;
mod store;
mod terms;

pub(crate) use admission::{EnrollmentRef, Presented};
pub use body::AllocationPolicy;
pub(crate) use body::{Body, ReprovisionPolicy};
pub use builder::Enrollment;
pub(crate) use store::{Allocation, EnrollmentKind, Enrollments, Precondition};
pub(crate) use terms::{Invalid, id_field};
