//! Work that a change has left: what it means for the referrals that share the changed resource, where they are so many that it is
//! done in groups of them.

use crate::fhir::ResourceKey;
use crate::referral::plan::RenewalPhase;

/// The group that is dealt with next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RenewalGroup {
    /// The commit that changed the resource
    pub seq: u64,
    /// The resource
    pub resource: ResourceKey,
    /// Id of the Organization that sent it
    pub organization: String,
    /// Id of the client that changed it
    pub client: String,
    /// The request by which it did, as in `X-Request-Id`
    pub request: String,
    /// The version that the referrals were decided with
    pub replaced: u64,
    /// The version that they are to be decided with
    pub version: u64,
    /// What is done
    pub phase: RenewalPhase,
    /// The referrals' Tasks; none, where there are none any more
    pub tasks: Vec<ResourceKey>,
    /// Where the group before ended
    pub after: u64,
    /// Where this one ends
    pub end: u64,
    /// Is it the last of the phase?
    pub is_last: bool,
}
