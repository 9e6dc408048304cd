#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| { let _ = handoff::fhir::Document::parse_bytes(data, handoff::fhir::Limits::default()); });
