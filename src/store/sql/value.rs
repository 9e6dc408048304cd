//! Values as they go to a database and come back: a number, a text or bytes, or none of these.

use crate::error::{Error, Result};

/// A value, borrowed from whoever has it. What it would be is known where there is none, too: a database that wants to know
/// the types of what it is given is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::store) enum Value<'v> {
    Integer(Option<i64>),
    Text(Option<&'v str>),
    Bytes(Option<&'v [u8]>),
}

impl Value<'_> {
    fn is_none(self) -> bool {
        matches!(self, Self::Integer(None) | Self::Text(None) | Self::Bytes(None))
    }
}

macro_rules! from {
    ($($type:ty, $value:ident => $made:expr;)*) => {
        $(impl<'v> From<$type> for Value<'v> {
            fn from($value: $type) -> Self {
                $made
            }
        })*
    };
}

from! {
    i64, value => Self::Integer(Some(value));
    &i64, value => Self::Integer(Some(*value));
    Option<i64>, value => Self::Integer(value);
    &'v str, value => Self::Text(Some(value));
    &'v String, value => Self::Text(Some(value));
    Option<&'v str>, value => Self::Text(value);
    &'v [u8], value => Self::Bytes(Some(value));
}

/// A value that is kept until its statement is run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::store) enum OwnedValue {
    Integer(i64),
    Text(String),
}

impl<'v> From<&'v OwnedValue> for Value<'v> {
    fn from(value: &'v OwnedValue) -> Self {
        match value {
            OwnedValue::Integer(number) => Self::from(number),
            OwnedValue::Text(text) => Self::from(text),
        }
    }
}

impl From<i64> for OwnedValue {
    fn from(number: i64) -> Self {
        Self::Integer(number)
    }
}

impl From<String> for OwnedValue {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<&str> for OwnedValue {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

/// Values in a row, each made of what it is given.
macro_rules! values {
    ($($value:expr),* $(,)?) => { &[$($crate::store::sql::Value::from($value)),*] };
}
pub(in crate::store) use values;

/// The columns of a row, as a database gives them.
pub(in crate::store) trait Columns {
    /// The value of a column. A text that is none is given as its bytes.
    fn value(&self, column: usize) -> Result<Value<'_>>;
}

/// A row that a statement found.
pub(in crate::store) struct Row<'r>(pub(in crate::store) &'r dyn Columns);

impl Row<'_> {
    /// The value of a column.
    pub(in crate::store) fn get<'s, T: FromValue<'s>>(&'s self, column: usize) -> Result<T> {
        T::from_value(self.0.value(column)?)
            .ok_or_else(|| Error::fault(format!("column {column} of what the database found is of another type")))
    }
}

/// What is made of a value.
pub(in crate::store) trait FromValue<'v>: Sized {
    /// Nothing where the value is of another type.
    fn from_value(value: Value<'v>) -> Option<Self>;
}

impl FromValue<'_> for i64 {
    fn from_value(value: Value<'_>) -> Option<Self> {
        if let Value::Integer(number) = value { number } else { None }
    }
}

impl FromValue<'_> for bool {
    fn from_value(value: Value<'_>) -> Option<Self> {
        i64::from_value(value).map(|number| number != 0)
    }
}

impl<'v> FromValue<'v> for &'v str {
    fn from_value(value: Value<'v>) -> Option<Self> {
        if let Value::Text(text) = value { text } else { None }
    }
}

impl FromValue<'_> for String {
    fn from_value(value: Value<'_>) -> Option<Self> {
        <&str>::from_value(value).map(str::to_owned)
    }
}

impl FromValue<'_> for Vec<u8> {
    fn from_value(value: Value<'_>) -> Option<Self> {
        if let Value::Bytes(bytes) = value { bytes.map(<[u8]>::to_vec) } else { None }
    }
}

impl FromValue<'_> for [u8; 32] {
    fn from_value(value: Value<'_>) -> Option<Self> {
        if let Value::Bytes(bytes) = value { bytes?.try_into().ok() } else { None }
    }
}

impl<'v, T: FromValue<'v>> FromValue<'v> for Option<T> {
    fn from_value(value: Value<'v>) -> Option<Self> {
        if value.is_none() { Some(None) } else { T::from_value(value).map(Some) }
    }
}
