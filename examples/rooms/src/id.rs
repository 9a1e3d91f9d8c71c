//! The ids of messages.

use serde::{Deserialize, Serialize};
use std::{fmt, num::ParseIntError, str::FromStr};

/// The place of a message in the one order of all rooms, as Redis writes it: `1700000000000-0`. A member that comes
/// back tells the last one that it has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Id {
    /// Milliseconds, by the clock of the broker.
    pub time: u64,
    /// The number within the millisecond.
    pub number: u64,
}

impl Id {
    /// The place before all messages.
    pub const START: Self = Self { time: 0, number: 0 };

    /// An id for `time` that comes after this one, whatever the clock says.
    #[must_use]
    pub fn next_at(self, time: u64) -> Self {
        if time > self.time { Self { time, number: 0 } } else { Self { number: self.number + 1, ..self } }
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.time, self.number)
    }
}

impl FromStr for Id {
    type Err = ParseIntError;

    /// Reads `1700000000000-0`, or the time alone.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (time, number) = text.split_once('-').unwrap_or((text, "0"));
        Ok(Self { time: time.parse()?, number: number.parse()? })
    }
}

impl From<Id> for String {
    fn from(id: Id) -> Self {
        id.to_string()
    }
}

impl TryFrom<String> for Id {
    type Error = ParseIntError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}
