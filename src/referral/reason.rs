//! Why a referral stands where it stands: the codes of CodeSystem `urn:handoff:fhir:CodeSystem:referral-reason`.
//!
//! SDOH Clinical Care asks for `Task.statusReason.text` on rejected, cancelled, on-hold and failed Tasks and defines no
//! codes; these are ours, after the reasons that platforms and studies report (`unable to contact`, `at capacity`, ...).

/// The CodeSystem of the reasons.
pub const SYSTEM: &str = "urn:handoff:fhir:CodeSystem:referral-reason";

/// Declares the reasons with code and display in one table.
macro_rules! reasons {
    ($($(#[$doc:meta])* $reason:ident, $code:literal, $text:literal;)*) => {
        /// A coded reason.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Reason { $($(#[$doc])* $reason,)* }

        impl Reason {
            /// All of them.
            pub const ALL: &[Reason] = &[$(Reason::$reason,)*];

            /// The code.
            pub fn code(self) -> &'static str {
                match self { $(Reason::$reason => $code,)* }
            }

            /// What it says to people, where nobody says more.
            pub fn text(self) -> &'static str {
                match self { $(Reason::$reason => $text,)* }
            }

            /// The reason with this code.
            pub fn from_code(code: &str) -> Option<Self> {
                match code { $($code => Some(Reason::$reason),)* _ => None }
            }
        }
    };
}

reasons! {
    /// No place, no staff, no stock
    AtCapacity, "at-capacity", "the program is at capacity";
    /// Does not meet the rules
    Ineligible, "ineligible", "the person is not eligible for the program";
    /// Could not be reached
    UnableToContact, "unable-to-contact", "the person could not be reached";
    /// The person does not want it
    ClientDeclined, "client-declined", "the person does not want the service";
    /// Did not come
    NoShow, "no-show", "the person did not attend";
    /// The same referral twice
    Duplicate, "duplicate", "the referral was sent twice";
    /// Lives elsewhere
    OutOfArea, "out-of-area", "the person lives outside the service area";
    /// Asks for something that is not done here
    WrongService, "wrong-service", "the program does not offer this service";
    /// Too little to go on
    IncompleteInformation, "incomplete-information", "information is missing";
    /// No money left
    FundingExhausted, "funding-exhausted", "the program's funds are exhausted";
    /// The person has to act first
    ClientAction, "client-action", "the person has to act first";
    /// Waiting for a place
    Waitlist, "waitlist", "the person is on the waiting list";
    /// Consent does not allow the disclosure
    ConsentDenied, "consent-denied", "consent does not permit the disclosure";
    /// No program fits
    NoRoute, "no-route", "no program fits yet";
    /// Nobody answered in time
    Expired, "expired", "nobody answered in time";
    /// Sent on
    ReferredElsewhere, "referred-elsewhere", "the person was referred elsewhere";
    /// The sender took it back
    Withdrawn, "withdrawn", "the requester withdrew the referral";
    /// The person died
    Deceased, "deceased", "the person has died";
    /// The person moved away
    Moved, "moved", "the person has moved away";
    /// The person is in prison
    Incarcerated, "incarcerated", "the person is incarcerated";
    /// Was recorded wrongly
    Correction, "correction", "an earlier entry was wrong";
    /// The requester has put the request on hold
    RequestOnHold, "request-on-hold", "the requester has put the request on hold";
    /// Anything else, in words
    Other, "other", "another reason, see the text";
}
