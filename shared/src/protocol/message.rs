use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{self, IgnoredAny},
};
use serde_json::value::RawValue;

use super::lenient;

/// A message is read up to so many elements: more are nothing that a person wrote, and every one takes
/// room. The text as received is kept whole.
const MAX_ELEMENTS: usize = 1000;

/// `MsgBody` of a message: its elements, read only when somebody asks for them.
///
/// A body that is not an array of elements is still a message that was sent: it reads as one
/// [`Element::Other`], and the text as received is kept.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(transparent)]
pub struct MsgBody(Option<Box<RawValue>>);

/// One element of a message. The set is open; sizes and durations are as the sender says.
#[derive(Clone, Debug, PartialEq)]
pub enum Element {
    /// `TIMTextElem`.
    Text {
        /// What was written.
        text: String,
    },
    /// `TIMFaceElem`: a sticker.
    Face {
        /// The sticker's number in its set.
        index: i64,
    },
    /// `TIMLocationElem`.
    Location {
        /// What the place is called.
        description: String,
        /// Degrees north.
        latitude: f64,
        /// Degrees east.
        longitude: f64,
    },
    /// `TIMCustomElem`: data that only the app understands.
    Custom {
        /// Often JSON inside the text.
        data: String,
        /// What the sender says it is.
        description: String,
    },
    /// `TIMSoundElem`.
    Sound {
        /// Where it can be heard.
        url: String,
        /// How long it is, in seconds.
        seconds: u64,
    },
    /// `TIMImageElem`.
    Image {
        /// Where its sizes can be seen, in the sender's order.
        urls: Vec<String>,
    },
    /// `TIMFileElem`.
    File {
        /// What it is called.
        name: String,
        /// Where it can be fetched.
        url: String,
        /// Its size.
        size_bytes: u64,
    },
    /// `TIMVideoFileElem`.
    Video {
        /// Where it can be seen.
        url: String,
        /// How long it is, in seconds.
        seconds: u64,
    },
    /// `TIMRelayElem`: messages passed on together.
    Relay {
        /// The heading.
        title: String,
        /// How many messages.
        count: u64,
        /// The lines that stand for them.
        abstracts: Vec<String>,
    },
    /// An element that this version does not know or cannot read; its `MsgType` as it came.
    Other {
        /// Empty when there was none.
        msg_type: String,
    },
}

impl MsgBody {
    /// The elements in order, the first thousand of them; none when the event has no message.
    pub fn elements(&self) -> Vec<Element> {
        let Some(raw) = &self.0 else { return Vec::new() };
        match serde_json::from_str(raw.get()) {
            Ok(Elements(elements)) => elements,
            Err(_) if raw.get().starts_with('[') => vec![Element::Other { msg_type: String::new() }],
            Err(_) => Vec::new(),
        }
    }

    /// What was written: the text elements, in order.
    pub fn texts(&self) -> Vec<String> {
        let text = |element| match element {
            Element::Text { text } => Some(text),
            _ => None,
        };
        self.elements().into_iter().filter_map(text).collect()
    }
}

struct Elements(Vec<Element>);

impl<'de> Deserialize<'de> for Elements {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(ElementsVisitor)
    }
}

struct ElementsVisitor;

impl<'de> de::Visitor<'de> for ElementsVisitor {
    type Value = Elements;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of elements")
    }

    fn visit_seq<A: de::SeqAccess<'de>>(self, mut items: A) -> Result<Elements, A::Error> {
        let mut elements = Vec::new();
        while elements.len() < MAX_ELEMENTS
            && let Some(element) = items.next_element::<RawElement<'_>>()?
        {
            elements.push(element.read());
        }
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Elements(elements))
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RawElement<'a> {
    #[serde(default, deserialize_with = "lenient::text")]
    msg_type: Option<String>,
    #[serde(borrow)]
    msg_content: Option<&'a RawValue>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Content {
    text: Option<String>,
    latitude: f64,
    longitude: f64,
    index: i64,
    data: String,
    desc: String,
    url: String,
    second: u64,
    image_info_array: Vec<ImageInfo>,
    file_name: String,
    file_size: u64,
    video_url: String,
    video_second: u64,
    title: String,
    msg_num: u64,
    abstract_list: Vec<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ImageInfo {
    #[serde(rename = "URL", alias = "Url")]
    url: String,
}

impl RawElement<'_> {
    fn read(&self) -> Element {
        let msg_type = self.msg_type.as_deref().unwrap_or_default();
        self.known(msg_type).unwrap_or_else(|| Element::Other { msg_type: msg_type.to_owned() })
    }

    fn known(&self, msg_type: &str) -> Option<Element> {
        let content: Content = serde_json::from_str(self.msg_content?.get()).ok()?;
        Some(match msg_type {
            "TIMTextElem" => Element::Text { text: content.text? },
            "TIMLocationElem" => Element::Location {
                description: content.desc,
                latitude: content.latitude,
                longitude: content.longitude,
            },
            "TIMFaceElem" => Element::Face { index: content.index },
            "TIMCustomElem" => Element::Custom { data: content.data, description: content.desc },
            "TIMSoundElem" => Element::Sound { url: content.url, seconds: content.second },
            "TIMImageElem" => {
                Element::Image { urls: content.image_info_array.into_iter().map(|image| image.url).collect() }
            }
            "TIMFileElem" => {
                Element::File { name: content.file_name, url: content.url, size_bytes: content.file_size }
            }
            "TIMVideoFileElem" => Element::Video { url: content.video_url, seconds: content.video_second },
            "TIMRelayElem" => Element::Relay {
                title: content.title,
                count: content.msg_num,
                abstracts: content.abstract_list,
            },
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn elements(json: &str) -> Vec<Element> {
        serde_json::from_str::<MsgBody>(json).unwrap().elements()
    }

    #[test]
    fn an_element_that_is_not_known_keeps_its_type() {
        let stream = r#"[{"MsgType":"TIMStreamElem","MsgContent":{"Chunks":[]}}]"#;
        assert_eq!(elements(stream), [Element::Other { msg_type: "TIMStreamElem".into() }]);
    }

    #[test]
    fn a_message_of_very_many_elements_is_read_as_far_as_a_person_would() {
        assert_eq!(elements(&format!("[{}{{}}]", "{},".repeat(300_000))).len(), MAX_ELEMENTS);
    }

    #[test]
    fn content_of_the_wrong_type_does_not_hide_its_neighbours() {
        let mixed = r#"[{"MsgType":"TIMTextElem","MsgContent":{"Text":5}}, {"MsgType":7},
                        {"MsgType":"TIMTextElem","MsgContent":{"Text":"here"}}]"#;
        assert_eq!(
            elements(mixed),
            [
                Element::Other { msg_type: "TIMTextElem".into() },
                Element::Other { msg_type: String::new() },
                Element::Text { text: "here".into() },
            ]
        );
    }
}
