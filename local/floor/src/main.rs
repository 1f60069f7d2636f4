//! The smallest `lambda_http` function with the AWS client of the others. It answers a constant.
//!
//! Two variables have it do the least of what the others do: with `WARM_UP_TABLE` one call before the first
//! poll, so that a connection is ready; with `PUT_TABLE` one PutItem of each body that comes.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::{SystemTime, UNIX_EPOCH},
};

use aws_sdk_dynamodb::{Client, types::AttributeValue};
use desk_webhooks::{config::Env, store::from_env};
use lambda_http::{Body, Error, Request, run, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let env = Env::of_process();
    let client = from_env(env).dynamodb();
    if let Some(table) = env.get("WARM_UP_TABLE") {
        client.get_item().table_name(table).key("pk", text("-")).key("sk", text("-")).send().await?;
    }
    let (client, table) = (&client, &env.get("PUT_TABLE"));
    run(service_fn(move |request: Request| async move {
        if let Some(table) = table {
            put(client, table, request.into_body()).await?;
        }
        Ok::<_, Error>(r#"{"ActionStatus":"OK"}"#)
    }))
    .await
}

async fn put(client: &Client, table: &str, body: Body) -> Result<(), Error> {
    static PUT: AtomicU64 = AtomicU64::new(0);
    let (number, now) = (PUT.fetch_add(1, Ordering::Relaxed), SystemTime::now().duration_since(UNIX_EPOCH)?);
    let put = client.put_item().table_name(table);
    let put = put.item("pk", text(format!("FLOOR#{}", number / 1000)));
    let put = put.item("sk", text(format!("AT#{:013}#70#EVENT#{number}", now.as_millis())));
    let put = put.item("event", text("Human.UserSendMsg"));
    let put = put.item("body", text(String::from_utf8_lossy(&body)));
    let put = put.item("received_at", AttributeValue::N(now.as_millis().to_string()));
    let put = put.item("expires_at", AttributeValue::N("1893584800".into()));
    put.condition_expression("attribute_not_exists(pk)").send().await?;
    Ok(())
}

fn text(text: impl Into<String>) -> AttributeValue {
    AttributeValue::S(text.into())
}
