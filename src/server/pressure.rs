//! Back-pressure: a handler whose output was above the high-water mark learns when there is room again.

/// Whether `on_drain` is due. The connection itself stops and resumes the peer's messages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Pressure {
    /// The output has not been high since it was last drained.
    #[default]
    Low,
    /// The output has been high, and has not drained yet: `on_drain` is owed.
    High,
    /// The output has drained: `on_drain` is due.
    Drained,
}

impl Pressure {
    /// Notes whether the output is high before a write. That makes `on_drain` due, even if the stream takes all bytes
    /// at once: the handler may have stopped sending. Returns whether it has become due by this.
    pub(super) fn before_write(&mut self, is_high: bool) -> bool {
        let has_risen = *self == Self::Low && is_high;
        if has_risen {
            *self = Self::High;
        }
        has_risen
    }

    /// Notes whether the output is high after a write. Asks only if that matters.
    pub(super) fn after_write(&mut self, is_high: impl FnOnce() -> bool) {
        if !self.is_low() {
            *self = if is_high() { Self::High } else { Self::Drained };
        }
    }

    /// Whether `on_drain` is due. It is due once.
    pub(super) fn take_drained(&mut self) -> bool {
        let is_drained = self.is_drained();
        if is_drained {
            *self = Self::Low;
        }
        is_drained
    }

    pub(super) const fn is_drained(self) -> bool {
        matches!(self, Self::Drained)
    }

    pub(super) const fn is_low(self) -> bool {
        matches!(self, Self::Low)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Pressure; 3] = [Pressure::Low, Pressure::High, Pressure::Drained];

    #[test]
    fn a_high_output_owes_on_drain_and_makes_it_due_when_it_drains() {
        let before_write = |is_high| {
            ALL.map(|mut pressure| {
                let has_risen = pressure.before_write(is_high);
                (pressure, has_risen)
            })
        };
        assert_eq!(before_write(false), ALL.map(|pressure| (pressure, false)));
        let expected = [(Pressure::High, true), (Pressure::High, false), (Pressure::Drained, false)];
        assert_eq!(before_write(true), expected);
        let after_write = |is_high| {
            ALL.map(|mut pressure| {
                pressure.after_write(|| is_high);
                pressure
            })
        };
        assert_eq!(after_write(false), [Pressure::Low, Pressure::Drained, Pressure::Drained]);
        assert_eq!(after_write(true), [Pressure::Low, Pressure::High, Pressure::High]);
    }

    #[test]
    fn draining_is_reported_once() {
        let mut pressure = Pressure::Drained;
        assert_eq!([(); 2].map(|()| pressure.take_drained()), [true, false]);
        assert_eq!([Pressure::Low, Pressure::High].map(|mut pressure| pressure.take_drained()), [false, false]);
    }
}
