//! The smallest `lambda_http` function with the AWS client of the others. It answers a constant.
//!
//! Two variables have it do the least of what the others do: with `WARM_UP_CALLS` so many calls before the first
//! poll, one after the other on one connection; with `PUT_TABLE` one PutItem of each body that comes.

use std::sync::atomic::{AtomicU64, Ordering};

use desk_webhooks::{config::Env, store::from_env};
use lambda_http::{Error, Request, run, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let env = Env::of_process();
    let client = from_env(env).dynamodb();
    let calls = env.get("WARM_UP_CALLS").unwrap_or_default().parse().unwrap_or(0);
    for _ in 0..calls {
        desk_floor::get(&client, &env.get("RULES_TABLE").unwrap_or_default(), "-", "-").await?;
    }
    let (client, table) = (&client, &env.get("PUT_TABLE"));
    let number = &AtomicU64::new(0);
    run(service_fn(move |request: Request| async move {
        if let Some(table) = table {
            let body = String::from_utf8_lossy(request.body());
            desk_floor::put(client, table, "FLOOR#", number.fetch_add(1, Ordering::Relaxed), &body).await?;
        }
        Ok::<_, Error>(r#"{"ActionStatus":"OK"}"#)
    }))
    .await
}
