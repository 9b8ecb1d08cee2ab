//! The canonical encoding: one byte form for every value, the same when signed, sent and stored.
//!
//! Without counts and lengths in the bytes an accuser could cut an honest statement into other pieces and
//! convict its signer, so every list carries its count and every string its length, and decoding is strict.
//!
//! # Invariants
//! - `decode(encode(x)) == x`, and no other bytes decode to `x`.
//! - Nothing is allocated for a length that the remaining input cannot hold.

use std::sync::Arc;

/// Why bytes are not the encoding of a value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// The input ended inside a value.
    #[error("the bytes end inside a value")]
    Truncated,
    /// Bytes were left after the value.
    #[error("{0} bytes follow the end of the value")]
    Trailing(usize),
    /// A field holds no value of its type.
    #[error("no valid {0}")]
    Invalid(&'static str),
    /// A list or string is longer than its bound.
    #[error("{what} has {length} items or bytes, the bound is {bound}")]
    TooLong {
        /// The field.
        what: &'static str,
        /// What it claims to hold.
        length: usize,
        /// What it may hold.
        bound: usize,
    },
}

/// Has a canonical byte form.
pub trait Encode {
    /// Appends the value's bytes.
    fn encode(&self, out: &mut Writer);

    /// The value's bytes.
    fn to_bytes(&self) -> Vec<u8> {
        let mut out = Writer::default();
        self.encode(&mut out);
        out.into_bytes()
    }
}

/// Can be read back from its canonical byte form.
pub trait Decode: Sized {
    /// Takes the value's bytes from the front of the input.
    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError>;

    /// Reads a value that fills the input.
    fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut input = Reader::new(bytes);
        let value = Self::decode(&mut input)?;
        input.end()?;
        Ok(value)
    }
}

/// Where canonical bytes are written.
pub struct Writer(Vec<u8>);

/// Room that a writer begins with: most statements fit, and do not move while they are written.
const ROOM: usize = 256;

impl Default for Writer {
    fn default() -> Self {
        Writer(Vec::with_capacity(ROOM))
    }
}

impl Writer {
    /// Writes after what the vector holds.
    pub fn after(bytes: Vec<u8>) -> Self {
        Writer(bytes)
    }

    /// What was written.
    pub fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    /// One byte.
    pub fn u8(&mut self, value: u8) {
        self.0.push(value);
    }

    /// Four bytes.
    pub fn u32(&mut self, value: u32) {
        self.bytes(&value.to_be_bytes());
    }

    /// Eight bytes.
    pub fn u64(&mut self, value: u64) {
        self.bytes(&value.to_be_bytes());
    }

    /// Bytes of a length that the type fixes.
    pub fn bytes(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    /// A count or length.
    pub fn count(&mut self, count: usize) {
        self.u32(u32::try_from(count).expect("no value holds 4 G items"));
    }

    /// A byte string, its length first.
    pub fn string(&mut self, bytes: &[u8]) {
        self.count(bytes.len());
        self.bytes(bytes);
    }

    /// A byte string that is written in place, its length first.
    pub fn string_of(&mut self, write: impl FnOnce(&mut Writer)) {
        let start = self.0.len();
        self.u32(0);
        write(self);
        let length = u32::try_from(self.0.len() - start - 4).expect("no value holds 4 G bytes");
        self.0[start..start + 4].copy_from_slice(&length.to_be_bytes());
    }

    /// A list, its count first.
    pub fn list<T: Encode>(&mut self, items: &[T]) {
        self.count(items.len());
        items.iter().for_each(|item| item.encode(self));
    }

    /// An optional value.
    pub fn option<T: Encode>(&mut self, value: Option<&T>) {
        self.u8(u8::from(value.is_some()));
        if let Some(value) = value {
            value.encode(self);
        }
    }
}

/// What a fork of a map takes in memory, about.
pub const FORK_MEMORY: usize = 200;

/// Most forks of maps in so many bytes of anybody's. In a proof one takes 34 bytes, and 2 where keys begin alike, which is rare
/// unless somebody has looked for such keys.
pub fn forks_max(bytes: usize) -> usize {
    (bytes / 8 + 512).min(1 << 20)
}

/// What is left to decode.
pub struct Reader<'a> {
    bytes: &'a [u8],
    /// How many forks of maps there may be yet: a byte of one takes a hundred of memory.
    forks: usize,
}

impl<'a> Reader<'a> {
    /// All of these bytes.
    pub fn new(bytes: &'a [u8]) -> Self {
        Reader { bytes, forks: usize::MAX }
    }

    /// The same of bytes of anybody's: with at most [`forks_max`] forks of maps.
    pub fn of_anybody(bytes: &'a [u8]) -> Self {
        Reader::new(bytes).with_forks(forks_max(bytes.len()))
    }

    /// The same with at most so many forks of maps.
    #[must_use]
    pub fn with_forks(self, forks: usize) -> Self {
        Reader { forks, ..self }
    }

    /// What is left.
    pub fn left(&self) -> &'a [u8] {
        self.bytes
    }

    /// How many forks of maps there may be yet.
    pub fn forks(&self) -> usize {
        self.forks
    }

    /// One fork of a map.
    pub fn fork(&mut self) -> Result<(), DecodeError> {
        self.forks = self.forks.checked_sub(1).ok_or(DecodeError::Invalid("map: it has too many forks"))?;
        Ok(())
    }

    /// The next `count` bytes.
    pub fn take(&mut self, count: usize) -> Result<&'a [u8], DecodeError> {
        let (head, tail) = self.bytes.split_at_checked(count).ok_or(DecodeError::Truncated)?;
        self.bytes = tail;
        Ok(head)
    }

    /// The next `N` bytes.
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let mut out = [0; N];
        out.copy_from_slice(self.take(N)?);
        Ok(out)
    }

    /// One byte.
    pub fn u8(&mut self) -> Result<u8, DecodeError> {
        Ok(self.array::<1>()?[0])
    }

    /// Four bytes.
    pub fn u32(&mut self) -> Result<u32, DecodeError> {
        Ok(u32::from_be_bytes(self.array()?))
    }

    /// Eight bytes.
    pub fn u64(&mut self) -> Result<u64, DecodeError> {
        Ok(u64::from_be_bytes(self.array()?))
    }

    /// A count or length of at most `bound`.
    pub fn count(&mut self, what: &'static str, bound: usize) -> Result<usize, DecodeError> {
        let length = self.u32()? as usize;
        if length > bound {
            return Err(DecodeError::TooLong { what, length, bound });
        }
        Ok(length)
    }

    /// A byte string of at most `bound` bytes.
    pub fn string(&mut self, what: &'static str, bound: usize) -> Result<Vec<u8>, DecodeError> {
        let length = self.count(what, bound)?;
        Ok(self.take(length)?.to_vec())
    }

    /// A list of at most `bound` items.
    pub fn list<T: Decode>(&mut self, what: &'static str, bound: usize) -> Result<Vec<T>, DecodeError> {
        let count = self.count(what, bound)?;
        // a false count must not make us reserve more than we were sent
        let mut items = Vec::with_capacity(count.min(self.bytes.len() / size_of::<T>().max(1)));
        for _ in 0..count {
            items.push(T::decode(self)?);
        }
        Ok(items)
    }

    /// An optional value.
    pub fn option<T: Decode>(&mut self) -> Result<Option<T>, DecodeError> {
        match self.u8()? {
            0 => Ok(None),
            1 => Ok(Some(T::decode(self)?)),
            _ => Err(DecodeError::Invalid("option tag")),
        }
    }

    /// Checks that nothing is left.
    pub fn end(&self) -> Result<(), DecodeError> {
        match self.bytes.len() {
            0 => Ok(()),
            left => Err(DecodeError::Trailing(left)),
        }
    }
}

impl<T: Encode> Encode for Option<T> {
    fn encode(&self, out: &mut Writer) {
        out.option(self.as_ref());
    }
}

impl<T: Decode> Decode for Option<T> {
    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        input.option()
    }
}

impl<const N: usize> Encode for [u8; N] {
    fn encode(&self, out: &mut Writer) {
        out.bytes(self);
    }
}

impl<const N: usize> Decode for [u8; N] {
    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        input.array()
    }
}

impl Encode for u64 {
    fn encode(&self, out: &mut Writer) {
        out.u64(*self);
    }
}

impl Decode for u64 {
    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        input.u64()
    }
}

impl Encode for u32 {
    fn encode(&self, out: &mut Writer) {
        out.u32(*self);
    }
}

impl Decode for u32 {
    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        input.u32()
    }
}

impl<T: Encode> Encode for Box<T> {
    fn encode(&self, out: &mut Writer) {
        (**self).encode(out);
    }
}

impl<T: Decode> Decode for Box<T> {
    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Box::new(T::decode(input)?))
    }
}

impl<T: Encode> Encode for Arc<T> {
    fn encode(&self, out: &mut Writer) {
        (**self).encode(out);
    }
}

impl<T: Decode> Decode for Arc<T> {
    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Arc::new(T::decode(input)?))
    }
}

/// The canonical bytes of a type: a struct's fields in the given order; of an enum, one byte for the choice and the
/// fields of what was chosen. A `list` or `string` says what it is called in an error, and how long it may be.
macro_rules! coded {
    (struct $name:ident { $($field:ident $(: $how:ident($what:literal, $bound:expr))?),* $(,)? }) => {
        impl Encode for $name {
            fn encode(&self, out: &mut Writer) {
                $(coded!(@encode out, self.$field $(, $how)?);)*
            }
        }

        impl Decode for $name {
            fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
                Ok($name { $($field: coded!(@decode input $(, $how($what, $bound))?)),* })
            }
        }
    };
    (enum $name:ident $choice:literal {
        $($tag:tt $variant:ident
            $({ $($field:ident $(: $how:ident($what:literal, $bound:expr))?),* })?
            $(($($inner:ident),*))?
        ),* $(,)?
    }) => {
        impl Encode for $name {
            fn encode(&self, out: &mut Writer) {
                match self {
                    $($name::$variant $({ $($field),* })? $(($($inner),*))? => {
                        out.u8($tag);
                        $($(coded!(@encode out, $field $(, $how)?);)*)?
                        $($(coded!(@encode out, $inner);)*)?
                    })*
                }
            }
        }

        impl Decode for $name {
            fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
                match input.u8()? {
                    $($tag => {
                        $($(let $inner = coded!(@decode input);)*)?
                        Ok($name::$variant
                            $({ $($field: coded!(@decode input $(, $how($what, $bound))?)),* })?
                            $(($($inner),*))?)
                    })*
                    _ => Err(DecodeError::Invalid($choice)),
                }
            }
        }
    };
    (@encode $out:ident, $value:expr) => { $value.encode($out) };
    (@encode $out:ident, $value:expr, $how:ident) => { $out.$how(&$value) };
    (@decode $input:ident) => { Decode::decode($input)? };
    (@decode $input:ident, $how:ident($what:literal, $bound:expr)) => { $input.$how($what, $bound)? };
}
pub(crate) use coded;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_false_count_allocates_nothing_and_is_refused() {
        let mut input = Reader::new(&[0xff, 0xff, 0xff, 0x00]);
        assert_eq!(input.list::<u64>("numbers", usize::MAX).unwrap_err(), DecodeError::Truncated);
    }

    #[test]
    fn bytes_after_a_value_are_refused() {
        assert_eq!(u64::from_bytes(&[0; 9]), Err(DecodeError::Trailing(1)));
    }

    #[test]
    fn an_option_tag_is_zero_or_one() {
        assert_eq!(Reader::new(&[2]).option::<u64>(), Err(DecodeError::Invalid("option tag")));
    }
}
