//! What an eligibility rule can ask about, and how it can ask: the two tables behind [`super::rule`]. The words are those of
//! the canonical record's EligibilityRule; at the end stand the parts that others are computed from. Where each is read is
//! data: `profiles/eligibility/facts.yaml`.

/// What kind of value a criterion has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CriterionType {
    /// A number, compared by size
    Number,
    /// A code or a name, compared as text
    Text,
    /// True or false
    Flag,
    /// Whatever a program agreed on: its value decides
    Free,
}

/// Declares the criteria: code, form, unit and noun for people.
macro_rules! criteria {
    ($($(#[$doc:meta])* $criterion:ident, $code:literal, $form:ident, $unit:literal, $noun:literal;)*) => {
        /// What a rule asks about.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Criterion { $($(#[$doc])* $criterion,)* }

        impl Criterion {
            /// All of them.
            pub const ALL: &[Criterion] = &[$(Criterion::$criterion,)*];

            /// The code.
            pub fn code(self) -> &'static str {
                match self { $(Self::$criterion => $code,)* }
            }

            /// The one with this code.
            pub fn from_code(code: &str) -> Option<Self> {
                match code { $($code => Some(Self::$criterion),)* _ => None }
            }

            /// What kind of value it has.
            pub fn form(self) -> CriterionType {
                match self { $(Self::$criterion => CriterionType::$form,)* }
            }

            /// The one unit that its numbers are counted in; "" for none.
            pub fn unit(self) -> &'static str {
                match self { $(Self::$criterion => $unit,)* }
            }

            /// For people.
            pub fn noun(self) -> &'static str {
                match self { $(Self::$criterion => $noun,)* }
            }
        }
    };
}

criteria! {
    /// Age in full years
    Age, "age", Number, "years", "age";
    /// Income in percent of the federal poverty level
    Fpl, "fpl", Number, "%", "income in percent of the poverty level";
    /// Income in percent of the area's median
    Ami, "ami", Number, "%", "income in percent of the area's median";
    /// Income in percent of the state's median
    Smi, "smi", Number, "%", "income in percent of the state's median";
    /// Kind of insurance
    Coverage, "coverage", Text, "", "coverage";
    /// Pregnant
    Pregnancy, "pregnancy", Flag, "", "pregnancy";
    /// Weeks of gestation
    GestationWeeks, "gest-weeks", Number, "weeks", "gestation";
    /// Births so far
    Parity, "parity", Number, "", "parity";
    /// A diagnosis
    Condition, "condition", Text, "", "condition";
    /// How many chronic conditions
    ConditionCount, "condition-count", Number, "", "number of chronic conditions";
    /// Level of care that the state determined
    LevelOfCare, "level-of-care", Text, "", "level of care";
    /// Homeless
    Homeless, "homeless", Flag, "", "homelessness";
    /// Chronically homeless, as HUD defines it
    ChronicallyHomeless, "chronic-homeless", Flag, "", "chronic homelessness";
    /// A disabling condition
    Disability, "disability", Flag, "", "disability";
    /// County of the current address
    County, "county", Text, "", "county";
    /// ZIP code of the current address
    Zip, "zip", Text, "", "ZIP code";
    /// State of the current address
    State, "state", Text, "", "state";
    /// Veteran
    Veteran, "veteran", Flag, "", "veteran status";
    /// Age of the youngest child
    ChildAge, "child-age", Number, "years", "age of the child";
    /// A language that the person speaks
    Language, "language", Text, "", "language";
    /// People in the household
    HouseholdSize, "household-size", Number, "", "household size";
    /// Result of an assessment
    Score, "score", Number, "", "assessment score";
    /// Anything else
    Custom, "custom", Free, "", "the program's own criterion";
    /// How the payer pays
    Arrangement, "arrangement", Text, "", "payer arrangement";

    // --- parts of others
    /// Income of the household in a year
    Income, "income", Number, "USD", "annual income";
    /// Lives where nobody should live, in a shelter or a safe haven
    HomelessPlace, "homeless-place", Flag, "", "living on the street, in a shelter or a safe haven";
    /// For how long without a break
    HomelessMonths, "homeless-months", Number, "months", "months of homelessness without a break";
    /// How often in three years
    HomelessTimes, "homeless-times", Number, "", "times homeless in three years";
    /// For how long in three years
    HomelessMonthsOf36, "homeless-months-of-36", Number, "months", "months of homelessness in three years";
}

/// Declares the operators: code and words for people.
macro_rules! operators {
    ($($(#[$doc:meta])* $op:ident, $code:literal, $words:literal;)*) => {
        /// How a rule compares.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Op { $($(#[$doc])* $op,)* }

        impl Op {
            /// All of them.
            pub const ALL: &[Op] = &[$(Op::$op,)*];

            /// The code.
            pub fn code(self) -> &'static str {
                match self { $(Self::$op => $code,)* }
            }

            /// The one with this code.
            pub fn from_code(code: &str) -> Option<Self> {
                match code { $($code => Some(Self::$op),)* _ => None }
            }

            /// For people, before the value.
            pub fn words(self) -> &'static str {
                match self { $(Self::$op => $words,)* }
            }
        }
    };
}

operators! {
    /// Less than
    Lt, "lt", "below";
    /// At most
    Le, "le", "at most";
    /// Equal
    Eq, "eq", "";
    /// At least
    Ge, "ge", "at least";
    /// More than
    Gt, "gt", "above";
    /// One of
    In, "in", "one of";
    /// None of
    NotIn, "not-in", "none of";
    /// From the first value to the second, both included
    Between, "between", "from";
    /// Known and, for a flag, true
    Exists, "exists", "on record";
}

impl Criterion {
    /// Is it about something that the rule has to name besides: which assessment, which question?
    pub fn takes_subject(self) -> bool {
        matches!(self, Self::Score | Self::Custom)
    }
}

impl Op {
    /// May a criterion of this form be asked this way?
    pub fn suits(self, form: CriterionType) -> bool {
        match form {
            CriterionType::Number | CriterionType::Free => true,
            CriterionType::Text => matches!(self, Self::Eq | Self::In | Self::NotIn | Self::Exists),
            CriterionType::Flag => matches!(self, Self::Eq | Self::Exists),
        }
    }
}
