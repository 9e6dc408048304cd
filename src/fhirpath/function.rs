//! The functions of the language, as one table: name, number of arguments, and how the arguments are read.
//!
//! The functions of <https://hl7.org/fhirpath/N1/#functions>, those that the next release added and published
//! expressions use already (marked STU), and those of FHIR (<https://hl7.org/fhir/R4/fhirpath.html#functions>).

use super::pattern::Extent;

/// How the arguments of a function are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Arguments {
    /// Evaluated once, where the function stands
    Values,
    /// Evaluated for every item, with `$this` and `$index`
    Lambda,
    /// The name of a type
    Type,
}

macro_rules! functions {
    ($($function:ident $name:literal $least:literal..=$most:literal $arguments:ident;)*) => {
        /// A function, resolved when the expression is compiled.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub(super) enum Function { $($function,)* }

        impl Function {
            /// The function of this name.
            pub(super) fn from_name(name: &str) -> Option<Self> {
                match name { $($name => Some(Self::$function),)* _ => None }
            }

            /// Its name.
            pub(super) fn name(self) -> &'static str {
                match self { $(Self::$function => $name,)* }
            }

            /// How many arguments it takes, at least and at most.
            pub(super) fn arity(self) -> (usize, usize) {
                match self { $(Self::$function => ($least, $most),)* }
            }

            /// How its arguments are read.
            pub(super) fn arguments(self) -> Arguments {
                match self { $(Self::$function => Arguments::$arguments,)* }
            }
        }

        /// Every name, for suggestions.
        pub(super) const NAMES: &[&str] = &[$($name,)*];
    };
}

functions! {
    // --- existence
    Empty "empty" 0..=0 Values;
    Exists "exists" 0..=1 Lambda;
    All "all" 1..=1 Lambda;
    AllTrue "allTrue" 0..=0 Values;
    AnyTrue "anyTrue" 0..=0 Values;
    AllFalse "allFalse" 0..=0 Values;
    AnyFalse "anyFalse" 0..=0 Values;
    SubsetOf "subsetOf" 1..=1 Values;
    SupersetOf "supersetOf" 1..=1 Values;
    Count "count" 0..=0 Values;
    Distinct "distinct" 0..=0 Values;
    IsDistinct "isDistinct" 0..=0 Values;

    // --- filtering and projection
    Where "where" 1..=1 Lambda;
    Select "select" 1..=1 Lambda;
    Repeat "repeat" 1..=1 Lambda;
    OfType "ofType" 1..=1 Type;

    // --- subsetting and combining
    Single "single" 0..=0 Values;
    First "first" 0..=0 Values;
    Last "last" 0..=0 Values;
    Tail "tail" 0..=0 Values;
    Skip "skip" 1..=1 Values;
    Take "take" 1..=1 Values;
    Intersect "intersect" 1..=1 Values;
    Exclude "exclude" 1..=1 Values;
    Union "union" 1..=1 Values;
    Combine "combine" 1..=1 Values;

    // --- conversion
    Iif "iif" 2..=3 Lambda;
    ToBoolean "toBoolean" 0..=0 Values;
    ConvertsToBoolean "convertsToBoolean" 0..=0 Values;
    ToInteger "toInteger" 0..=0 Values;
    ConvertsToInteger "convertsToInteger" 0..=0 Values;
    ToDate "toDate" 0..=0 Values;
    ConvertsToDate "convertsToDate" 0..=0 Values;
    ToDateTime "toDateTime" 0..=0 Values;
    ConvertsToDateTime "convertsToDateTime" 0..=0 Values;
    ToTime "toTime" 0..=0 Values;
    ConvertsToTime "convertsToTime" 0..=0 Values;
    ToDecimal "toDecimal" 0..=0 Values;
    ConvertsToDecimal "convertsToDecimal" 0..=0 Values;
    ToQuantity "toQuantity" 0..=1 Values;
    ConvertsToQuantity "convertsToQuantity" 0..=1 Values;
    ToText "toString" 0..=0 Values;
    ConvertsToText "convertsToString" 0..=0 Values;

    // --- strings
    IndexOf "indexOf" 1..=1 Values;
    LastIndexOf "lastIndexOf" 1..=1 Values; // STU
    Substring "substring" 1..=2 Values;
    StartsWith "startsWith" 1..=1 Values;
    EndsWith "endsWith" 1..=1 Values;
    Contains "contains" 1..=1 Values;
    Upper "upper" 0..=0 Values;
    Lower "lower" 0..=0 Values;
    Replace "replace" 2..=2 Values;
    Matches "matches" 1..=1 Values;
    MatchesFull "matchesFull" 1..=1 Values; // STU
    ReplaceMatches "replaceMatches" 2..=2 Values;
    Length "length" 0..=0 Values;
    ToChars "toChars" 0..=0 Values;
    Split "split" 1..=1 Values; // STU
    Join "join" 0..=1 Values; // STU
    Trim "trim" 0..=0 Values; // STU
    Encode "encode" 1..=1 Values; // STU
    Decode "decode" 1..=1 Values; // STU
    Escape "escape" 1..=1 Values; // STU
    Unescape "unescape" 1..=1 Values; // STU

    // --- math
    Abs "abs" 0..=0 Values;
    Ceiling "ceiling" 0..=0 Values;
    Exp "exp" 0..=0 Values;
    Floor "floor" 0..=0 Values;
    Ln "ln" 0..=0 Values;
    Log "log" 1..=1 Values;
    Power "power" 1..=1 Values;
    Round "round" 0..=1 Values;
    Sqrt "sqrt" 0..=0 Values;
    Truncate "truncate" 0..=0 Values;
    LowBoundary "lowBoundary" 0..=1 Values; // STU
    HighBoundary "highBoundary" 0..=1 Values; // STU
    Precision "precision" 0..=0 Values; // STU

    // --- the tree and the rest
    Children "children" 0..=0 Values;
    Descendants "descendants" 0..=0 Values;
    Not "not" 0..=0 Values;
    Aggregate "aggregate" 1..=2 Lambda;
    Sort "sort" 0..=16 Lambda; // STU
    Trace "trace" 1..=2 Lambda;
    Now "now" 0..=0 Values;
    Today "today" 0..=0 Values;
    TimeOfDay "timeOfDay" 0..=0 Values;
    Is "is" 1..=1 Type;
    As "as" 1..=1 Type;
    Type "type" 0..=0 Values;
    Comparable "comparable" 1..=1 Values; // STU

    // --- FHIR
    Extension "extension" 1..=1 Values;
    HasValue "hasValue" 0..=0 Values;
    GetValue "getValue" 0..=0 Values;
    Resolve "resolve" 0..=0 Values;
    MemberOf "memberOf" 1..=1 Values;
    ConformsTo "conformsTo" 1..=1 Values;
    Subsumes "subsumes" 1..=1 Values;
    SubsumedBy "subsumedBy" 1..=1 Values;
    HtmlChecks "htmlChecks" 0..=0 Values;
    ElementDefinition "elementDefinition" 0..=0 Values;
    Slice "slice" 2..=2 Values;
    CheckModifiers "checkModifiers" 1..=16 Values;
}

impl Function {
    /// How much of a text its pattern has to match.
    pub(super) fn extent(self) -> Extent {
        if self == Self::MatchesFull { Extent::Whole } else { Extent::Anywhere }
    }
}
