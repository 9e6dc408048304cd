//! What the one who brings a sheet says of it.

use crate::error::{Error, Result};
use crate::fhir::Key;

use super::date::DateOrder;
use super::time;

/// What the sheet does not say, and the one who brings it knows.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The zone of times that say none: `Z` or `-06:00`
    pub(super) zone: Option<String>,
    /// The order of day and month where the sheet does not decide it
    pub(super) dates: Option<DateOrder>,
}

impl Options {
    /// With the zone of times that say none, and the order of day and month; as a person writes them: `Z`, `-06:00`;
    /// `mdy`, `dmy`.
    ///
    /// # Errors
    /// What cannot be read.
    pub fn parse(zone: Option<&str>, dates: Option<&str>) -> Result<Self> {
        let zone = match zone {
            None => None,
            Some(zone) if time::is_zone(zone) => Some(zone.to_owned()),
            Some(_) => return Err(Error::incorrect(Key::Parameter, "a zone is Z, or hours and minutes: -06:00")),
        };
        let dates = match dates {
            None => None,
            Some("mdy") => Some(DateOrder::MonthFirst),
            Some("dmy") => Some(DateOrder::DayFirst),
            Some(_) => return Err(Error::incorrect(Key::Parameter, "the order of dates is mdy or dmy")),
        };
        Ok(Self { zone, dates })
    }
}
