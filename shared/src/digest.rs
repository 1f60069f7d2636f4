//! Digests that stand in keys and beside stored documents.

use std::{borrow::Cow, fmt};

use serde::de::{self, DeserializeSeed, Deserializer};
use sha2::{Digest, Sha256};
use xxhash_rust::xxh3::xxh3_64;

/// The SHA-256 of `bytes` in lowercase hex, 64 characters.
pub fn sha256_hex(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// A 128-bit digest over a list of fields, in lowercase hex, 32 characters.
///
/// Each field goes in with its length, so that `["ab", "c"]` and `["a", "bc"]` differ; an absent
/// field differs from an empty one.
pub fn of_fields<'a>(fields: impl IntoIterator<Item = Option<&'a str>>) -> String {
    let mut hasher = Sha256::new();
    for field in fields {
        match field {
            Some(text) => {
                hasher.update((text.len() as u64 + 1).to_be_bytes());
                hasher.update(text.as_bytes());
            }
            None => hasher.update(0_u64.to_be_bytes()),
        }
    }
    hex(&hasher.finalize()[..16])
}

/// A digest of what a JSON text says, however it is written: spaces, escapes and the order of an
/// object's fields make no difference. `None` for what is no JSON, is nested more than 128 deep, or does not say
/// the same to everybody: an object with a field twice, a whole number of more than 64 bits.
///
/// It takes 40 bytes for each field of an object: two documents of a megabyte can be compared where
/// their values would take a hundred.
pub fn of_json(text: &(impl AsRef<[u8]> + ?Sized)) -> Option<String> {
    let mut hasher = Sha256::new();
    let mut deserializer = serde_json::Deserializer::from_str(std::str::from_utf8(text.as_ref()).ok()?);
    Said(&mut hasher).deserialize(&mut deserializer).ok()?;
    deserializer.end().ok()?;
    Some(hex(&hasher.finalize()))
}

/// From here on, neighbouring whole numbers are one floating-point number.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// Takes in one value; each begins with a letter of its own and shows where it ends.
struct Said<'a>(&'a mut Sha256);

impl<'de> DeserializeSeed<'de> for Said<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> de::Visitor<'de> for Said<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        self.0.update(b"0");
        Ok(())
    }

    fn visit_bool<E>(self, value: bool) -> Result<(), E> {
        self.0.update(if value { b"t" } else { b"f" });
        Ok(())
    }

    fn visit_i64<E>(self, number: i64) -> Result<(), E> {
        self.0.update(b"i");
        self.0.update(i128::from(number).to_be_bytes());
        Ok(())
    }

    fn visit_u64<E>(self, number: u64) -> Result<(), E> {
        self.0.update(b"i");
        self.0.update(i128::from(number).to_be_bytes());
        Ok(())
    }

    fn visit_f64<E: de::Error>(self, number: f64) -> Result<(), E> {
        if number.abs() >= EXACT && number.fract() == 0.0 {
            return Err(E::custom("it may be another number that was meant"));
        }
        self.0.update(b"d");
        self.0.update(number.to_be_bytes());
        Ok(())
    }

    fn visit_str<E>(self, text: &str) -> Result<(), E> {
        self.0.update(b"s");
        self.0.update((text.len() as u64).to_be_bytes());
        self.0.update(text.as_bytes());
        Ok(())
    }

    fn visit_seq<A: de::SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        self.0.update(b"[");
        while items.next_element_seed(Said(self.0))?.is_some() {}
        self.0.update(b"]");
        Ok(())
    }

    fn visit_map<A: de::MapAccess<'de>>(self, mut entries: A) -> Result<(), A::Error> {
        let mut fields: Vec<(u64, [u8; 32])> = Vec::new();
        while let Some(key) = entries.next_key::<Cow<'de, str>>()? {
            let mut hasher = Sha256::new();
            entries.next_value_seed(Said(&mut hasher))?;
            Said(&mut hasher).visit_str::<A::Error>(&key)?;
            fields.push((xxh3_64(key.as_bytes()), hasher.finalize().into()));
        }
        fields.sort_unstable();
        if fields.is_sorted_by(|one, next| one.0 < next.0) {
            self.0.update(b"{");
            self.0.update((fields.len() as u64).to_be_bytes());
            fields.iter().for_each(|(_, digest)| self.0.update(digest));
            Ok(())
        } else {
            Err(de::Error::custom("a field stands there twice"))
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    let digit = |four_bits: u8| char::from(b"0123456789abcdef"[usize::from(four_bits)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digest_of_nothing_is_the_well_known_one() {
        assert_eq!(sha256_hex(b""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    }

    #[test]
    fn json_counts_by_what_it_says() {
        let same = |one, other| assert_eq!(of_json(one).unwrap(), of_json(other).unwrap(), "{one} {other}");
        same(r#"{"a":1,"b":[true,null,"\u00fc"]}"#, r#" { "b" : [ true, null, "ü" ], "a" : 1 } "#);
        same(r#"{"a":{"x":1,"y":2}}"#, r#"{"a":{"y":2,"x":1}}"#);
        let all = [
            "0",
            "-1",
            "1.5",
            "true",
            "false",
            "null",
            "\"\"",
            "\"a\"",
            "[]",
            "{}",
            "[[]]",
            "[{}]",
            "[1,2]",
            "[2,1]",
            "[[1],2]",
            "[[1,2]]",
            "[12]",
            r#"{"a":1}"#,
            r#"{"b":1}"#,
            r#"{"a":"1"}"#,
            r#"{"a":1,"b":1}"#,
            r#"[{"a":1},{"b":1}]"#,
            r#"{"a":{"b":1}}"#,
            r#"["a","b"]"#,
            r#"["ab"]"#,
        ];
        let distinct: std::collections::HashSet<_> = all.map(|text| of_json(text).unwrap()).into();
        assert_eq!(distinct.len(), all.len());
        let big = "123456789012345678901";
        for none in
            ["", "{", "1 2", "nul", &"[".repeat(1000), r#"{"a":1,"a":1}"#, r#"[{"a":1,"\u0061":2}]"#, big]
        {
            assert_eq!(of_json(none), None, "{none}");
        }
    }

    #[test]
    fn fields_do_not_run_into_each_other() {
        let digests = [
            of_fields([Some("ab"), Some("c")]),
            of_fields([Some("a"), Some("bc")]),
            of_fields([Some("abc")]),
            of_fields([Some("abc"), None]),
            of_fields([Some("abc"), Some("")]),
        ];
        let distinct: std::collections::HashSet<_> = digests.iter().collect();
        assert_eq!(distinct.len(), digests.len());
    }
}
