use desk_webhooks::{protocol::AppId, routing::Attributes, store::ports::ReadFacts};
use serde_json::{Value, json};

use super::print_json;
use crate::{args::Users, error::CliError, output::faint, tables};

pub(super) async fn run(command: Users, stack: Option<&str>) -> Result<(), CliError> {
    let store = tables::open(stack).await?;
    match command {
        Users::Set { user, app, tags, untags, language, attributes } => {
            let change =
                |known: &mut Attributes| change(known, &tags, &untags, language.as_ref(), &attributes);
            let known = store.change_attributes(app.id, &user, change).await?;
            show(app.id, &user, &known);
        }
        Users::Show { user, app, json } => {
            let known = store.attributes(app.id, &user).await?;
            if json {
                print_json(
                    &json!({ "user": user, "tags": known.tags, "language": known.language, "attributes": known.attributes }),
                );
            } else {
                show(app.id, &user, &known);
            }
        }
    }
    Ok(())
}

fn change(
    known: &mut Attributes,
    tags: &[String],
    untags: &[String],
    language: Option<&String>,
    attributes: &[(String, String)],
) {
    for tag in tags {
        if !known.tags.contains(tag) {
            known.tags.push(tag.clone());
        }
    }
    known.tags.retain(|tag| !untags.contains(tag));
    if let Some(language) = language {
        known.language = Some(language.clone()).filter(|language| !language.is_empty());
    }
    for (name, value) in attributes {
        if value.is_empty() {
            known.attributes.remove(name);
        } else {
            known.attributes.insert(name.clone(), Value::String(value.clone()));
        }
    }
}

fn show(app: AppId, user: &str, known: &Attributes) {
    let none = || faint("none");
    let or_none = |text: String| if text.is_empty() { none() } else { text };
    let attributes: Vec<_> =
        known.attributes.iter().map(|(name, value)| format!("{name}={}", plain(value))).collect();
    anstream::println!("User {user} of app {app}");
    anstream::println!("  tags        {}", or_none(known.tags.join(", ")));
    anstream::println!("  language    {}", known.language.clone().unwrap_or_else(none));
    anstream::println!("  attributes  {}", or_none(attributes.join(", ")));
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
