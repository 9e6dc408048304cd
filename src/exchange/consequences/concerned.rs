//! What a consequence looks at.

use crate::fhir::ResourceKey;
use crate::store::StoredReferral;

/// A referral that a change concerns though it is not its own, as it is with that change.
pub(super) struct Concerned {
    pub(super) task: ResourceKey,
    pub(super) stored: StoredReferral,
}
