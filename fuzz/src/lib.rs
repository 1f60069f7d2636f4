//! What the fuzz targets share.

use desk_webhooks::{
    config::{self, Env},
    digest,
    protocol::{AppId, AssignRequest, Command, Endpoint, SessionEvent, read},
    session::{Entry, ProfileChange, Understood, fold, keys, understand},
    webhook::{Door, Secrets},
};

/// A door that asks for everything there is to ask for.
pub fn door(endpoint: Endpoint) -> Door {
    let lookup = |name: &str| match name {
        "SDK_APP_IDS" => Some("1400000001".to_owned()),
        "SIGNATURE_POLICY" => Some("required".to_owned()),
        "CALLBACK_TOKENS" => Some("token".to_owned()),
        "URL_KEYS" => Some("key-of-sixteen-letters".to_owned()),
        _ => None,
    };
    Door::new(endpoint, config::door(Env::new(&lookup)).expect("these settings are good"))
}

/// The secrets that it knows.
pub fn secrets() -> Secrets {
    Secrets { tokens: vec!["token".into()], url_keys: vec!["key-of-sixteen-letters".into()] }
}

/// Does what a function does to a body before a store sees it, and holds the outcome to what must be true of it.
pub fn taken(command: &Command, body: &[u8]) {
    let app: AppId = "1400000001".parse().expect("it is a number");
    assert_eq!(digest::of_json(body), digest::of_json(body));
    if command.endpoint() == Some(Endpoint::AssignAgent) {
        let _ = read::<AssignRequest>(body);
        return;
    }
    match understand(app, command, body) {
        Ok(Understood::Session(event)) => kept(app, &event),
        Ok(Understood::Member(event)) => assert!(keys::fits(&keys::agent(app, &event.member_id))),
        Err(problem) => assert!(!problem.reason.is_empty()),
    }
}

fn kept(app: AppId, event: &SessionEvent) {
    assert!(keys::fits(&keys::session(app, &event.session_id)));
    let key = keys::event(event);
    assert!(key.len() <= 1024 && keys::time_of(&key) == Some(event.event_time));
    assert!(event.msg_body.elements().len() <= 1000);
    ProfileChange::of(event);
    let brief = serde_json::to_string(event).expect("an event is JSON");
    let again: SessionEvent = read(&brief).expect("what is brief of an event is an event");
    let summary = |event| fold([(key.as_str(), Entry::Event(event))]);
    assert_eq!(summary(event), summary(&again), "the brief event says something else");
}
