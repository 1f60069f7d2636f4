use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// An app of Tencent Cloud Chat, known as `SdkAppid` on the wire (1047/34354). Not a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AppId(u64);

/// The text is no app id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an app id is a whole number such as 1400000001")]
pub struct NoAppId;

impl FromStr for AppId {
    type Err = NoAppId;

    fn from_str(text: &str) -> Result<Self, NoAppId> {
        // `u64` would also take a leading plus sign.
        if !text.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(NoAppId);
        }
        text.parse().map(Self).map_err(|_| NoAppId)
    }
}

impl fmt::Display for AppId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_digits_make_an_app_id() {
        assert_eq!("1400000001".parse::<AppId>().unwrap().to_string(), "1400000001");
        for text in ["", "+1", "-1", " 1", "1e3", "１", "99999999999999999999"] {
            assert_eq!(text.parse::<AppId>(), Err(NoAppId), "{text:?}");
        }
    }
}
