use std::fmt;

use jiff::civil::Date;

/// One date or several in a row, once or every year.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dates {
    /// From the first to the last, both included.
    Once {
        /// The first.
        from: Date,
        /// The last.
        to: Date,
    },
    /// The same every year, as month and day, both included; may go past New Year.
    Yearly {
        /// The first.
        from: (i8, i8),
        /// The last.
        to: (i8, i8),
    },
}

/// A date as people write it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::routing) enum Written {
    Once(Date),
    Yearly((i8, i8)),
}

impl Written {
    /// Reads `2027-02-05`, or `02-05` for every year.
    pub(in crate::routing) fn parse(text: &str) -> Option<Self> {
        let digits =
            |text: &str| text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten();
        match *text.split('-').collect::<Vec<_>>() {
            [month, day] if (month.len(), day.len()) == (2, 2) => {
                let (month, day): (i16, i16) = (digits(month)?, digits(day)?);
                let (month, day) = (i8::try_from(month).ok()?, i8::try_from(day).ok()?);
                // A leap year has every day that any year has.
                Date::new(2024, month, day).ok().map(|_| Self::Yearly((month, day)))
            }
            [year, month, day] if (year.len(), month.len(), day.len()) == (4, 2, 2) => {
                let (month, day) = (i8::try_from(digits(month)?).ok()?, i8::try_from(digits(day)?).ok()?);
                Date::new(digits(year)?, month, day).ok().map(Self::Once)
            }
            _ => None,
        }
    }
}

impl Dates {
    /// From the first to the last. Where one is missing, there is no end on that side.
    ///
    /// # Errors
    /// They do not go together; why.
    pub(in crate::routing) fn new(from: Option<Written>, to: Option<Written>) -> Result<Self, &'static str> {
        match (from, to) {
            (None, None) => Err("there is no date; write one such as 2027-02-05, or 02-05 for every year"),
            (Some(Written::Once(_)) | None, Some(Written::Once(_)) | None) => {
                let date = |written| match written {
                    Some(Written::Once(date)) => Some(date),
                    _ => None,
                };
                let (from, to) = (date(from).unwrap_or(Date::MIN), date(to).unwrap_or(Date::MAX));
                if from > to {
                    return Err("the last day lies before the first; exchange them");
                }
                Ok(Self::Once { from, to })
            }
            (Some(Written::Yearly(_)) | None, Some(Written::Yearly(_)) | None) => {
                let day = |written| match written {
                    Some(Written::Yearly(day)) => Some(day),
                    _ => None,
                };
                Ok(Self::Yearly { from: day(from).unwrap_or((1, 1)), to: day(to).unwrap_or((12, 31)) })
            }
            _ => Err("one date has a year and the other has none; write both alike"),
        }
    }

    /// Whether a date is among them.
    pub fn hold(&self, date: Date) -> bool {
        match self {
            Self::Once { from, to } => *from <= date && date <= *to,
            Self::Yearly { from, to } => {
                let day = (date.month(), date.day());
                if from <= to { *from <= day && day <= *to } else { *from <= day || day <= *to }
            }
        }
    }

    /// Whether they come every year.
    pub fn is_yearly(&self) -> bool {
        matches!(self, Self::Yearly { .. })
    }

    /// Whether all of them lie before a date.
    pub fn are_over(&self, today: Date) -> bool {
        matches!(self, Self::Once { to, .. } if *to < today)
    }

    /// Whether they have a day in common, both once or both yearly.
    pub(in crate::routing) fn meet(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Once { from, to }, Self::Once { from: other_from, to: other_to }) => {
                from <= other_to && other_from <= to
            }
            (Self::Yearly { from, .. }, Self::Yearly { from: other_from, .. }) => {
                // What begins within the other meets it; the year is as good as any leap year.
                let held = |dates: &Self, (month, day)| {
                    Date::new(2024, month, day).is_ok_and(|date| dates.hold(date))
                };
                held(other, *from) || held(self, *other_from)
            }
            _ => false,
        }
    }
}

impl fmt::Display for Dates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Once { from, to } if from == to => write!(f, "{from}"),
            Self::Once { from, to } => {
                let from = if *from == Date::MIN { String::new() } else { format!("from {from} ") };
                let to = if *to == Date::MAX { String::new() } else { format!("to {to}") };
                f.write_str(format!("{from}{to}").trim_end())
            }
            Self::Yearly { from, to } => {
                write!(f, "every {:02}-{:02}", from.0, from.1)?;
                if from == to { Ok(()) } else { write!(f, " to {:02}-{:02}", to.0, to.1) }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dates(from: &str, to: &str) -> Result<Dates, &'static str> {
        Dates::new(Written::parse(from), Written::parse(to))
    }

    #[test]
    fn dates_hold_once_or_every_year() {
        let day = |text: &str| text.parse::<Date>().unwrap_or_default();
        for (from, to, date, held) in [
            ("2027-02-05", "2027-02-11", "2027-02-05", true),
            ("2027-02-05", "2027-02-11", "2027-02-11", true),
            ("2027-02-05", "2027-02-11", "2027-02-12", false),
            ("12-24", "01-02", "2030-12-31", true),
            ("12-24", "01-02", "2030-01-02", true),
            ("12-24", "01-02", "2030-01-03", false),
            ("02-29", "02-29", "2028-02-29", true),
            ("02-29", "02-29", "2027-03-01", false),
            ("2027-02-05", "", "2099-01-01", true),
            ("", "2027-02-05", "2027-02-06", false),
        ] {
            assert_eq!(
                dates(from, to).map(|dates| dates.hold(day(date))),
                Ok(held),
                "{date} in {from}..{to}"
            );
        }
        assert!(dates("2027-02-05", "02-11").is_err());
        assert!(dates("2027-02-05", "2027-02-04").is_err());
        for text in ["2027-2-5", "02-30", "2027-02-29", "2027", "+1-01", "13-01", "5 Feb"] {
            assert_eq!(Written::parse(text), None, "{text}");
        }
    }

    #[test]
    fn dates_that_share_a_day_meet() {
        for (a, b, meet) in [
            (("12-24", "01-02"), ("01-01", "01-01"), true),
            (("12-24", "01-02"), ("03-01", "12-23"), false),
            (("03-01", "12-24"), ("12-24", "01-02"), true),
            (("2027-01-01", "2027-01-05"), ("2027-01-05", "2027-01-09"), true),
            (("2027-01-01", "2027-01-04"), ("2027-01-05", "2027-01-09"), false),
        ] {
            let (a, b) = (dates(a.0, a.1), dates(b.0, b.1));
            assert_eq!(a.and_then(|a| b.map(|b| a.meet(&b) && b.meet(&a))), Ok(meet));
        }
    }
}
