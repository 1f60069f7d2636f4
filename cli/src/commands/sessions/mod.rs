//! Sessions, read back.

mod export;
mod list;
mod refold;
mod show;

use desk_webhooks::store::Shelf;
use jiff::{Timestamp, ToSpan, civil::Date, tz::TimeZone};

use super::rules;
use crate::{
    args::{DayOrUser, Of, Sessions},
    error::CliError,
    tables,
};

pub(super) async fn run(command: Sessions, stack: Option<&str>) -> Result<(), CliError> {
    let store = tables::open(stack).await?;
    match command {
        Sessions::List { app, of: DayOrUser { day, user }, limit, after, json } => {
            let of = list::Wanted { app: app.id, day, user, limit, after, json };
            list::run(&store, of).await
        }
        Sessions::Export { app, of, format, resume } => {
            export::run(&store, app.id, of, format, resume.as_deref()).await
        }
        Sessions::Refold { app, of } => refold::run(&store, app.id, of).await,
        Sessions::Show { session, app, zone, json } => {
            show::run(&store, show::Wanted { session, app: app.id, zone, json }).await
        }
    }
}

/// What is read one after the other; the same for the same words on the same day.
fn shelves(of: Of) -> Vec<Shelf> {
    let today = || Timestamp::now().to_zoned(TimeZone::UTC).date();
    let (from, to) = match of {
        Of { user: Some(user), .. } => return vec![Shelf::User(user)],
        Of { day: Some(day), .. } => (day, day),
        Of { since, .. } => (since.unwrap_or_else(today), today()),
    };
    let days = from.series(1.day()).take_while(|day: &Date| *day <= to);
    days.map(|day| Shelf::Day(day.to_string())).collect()
}
