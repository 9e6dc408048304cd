use handoff::definitions::Definitions;
use handoff::mapping::Programs;
#[test]
fn shipped_loads() {
    let definitions = Definitions::r4().unwrap();
    match Programs::shipped(&definitions) {
        Ok(programs) => assert_eq!(programs.iter().count(), 3),
        Err(error) => panic!("{}", error.issues.iter().map(|i| format!("{i} -> {}\n", i.mend())).collect::<String>()),
    }
}
