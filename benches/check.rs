//! What a check costs beside parsing, in one run (DESIGN section 7: under 3x of parsing the same bytes with serde_json).
//!
//! `cargo bench --bench check`. The Task is in the shape of an SDOHCC referral Task; the bundle is the transaction of one
//! referral fifty times over.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]
#![allow(clippy::wildcard_imports, clippy::cast_precision_loss, clippy::map_unwrap_or)]

use std::sync::{Arc, LazyLock};

use divan::{Bencher, black_box, counter::ItemsCount};
use handoff::definitions::{Definitions, Package};
use handoff::fhir::Document;
use handoff::profile::{Amendments, Checker};

/// Without packages: R4 and our own profiles.
static CHECKER: LazyLock<Checker> = LazyLock::new(|| Checker::new(Arc::new(Definitions::shipped().unwrap())));

/// With US Core and SDOH Clinical Care, where they lie beside this repository.
static SDOHCC: LazyLock<Option<Checker>> = LazyLock::new(|| {
    let read = |name: &str| {
        let file = std::fs::File::open(format!("../shared/packages/{name}.tgz")).ok()?;
        Package::from_tgz(file).ok()
    };
    let (core, sdohcc) = (read("hl7.fhir.us.core-7.0.0")?, read("hl7.fhir.us.sdoh-clinicalcare-3.0.0")?);
    let definitions = Definitions::shipped().unwrap().with(core).with(sdohcc);
    Some(Checker::new(Arc::new(definitions)).amended(Amendments::shipped().unwrap()))
});

/// The profile of the guide, and our own.
const OF_GUIDE: &str = "http://hl7.org/fhir/us/sdoh-clinicalcare/StructureDefinition/SDOHCC-TaskForReferralManagement";
const OUR_OWN: &str = "urn:handoff:fhir:StructureDefinition:referral-task";

const TASK: &str = include_str!("referral-task.json");

fn main() {
    divan::main();
}

/// Fifty entries, each with its own identity.
fn bundle() -> String {
    let entries: Vec<String> = (0..50)
        .map(|number| {
            let url = format!("urn:uuid:5b1f6f0e-3c0c-4f0a-9d0a-0f5a6b7c{number:04}");
            format!(r#"{{"fullUrl":"{url}","resource":{TASK},"request":{{"method":"POST","url":"Task"}}}}"#)
        })
        .collect();
    format!(r#"{{"resourceType":"Bundle","type":"transaction","entry":[{}]}}"#, entries.join(","))
}

#[divan::bench_group(sample_count = 200, sample_size = 200)]
mod task {
    use super::*;

    #[divan::bench]
    fn parse_with_serde_json(bencher: Bencher<'_, '_>) {
        bencher.counter(ItemsCount::new(1_usize)).bench(|| serde_json::from_str::<serde_json::Value>(black_box(TASK)));
    }

    #[divan::bench]
    fn parse_with_positions(bencher: Bencher<'_, '_>) {
        bencher.counter(ItemsCount::new(1_usize)).bench(|| Document::parse(black_box(TASK)));
    }

    #[divan::bench]
    fn check(bencher: Bencher<'_, '_>) {
        let document = Document::parse(TASK).unwrap_or_else(|issue| panic!("{issue}"));
        bencher.counter(ItemsCount::new(1_usize)).bench(|| CHECKER.check(black_box(document.root())));
    }

    #[divan::bench]
    fn parse_and_check(bencher: Bencher<'_, '_>) {
        bencher.counter(ItemsCount::new(1_usize)).bench(|| {
            let document = Document::parse(black_box(TASK)).unwrap_or_else(|issue| panic!("{issue}"));
            CHECKER.check(document.root())
        });
    }

    #[divan::bench]
    fn parse_and_check_with_our_own_profile(bencher: Bencher<'_, '_>) {
        bencher.counter(ItemsCount::new(1_usize)).bench(|| {
            let document = Document::parse(black_box(TASK)).unwrap_or_else(|issue| panic!("{issue}"));
            CHECKER.check_against(document.root(), &[OUR_OWN])
        });
    }

    /// Structure, slices, invariants, bindings, profile, all of the guide's own.
    #[divan::bench]
    fn parse_and_check_with_the_profile_of_the_guide(bencher: Bencher<'_, '_>) {
        let Some(checker) = &*SDOHCC else { return println!("skipped: the packages are not in ../shared") };
        let document = Document::parse(TASK).unwrap_or_else(|issue| panic!("{issue}"));
        let issues = checker.check_against(document.root(), &[OF_GUIDE]);
        assert!(issues.iter().all(|issue| !issue.is_error()), "{issues:?}");
        bencher.counter(ItemsCount::new(1_usize)).bench(|| {
            let document = Document::parse(black_box(TASK)).unwrap_or_else(|issue| panic!("{issue}"));
            checker.check_against(document.root(), &[OF_GUIDE])
        });
    }
}

#[divan::bench_group(sample_count = 100, sample_size = 10)]
mod bundle_of_fifty {
    use super::*;

    #[divan::bench]
    fn parse_with_serde_json(bencher: Bencher<'_, '_>) {
        let text = bundle();
        bencher.bench(|| serde_json::from_str::<serde_json::Value>(black_box(&text)));
    }

    #[divan::bench]
    fn parse_and_check(bencher: Bencher<'_, '_>) {
        let text = bundle();
        bencher.bench(|| {
            let document = Document::parse(black_box(text.as_str())).unwrap_or_else(|issue| panic!("{issue}"));
            CHECKER.check(document.root())
        });
    }

    /// Every entry claims the profile of the guide, which is at hand.
    #[divan::bench]
    fn parse_and_check_with_the_profile_of_the_guide(bencher: Bencher<'_, '_>) {
        let Some(checker) = &*SDOHCC else { return println!("skipped: the packages are not in ../shared") };
        let text = bundle();
        bencher.bench(|| {
            let document = Document::parse(black_box(text.as_str())).unwrap_or_else(|issue| panic!("{issue}"));
            checker.check(document.root())
        });
    }
}

/// From nothing to the verdict about one Task: what is left of the start of the process.
#[divan::bench(sample_count = 20, sample_size = 1)]
fn open_compile_and_check() -> usize {
    let definitions = Definitions::r4().unwrap_or_else(|error| panic!("{error}"));
    let document = Document::parse(TASK).unwrap_or_else(|issue| panic!("{issue}"));
    Checker::new(Arc::new(definitions)).check(document.root()).len()
}
