//! The parameters of a route.

/// The decoded values of the parameters of a route.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Params(Box<[(Box<str>, Box<str>)]>);

impl Params {
    pub(super) fn new(pairs: impl IntoIterator<Item = (Box<str>, Box<str>)>) -> Self {
        Self(pairs.into_iter().collect())
    }

    /// The value of the parameter `name`.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, _)| **key == *name).map(|(_, value)| &**value)
    }

    /// Names and values, in the order of the path.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (&**name, &**value))
    }
}
