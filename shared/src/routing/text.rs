use unicode_normalization::UnicodeNormalization;

/// The form in which texts are compared: composed (NFC) and case folded, so that neither the
/// keyboard nor capital letters matter.
pub(super) fn folded(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    let composed: String = text.nfc().collect();
    caseless::default_case_fold_str(&composed).nfc().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neither_case_nor_composition_matters() {
        assert_eq!(folded("REFUND"), folded("refund"));
        assert_eq!(folded("STRASSE"), folded("Straße"));
        assert_eq!(folded("Cafe\u{301}"), folded("CAFÉ"));
        assert_eq!(folded("我要退款"), "我要退款");
    }
}
