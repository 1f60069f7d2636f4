//! Whatever Lambda hands over: it is read, and the door lets it in or says why not.

#![no_main]

use desk_fuzz::{door, secrets, taken};
use desk_webhooks::{edge::Payload, protocol::Endpoint, webhook::Admitted};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let Ok(Payload::Request(request)) = serde_json::from_str(text) else { return };
    if let Ok(Admitted::Callback(callback)) = door(Endpoint::SessionEvents).admit(request, Some(&secrets()), 0) {
        taken(&callback.command, &callback.body);
    }
});
