//! JSON that is passed on as it was written, without the space between.
//!
//! What devices say to each other is nobody's business here. It is not taken apart, for that takes eighty times its bytes of memory;
//! numbers keep their digits, and objects the order of their keys.

use std::{collections::BTreeMap, fmt, sync::Arc};

use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{Error as _, MapAccess, SeqAccess, Visitor},
};
use serde_json::value::RawValue;

/// A value as text, of one line. Copies share it.
#[derive(Clone, Debug)]
pub struct Text(Arc<RawValue>);

impl Text {
    /// The text of something.
    pub fn of(value: &impl Serialize) -> Text {
        let text = serde_json::to_string(value).unwrap_or_else(|_| "null".to_owned());
        Text(RawValue::from_string(text).unwrap_or_default().into())
    }

    /// Reads one.
    pub fn read(bytes: &[u8]) -> Result<Text, serde_json::Error> {
        serde_json::from_slice(bytes)
    }

    /// It.
    pub fn as_str(&self) -> &str {
        self.0.get()
    }

    /// An object with one more member, which it does not have.
    #[must_use]
    pub fn with(&self, name: &str, value: u64) -> Text {
        let Some(open) = self.as_str().strip_suffix('}') else { return self.clone() };
        let comma = if open.ends_with('{') { "" } else { "," };
        let text = format!("{open}{comma}{}:{value}}}", serde_json::Value::from(name));
        RawValue::from_string(text).map_or_else(|_| self.clone(), |text| Text(text.into()))
    }
}

impl Serialize for Text {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        RawValue::serialize(&self.0, out)
    }
}

impl PartialEq for Text {
    fn eq(&self, other: &Text) -> bool {
        self.as_str() == other.as_str()
    }
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Text, D::Error> {
        let raw = Box::<RawValue>::deserialize(input)?;
        // who gets it reads it whole, with what comes before and after
        serde_json::from_str::<Sound>(raw.get()).map_err(D::Error::custom)?;
        if !raw.get().bytes().any(is_space) {
            return Ok(Text(raw.into()));
        }
        let text = RawValue::from_string(compact(raw.get())).map_err(D::Error::custom)?;
        Ok(Text(text.into()))
    }
}

/// What every reader of JSON can read: no nesting without end, no half of a character, no number beyond all.
struct Sound;

impl<'de> Deserialize<'de> for Sound {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        input.deserialize_any(Sound)
    }
}

impl<'de> Visitor<'de> for Sound {
    type Value = Sound;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Sound, E> {
        Ok(Sound)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Sound, E> {
        Ok(Sound)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Sound, E> {
        Ok(Sound)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Sound, E> {
        Ok(Sound)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Sound, E> {
        Ok(Sound)
    }

    fn visit_str<E>(self, _: &str) -> Result<Sound, E> {
        Ok(Sound)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut values: A) -> Result<Sound, A::Error> {
        while values.next_element::<Sound>()?.is_some() {}
        Ok(Sound)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Sound, A::Error> {
        while members.next_entry::<Sound, Sound>()?.is_some() {}
        Ok(Sound)
    }
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

/// JSON without the space between.
fn compact(text: &str) -> String {
    let (mut inside, mut escaped) = (false, false);
    let kept = text.chars().filter(|char| {
        let keeps = inside || !u8::try_from(*char).is_ok_and(is_space);
        (inside, escaped) = match (inside, escaped, char) {
            (true, true, _) => (true, false),
            (true, false, '\\') => (true, true),
            (_, false, '"') => (!inside, false),
            _ => (inside, false),
        };
        keeps
    });
    kept.collect()
}

/// Values by their names, at most so many.
#[derive(Debug)]
pub struct Named<const MOST: usize>(pub BTreeMap<String, Text>);

impl<'de, const MOST: usize> Deserialize<'de> for Named<MOST> {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        input.deserialize_map(Members::<MOST>)
    }
}

struct Members<const MOST: usize>;

impl<'de, const MOST: usize> Visitor<'de> for Members<MOST> {
    type Value = Named<MOST>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an object of at most {MOST} members")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Named<MOST>, A::Error> {
        let mut named = BTreeMap::new();
        while let Some((name, value)) = members.next_entry::<String, Text>()? {
            named.insert(name, value);
            if named.len() > MOST {
                return Err(A::Error::custom(format!("more than {MOST} members")));
            }
        }
        Ok(Named(named))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_passed_on_is_what_was_written_without_the_space_between() {
        for (written, text) in [
            (" { \"b\" : 1.50 ,\n \"a\":\t[ ] }", "{\"b\":1.50,\"a\":[]}"),
            ("\"a b \\\" c \\\\\"", "\"a b \\\" c \\\\\""),
            ("123456789012345678901234567890", "123456789012345678901234567890"),
            ("{\"\\\\ \" : \"ä \"}", "{\"\\\\ \":\"ä \"}"),
        ] {
            assert_eq!(Text::read(written.as_bytes()).unwrap().as_str(), text, "{written}");
        }
        for unreadable in ["{\"a\":}", "\"\\ud800\"", "{\"\\ud800\":1}", "1e999", &"[".repeat(10_000)] {
            assert!(Text::read(unreadable.as_bytes()).is_err(), "{unreadable}");
        }
        let deep = ["[".repeat(10_000), "]".repeat(10_000)].concat();
        assert!(Text::read(deep.as_bytes()).unwrap_err().to_string().contains("recursion limit"));
    }

    #[test]
    fn an_object_takes_one_more_member() {
        let with = |text: &str| Text::read(text.as_bytes()).unwrap().with("seqID", 7);
        assert_eq!(with("{\"a\":\"}\"}").as_str(), "{\"a\":\"}\",\"seqID\":7}");
        assert_eq!(with("{}").as_str(), "{\"seqID\":7}");
    }

    #[test]
    fn more_members_than_are_taken_are_refused() {
        let read = |text: &str| serde_json::from_str::<Named<2>>(text).map(|named| named.0.len());
        assert_eq!(read("{\"a\":1,\"b\":2,\"a\":3}").unwrap(), 2);
        assert!(read("{\"a\":1,\"b\":2,\"c\":3}").unwrap_err().to_string().contains("more than 2 members"));
    }
}
