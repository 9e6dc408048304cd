//! What was found in a sheet: a line for each, for people, with the row of the file, the column, and how to mend it.
//! Texts are about cells and never show what one says.

use std::borrow::Cow;
use std::fmt;

use serde_json::{Map, Value};

/// What became of what was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FindingOutcome {
    /// It was taken as it is
    Taken,
    /// It was changed, and taken
    Changed,
    /// It was left out; the rest was taken
    LeftOut,
    /// The row was refused
    Refused,
}

impl FindingOutcome {
    /// The word for it.
    pub fn code(self) -> &'static str {
        match self {
            Self::Taken => "taken",
            Self::Changed => "changed",
            Self::LeftOut => "left-out",
            Self::Refused => "refused",
        }
    }
}

macro_rules! faults {
    ($($name:ident, $code:literal, $fix:literal;)*) => {
        /// What may be wrong with a sheet.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Fault {
            $(#[doc = $code] $name,)*
        }

        impl Fault {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// The code of it.
            pub fn code(self) -> &'static str {
                match self { $(Self::$name => $code),* }
            }

            /// How to mend it.
            fn fix(self) -> &'static str {
                match self { $(Self::$name => $fix),* }
            }
        }
    };
}

faults! {
    Encoding, "encoding", "save the sheet as CSV UTF-8";
    TitleRows, "title-rows", "nothing to do: the columns' names are found below titles";
    UnknownColumn, "unknown-column", "give the column the name of one that there is, or take it out";
    DuplicateColumn, "duplicate-column", "keep one of the two columns";
    MissingReferralId, "missing-referral-id", "fill in the referral_id that the sheet came with";
    TotalRow, "total-row", "nothing to do: rows that add up others are no referrals";
    EmptyRows, "empty-rows", "nothing to do: empty rows say nothing";
    NoRecord, "no-record", "nothing to do: a row that was told in place of a record changes nothing";
    DuplicateRow, "duplicate-row", "nothing to do: a row that is there twice counts once";
    Matched, "matched", "nothing to do; a row is never in doubt with the referral_id that the sheet came with";
    Stale, "stale-row", "fetch the sheet again, and change it there";
    SwappedNames, "swapped-names", "put the first name and the last name each into its own column";
    TwoPersons, "two-persons", "give each person the referral_id of their own referral";
    Contradiction, "contradiction", "say the same in each row of a referral, or say it in one row only";
    UnevenRow, "uneven-row", "put cells that contain the delimiter into quotes";
    Absent, "absent", "leave the cell empty where nothing is known";
    LostZeros, "lost-zeros", "format the column as text before the numbers are entered";
    Partial, "partial-number", "enter the whole number, or leave the cell empty";
    Scientific, "scientific-notation", "format the column as text, and enter the number anew from its source";
    Rounded, "rounded-digits", "format the column as text, and enter the number anew from its source";
    ExcelDate, "turned-into-date", "format the column as text, and enter the cell anew";
    SerialDate, "serial-date", "format the column as a date, YYYY-MM-DD";
    TwoDigitYear, "two-digit-year", "write the year with four digits";
    DayOrMonth, "day-or-month", "write dates as YYYY-MM-DD, or say the order of day and month when the sheet is read";
    DateOrder, "date-order", "write dates as YYYY-MM-DD";
    PlaceholderBirthDate, "placeholder-birth-date", "leave the cell empty where the date is not known, or write what is known of it: YYYY or YYYY-MM";
    NotADate, "not-a-date", "write dates as YYYY-MM-DD";
    TimeZone, "time-without-zone", "write times with their zone, or say the zone when the sheet is read";
    Capitals, "capitals", "nothing to do: names stay as they came";
    Amount, "amount", "nothing to do; amounts may be written without signs: 1250.00";
    NotANumber, "not-a-number", "write a number, with a point before the decimals";
    NotABoolean, "not-yes-or-no", "write yes or no";
    Extension, "phone-extension", "nothing to do: the extension stays behind the number";
    NotAPhone, "not-a-phone", "write the whole number, with its area code";
    NotAZip, "not-a-zip", "write five digits, or nine with a hyphen";
    Spelling, "spelling", "nothing to do; the column's own codes are never in doubt";
    UnknownCode, "unknown-code", "use one of the codes of the column";
    OtherVersion, "other-version", "use the code of the version that the column has, or say the version in its own column";
    CodeWithoutDot, "code-without-dot", "write the code with its dot";
    NotBillable, "not-billable", "use one of the codes below it";
    NotRead, "not-read", "report what happened in the column event";
    UnknownEvent, "unknown-event", "use one of the events that GET /agency/v1/events lists";
    EventLeftOut, "event-left-out", "send the sheet to the gateway, or the event to /agency/v1/referrals/ID/events";
    Removed, "removed", "leave the cell empty where the item is to stay";
    Omitted, "omitted", "nothing to do: what no row is about stays; an item goes by its row saying so";
    Record, "record", "see the schema of the record, GET /agency/v1/schemas";
    Referral, "referral", "see what the record says now";
    Already, "already", "nothing to do: it has happened before";
}

/// One finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The line of the file that the row begins at, from 1; 0: the whole file
    pub row: u64,
    /// The column, by its name in the set or in the file
    pub column: Option<String>,
    /// What is wrong
    pub fault: Fault,
    /// What became of it
    pub outcome: FindingOutcome,
    /// The same for people
    pub text: Cow<'static, str>,
}

impl Finding {
    /// A finding about a row.
    pub(super) fn row(row: u64, fault: Fault, outcome: FindingOutcome, text: impl Into<Cow<'static, str>>) -> Self {
        Self { row, column: None, fault, outcome, text: text.into() }
    }

    /// A finding about a referral that somebody else makes: the record's schema, or the one who takes it.
    pub fn of_referral(row: u64, fault: Fault, outcome: FindingOutcome, text: impl Into<Cow<'static, str>>) -> Self {
        Self::row(row, fault, outcome, text)
    }

    /// In this column.
    #[must_use]
    pub(super) fn column(self, name: &str) -> Self {
        Self { column: Some(name.to_owned()), ..self }
    }

    /// How to mend it.
    pub fn fix(&self) -> &'static str {
        self.fault.fix()
    }

    /// As JSON.
    pub fn to_value(&self) -> Value {
        let mut value = Map::new();
        value.insert("row".to_owned(), self.row.into());
        if let Some(column) = &self.column {
            value.insert("column".to_owned(), column.as_str().into());
        }
        value.insert("fault".to_owned(), self.fault.code().into());
        value.insert("done".to_owned(), self.outcome.code().into());
        value.insert("text".to_owned(), self.text.as_ref().into());
        value.insert("mend".to_owned(), self.fix().into());
        value.insert("fix".to_owned(), self.fix().into());
        Value::Object(value)
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.row > 0 {
            write!(f, "row {}", self.row)?;
        } else {
            f.write_str("the file")?;
        }
        if let Some(column) = &self.column {
            write!(f, ", {column}")?;
        }
        write!(f, ": {}: {} ({}); {}", self.outcome.code(), self.text, self.fault.code(), self.fix())
    }
}
