//! The addresses that count as one.

use std::net::{IpAddr, Ipv4Addr};

/// An IPv4 address, or a /64 of IPv6: RFC 6177 gives a site at least as much, and one host often has all of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Network {
    V4(Ipv4Addr),
    V6([u16; 4]),
}

impl Network {
    pub(super) const fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => Self::V4(address),
            IpAddr::V6(address) => {
                let [a, b, c, d, ..] = address.segments();
                Self::V6([a, b, c, d])
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a16_the_addresses_of_a_64_are_one_network() {
        for (one, other, is_same) in [
            ("2001:db8:0:1::1", "2001:db8:0:1:ffff:ffff:ffff:ffff", true),
            ("2001:db8:0:1::1", "2001:db8:0:2::1", false),
            ("192.0.2.1", "192.0.2.2", false),
            ("192.0.2.1", "::ffff:192.0.2.1", true),
            ("::ffff:192.0.2.1", "::ffff:192.0.2.2", false),
            ("::1", "::2", true),
        ] {
            let [one_network, other_network] =
                [one, other].map(|text| Network::of(text.parse().expect("an IP address")));
            assert_eq!(one_network == other_network, is_same, "{one} and {other}");
        }
    }
}
