//! The fields of an object as Go's encoding/json finds them.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

/// Gives the JSON of the fields with these names; the text has to be an object.
///
/// A name is found in any case, since Go finds it so: a plugin may write
/// `{"Message":…}`. Other fields are passed over; of two with one name the last
/// one counts.
///
/// # Errors
///
/// Those of syntax; one of data where the text is no object.
pub(super) fn fields<'a, const N: usize>(
    text: &'a str,
    names: [&'static str; N],
) -> Result<[Option<&'a str>; N], serde_json::Error> {
    let mut reader = serde_json::Deserializer::from_str(text);
    let found = reader.deserialize_map(Fields(names, PhantomData))?;
    reader.end()?;
    Ok(found)
}

struct Fields<'a, const N: usize>([&'static str; N], PhantomData<&'a ()>);

impl<'de, const N: usize> Visitor<'de> for Fields<'de, N> {
    type Value = [Option<&'de str>; N];

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut found = [None; N];
        while let Some(place) = map.next_key_seed(Name(&self.0))? {
            match place {
                Some(place) => found[place] = Some(map.next_value::<&RawValue>()?.get()),
                None => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(found)
    }
}

/// Finds a name among those that are looked for.
struct Name<'n>(&'n [&'static str]);

impl<'de> DeserializeSeed<'de> for Name<'_> {
    type Value = Option<usize>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_identifier(self)
    }
}

impl Visitor<'_> for Name<'_> {
    type Value = Option<usize>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E>(self, name: &str) -> Result<Self::Value, E> {
        let mut names = self.0.iter();
        Ok(names.position(|known| known.eq_ignore_ascii_case(name)))
    }
}
