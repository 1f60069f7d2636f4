use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use subtle::{Choice, ConstantTimeEq};

use crate::digest::sha256_hex;

/// `Sign` for a request at `request_time`: the SHA-256 of the token followed by the time, both as
/// text, in lowercase hex (1047/34354).
pub fn sign(token: &str, request_time: &str) -> String {
    sha256_hex(format!("{token}{request_time}").as_bytes())
}

/// Whether `sign` belongs to any of the tokens; all are tried, whichever fits.
pub(super) fn is_signed(tokens: &[SecretString], sign_given: &str, request_time: &str) -> bool {
    any(tokens.iter().map(|token| {
        let expected = sign(token.expose_secret(), request_time);
        expected.as_bytes().ct_eq(sign_given.as_bytes())
    }))
}

/// Whether `given` is any of the secrets. Digests are compared, so that not even a length shows.
pub(super) fn is_any_of(secrets: &[SecretString], given: &str) -> bool {
    let given = Sha256::digest(given.as_bytes());
    any(secrets
        .iter()
        .map(|secret| Sha256::digest(secret.expose_secret().as_bytes()).as_slice().ct_eq(given.as_slice())))
}

fn any(choices: impl Iterator<Item = Choice>) -> bool {
    choices.fold(Choice::from(0), |found, choice| found | choice).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The documents' own example (1047/34354).
    const SIGN: &str = "17773bc39a671d7b9aa835458704d2a6db81360a5940292b587d6d760d484061";

    #[test]
    fn the_signature_is_that_of_the_documents() {
        assert_eq!(sign("xxxxyyyy", "1669872112"), SIGN);
    }

    #[test]
    fn any_live_token_will_do_and_nothing_else() {
        let tokens = ["older", "xxxxyyyy"].map(SecretString::from);
        assert!(is_signed(&tokens, SIGN, "1669872112"));
        assert!(!is_signed(&tokens[..1], SIGN, "1669872112"));
        assert!(!is_signed(&tokens, SIGN, "1669872113"));
        assert!(!is_signed(&tokens, &SIGN.to_uppercase(), "1669872112"));
        assert!(!is_signed(&[], SIGN, "1669872112"));
    }
}
