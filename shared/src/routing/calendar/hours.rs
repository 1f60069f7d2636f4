use std::fmt;

use jiff::civil::DateTime;

/// Hours of a day, half open: the first minute is within, the last is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Interval {
    /// Minutes from midnight.
    pub start: u16,
    /// Minutes from the same midnight; beyond 1440 on the next day.
    pub end: u16,
}

impl Interval {
    /// The minutes of a day.
    pub const DAY: u16 = 24 * 60;
    /// From midnight to midnight.
    pub const WHOLE_DAY: Self = Self { start: 0, end: Self::DAY };

    /// Reads `09:00-12:00`; `22:00-02:00` ends on the next day.
    ///
    /// # Errors
    /// It is none; what to write instead.
    pub fn parse(text: &str) -> Result<Self, String> {
        let bad =
            || format!("`{text}` is no interval; write two times such as 09:00-12:00, from 00:00 to 24:00");
        let (start, end) = text.split_once('-').ok_or_else(bad)?;
        let (start, end) = (clock(start.trim()).ok_or_else(bad)?, clock(end.trim()).ok_or_else(bad)?);
        if start == Self::DAY {
            return Err(format!("`{text}` begins at 24:00; write 00:00 on the next day"));
        }
        if start == end {
            return Err(format!("`{text}` ends when it begins; a whole day is 00:00-24:00"));
        }
        Ok(Self { start, end: if end < start { end + Self::DAY } else { end } })
    }

    fn overlaps(self, other: Self) -> bool {
        self.start < other.end && other.start < self.end
    }
}

/// Minutes from midnight of `09:00`, up to `24:00`.
fn clock(text: &str) -> Option<u16> {
    let (hours, minutes) = text
        .split_once(':')
        .filter(|(hours, minutes)| (1..=2).contains(&hours.len()) && minutes.len() == 2)?;
    let number =
        |text: &str| text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten();
    let (hours, minutes): (u16, u16) = (number(hours)?, number(minutes)?);
    let fits = hours <= 24 && minutes < 60 && (hours < 24 || minutes == 0);
    fits.then(|| hours * 60 + minutes)
}

/// The minute that a clock on the wall shows, from midnight.
pub(super) fn minute(now: DateTime) -> u16 {
    u16::from(now.hour().unsigned_abs()) * 60 + u16::from(now.minute().unsigned_abs())
}

/// Two intervals of one day that overlap, if there are any.
pub(in crate::routing) fn overlapping(hours: &[Interval]) -> Option<(Interval, Interval)> {
    let mut sorted = hours.to_vec();
    sorted.sort_unstable();
    sorted.windows(2).find(|pair| pair[0].overlaps(pair[1])).map(|pair| (pair[0], pair[1]))
}

impl fmt::Display for Interval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let clock = |minute: u16| format!("{:02}:{:02}", minute / 60, minute % 60);
        let end = if self.end > Self::DAY { self.end - Self::DAY } else { self.end };
        write!(f, "{}-{}", clock(self.start), clock(end))
    }
}

/// Days of the week, from Monday.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Days(pub [bool; 7]);

const NAMES: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

impl Days {
    /// Reads `mon`, `mon-fri`, `fri-mon` or `mon,wed,fri-sun`.
    ///
    /// # Errors
    /// It is none; what to write instead.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut days = Self::default();
        for part in text.split(',') {
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            let (first, last) = (weekday(first, text)?, weekday(last, text)?);
            for day in 0..=(last + 7 - first) % 7 {
                days.0[(first + day) % 7] = true;
            }
        }
        Ok(days)
    }

    /// The weekdays, as positions from Monday.
    pub fn iter(self) -> impl Iterator<Item = usize> {
        (0..7).filter(move |day| self.0[*day])
    }

    /// The short name of a weekday.
    pub fn name(day: usize) -> &'static str {
        NAMES[day % 7]
    }
}

fn weekday(name: &str, text: &str) -> Result<usize, String> {
    let found = NAMES.iter().position(|known| known.eq_ignore_ascii_case(name.trim()));
    found.ok_or_else(|| format!("`{text}` names no days; write them as mon, mon-fri, or mon,wed,fri"))
}

impl fmt::Display for Days {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.iter().map(Self::name).collect();
        f.write_str(&names.join(","))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_are_read_and_shown() {
        for (text, start, end) in [
            ("09:00-12:00", 540, 720),
            ("9:00 - 12:00", 540, 720),
            ("00:00-24:00", 0, 1440),
            ("22:00-02:00", 1320, 1560),
            ("22:00-00:00", 1320, 1440),
            ("23:59-24:00", 1439, 1440),
        ] {
            assert_eq!(Interval::parse(text), Ok(Interval { start, end }), "{text}");
        }
        for text in [
            "",
            "09:00",
            "09-12",
            "24:00-02:00",
            "09:00-09:00",
            "25:00-26:00",
            "09:60-10:00",
            "24:01-25:00",
            "+9:00-12:00",
            "009:00-12:00",
            "65535:00-12:00",
            "9:5-10:00",
            ":00-10:00",
        ] {
            assert!(Interval::parse(text).is_err(), "{text}");
        }
        for text in ["09:00-12:00", "00:00-24:00", "22:00-02:00"] {
            assert_eq!(Interval::parse(text).map(|hours| hours.to_string()), Ok(text.to_owned()));
        }
    }

    #[test]
    fn days_are_read_and_shown() {
        for (text, shown) in
            [("mon", "mon"), ("mon-wed", "mon,tue,wed"), ("sat-mon", "mon,sat,sun"), ("Fri, sun", "fri,sun")]
        {
            assert_eq!(Days::parse(text).map(|days| days.to_string()), Ok(shown.to_owned()), "{text}");
        }
        for text in ["", "monday", "mon-", "mon,,tue", "mon-tue-wed"] {
            assert!(Days::parse(text).is_err(), "{text}");
        }
    }
}
