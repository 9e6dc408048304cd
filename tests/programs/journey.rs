//! For every program type one referral's whole journey, as `fixtures/cases/programs` has it: through the running gateway
//! from the EHR's POST to the EHR's last read, and through `handoff translate` alone.

use std::sync::OnceLock;

use handoff::definitions::Definitions;
use handoff::mapping::ProgramTypes;

use crate::case::{self, Journey};
use crate::{command, walk};

/// The program types that come with the program.
pub(crate) fn programs() -> &'static ProgramTypes {
    static PROGRAMS: OnceLock<ProgramTypes> = OnceLock::new();
    PROGRAMS
        .get_or_init(|| ProgramTypes::shipped(&Definitions::r4().unwrap()).unwrap_or_else(|error| panic!("{error}")))
}

async fn go(kind: &str) {
    let journey = Journey::read(kind);
    walk::walk(&journey).await;
    command::translate(&journey);
}

macro_rules! journeys {
    ($($name:ident: $kind:literal),* $(,)?) => {
        /// The types whose journeys are walked here.
        const WALKED: &[&str] = &[$($kind),*];

        $(
            #[tokio::test]
            async fn $name() {
                go($kind).await;
            }
        )*
    };
}

journeys! {
    chw: "chw",
    community_action: "community-action",
    community_hub: "community-hub",
    generic: "generic",
    health_home: "health-home",
    mobile_unit: "mobile-unit",
    nfp: "nfp",
    pace: "pace",
    supportive_housing: "supportive-housing",
    wraparound: "wraparound",
}

#[test]
fn every_type_has_a_journey() {
    let mut types: Vec<&str> = programs().iter().map(|program| program.kind.as_str()).collect();
    types.sort_unstable();
    let mut walked = WALKED.to_vec();
    walked.sort_unstable();
    assert_eq!(types, walked, "a type that is shipped has a journey in fixtures/cases/programs that is walked here");
    assert_eq!(walked, case::kinds(), "every folder of fixtures/cases/programs is walked here");
}
