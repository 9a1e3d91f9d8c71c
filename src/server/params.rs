//! The parameters of a route.

/// The decoded values of the parameters of a route.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Params(Option<Box<Pairs>>);

/// Boxed, since each session has parameters, and those of most are empty.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Pairs(Box<[(Box<str>, Box<str>)]>);

impl Params {
    pub(super) fn new(pairs: impl IntoIterator<Item = (Box<str>, Box<str>)>) -> Self {
        let pairs: Box<[_]> = pairs.into_iter().collect();
        Self((!pairs.is_empty()).then(|| Box::new(Pairs(pairs))))
    }

    fn pairs(&self) -> &[(Box<str>, Box<str>)] {
        self.0.as_ref().map_or(&[], |pairs| &pairs.0)
    }

    /// The value of the parameter `name`.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.pairs().iter().find(|(key, _)| **key == *name).map(|(_, value)| &**value)
    }

    /// Names and values, in the order of the path.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.pairs().iter().map(|(name, value)| (&**name, &**value))
    }
}
