//! What is known when a question is asked.

use std::{fmt::Display, future::Future};

use desk_webhooks::{
    edge::{Arrival, budget},
    protocol::{AppId, AssignRequest, EventTime},
    routing::{Fact, Facts, Needs},
    session::keys,
    store::ports::ReadFacts,
    webhook::Callback,
};

/// What the question itself says. What is too long for a key is no id, and would take the room of the
/// record that it stands in.
pub(crate) fn given(callback: &Callback, request: &AssignRequest) -> Facts {
    let text = |text: &Option<String>| text.clone().filter(|text| keys::fits(text));
    let mut facts = Facts {
        platform: Fact::Known(text(&callback.platform)),
        client_ip: Fact::Known(text(&callback.client_ip)),
        customer_service_id: Fact::Known(text(&request.customer_service_id)),
        ..Facts::default()
    };
    facts.session = text(&request.session_id).map_or_else(Fact::default, Fact::Known);
    facts.user.id = text(&request.client_user_id).map_or_else(Fact::default, Fact::Known);
    facts
}

/// Reads what `needs` names, all at once. What fails or comes late stays unknown; what cannot be
/// asked for, because the question does not name its session or user, was not given.
pub(crate) async fn fetch(
    store: &impl ReadFacts,
    app: AppId,
    request: &AssignRequest,
    at: EventTime,
    needs: Needs,
    facts: &mut Facts,
    arrival: &Arrival,
) {
    let session = request.session_id.as_deref().filter(|id| keys::fits(&keys::session(app, id)));
    let user = request.client_user_id.as_deref().filter(|id| keys::fits(&keys::user(app, id)));
    let (timeline, profile, attributes) = futures_util::join!(
        read(session.filter(|_| needs.timeline), |id| store.timeline(app, id, at), arrival),
        read(user.filter(|_| needs.profile), |id| store.profile(app, id), arrival),
        read(user.filter(|_| needs.attributes), |id| store.attributes(app, id), arrival),
    );
    if let Some(timeline) = timeline {
        facts.learn_timeline(timeline.as_ref(), at);
    }
    if let Some(profile) = profile {
        facts.learn_profile(profile);
    }
    if let Some(attributes) = attributes {
        facts.learn_attributes(attributes);
    }
}

/// `None` when there is nothing to ask for, `Some(None)` when the read failed or came late.
async fn read<'a, T, E: Display, F: Future<Output = Result<T, E>>>(
    id: Option<&'a str>,
    fetch: impl FnOnce(&'a str) -> F,
    arrival: &Arrival,
) -> Option<Option<T>> {
    const WHAT: &str = "a fact could not be read";
    let limit = budget::FACTS.min(arrival.left().saturating_sub(budget::RECORD));
    let outcome = arrival.within(limit, fetch(id?)).await;
    Some(match outcome {
        Ok(Ok(value)) => Some(value),
        Ok(Err(error)) => {
            arrival.problem(WHAT, error);
            None
        }
        Err(late) => {
            arrival.problem(WHAT, late);
            None
        }
    })
}
