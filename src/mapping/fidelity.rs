//! What became of everything: field by field of the record, element by element of the graph.

/// How many fields of a record had which fate.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fidelity {
    /// Carried over from one side to the other
    pub mapped: u32,
    /// Not said on one side, and given the value that the map says
    pub defaulted: u32,
    /// Made from other values; one way
    pub computed: u32,
    /// Without a place on the other side: kept beside the referral
    pub kept: u32,
    /// Left out, under a rule
    pub withheld: u32,
}

impl std::fmt::Display for Fidelity {
    /// `31 mapped, 2 computed, 1 kept aside`: numbers alone, nothing of a person.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let counts = [
            (self.mapped, "mapped"),
            (self.defaulted, "defaulted"),
            (self.computed, "computed"),
            (self.kept, "kept aside"),
            (self.withheld, "withheld"),
        ];
        let said: Vec<String> =
            counts.iter().filter(|(count, _)| *count > 0).map(|(count, fate)| format!("{count} {fate}")).collect();
        f.write_str(&said.join(", "))
    }
}
