//! What a function asks of AWS, beside what the template allows it.

use std::{
    collections::BTreeSet,
    io,
    sync::{Arc, Mutex, PoisonError},
};

use serde_json::Value;

use crate::{
    engine::RULES_TABLE,
    proxy::{Call, Proxy, Verdict},
    template::{TEMPLATE, TemplateError, statements},
};

/// An action such as `dynamodb:GetItem`, and the resource of the template that it is done to.
pub type Permission = (String, String);

/// What was done, by any of the proxies that write it down.
#[derive(Clone, Debug, Default)]
pub struct Done(Arc<Mutex<BTreeSet<Permission>>>);

impl Done {
    /// A proxy before a service (`dynamodb`, `sqs` or `ssm`) that writes down what it is asked for.
    ///
    /// # Errors
    /// There is no port to listen on.
    pub async fn watching(
        &self,
        service: &'static str,
        endpoint: &str,
        judge: impl Fn(&Call<'_>) -> Verdict + Send + Sync + 'static,
    ) -> io::Result<Proxy> {
        let done = Arc::clone(&self.0);
        let watch = move |call: &Call<'_>| {
            let operation = call.target.rsplit('.').next().unwrap_or_default();
            let permission = (format!("{service}:{operation}"), resource(service, call.body));
            done.lock().unwrap_or_else(PoisonError::into_inner).insert(permission);
            judge(call)
        };
        Proxy::start(endpoint, watch).await
    }

    /// All of it.
    pub fn all(&self) -> BTreeSet<Permission> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// What a request is about, as the template's policies name it.
fn resource(service: &str, body: &[u8]) -> String {
    let request: Value = serde_json::from_slice(body).unwrap_or_default();
    match service {
        "dynamodb" if request["TableName"] == RULES_TABLE => "RulesTable.Arn",
        "dynamodb" => "SessionsTable.Arn",
        "sqs" => "SpillQueue.Arn",
        _ => PARAMETER,
    }
    .to_owned()
}

const PARAMETER: &str = "a parameter";

/// What a function may do: each action of its policies, except for what Lambda does in its name.
///
/// # Errors
/// The template's.
pub fn allowed(function: &str) -> Result<BTreeSet<Permission>, TemplateError> {
    let statements = statements(TEMPLATE, function)?;
    let of_the_function = statements.into_iter().filter(|statement| statement.sid != "Drain");
    let permissions = of_the_function.flat_map(|statement| {
        let parameter = statement.resource.contains(":parameter${");
        let resource = if parameter { PARAMETER.to_owned() } else { statement.resource };
        statement.action.into_iter().map(move |action| (action, resource.clone()))
    });
    Ok(permissions.collect())
}
