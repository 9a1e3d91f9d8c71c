//! The address of a client, in little memory.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6},
};

/// A socket address in 24 bytes instead of 32, since each session has one. It lacks the flow label of IPv6: an accepted
/// connection has none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Address {
    ip: [u8; 16],
    scope: u32,
    port: u16,
    is_v4: bool,
}

const _: () = assert!(size_of::<Address>() == 24);

impl Address {
    pub(super) fn new(address: SocketAddr) -> Self {
        let (ip, scope, is_v4) = match address {
            SocketAddr::V4(address) => (address.ip().to_ipv6_mapped(), 0, true),
            SocketAddr::V6(address) => (*address.ip(), address.scope_id(), false),
        };
        Self { ip: ip.octets(), scope, port: address.port(), is_v4 }
    }

    pub(super) const fn get(self) -> SocketAddr {
        match self.ip() {
            IpAddr::V4(ip) => SocketAddr::V4(SocketAddrV4::new(ip, self.port)),
            IpAddr::V6(ip) => SocketAddr::V6(SocketAddrV6::new(ip, self.port, 0, self.scope)),
        }
    }

    const fn ip(self) -> IpAddr {
        let [.., a, b, c, d] = self.ip;
        if self.is_v4 {
            IpAddr::V4(Ipv4Addr::new(a, b, c, d))
        } else {
            IpAddr::V6(Ipv6Addr::from_bits(u128::from_be_bytes(self.ip)))
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.get().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_what_it_was() {
        for text in ["127.0.0.1:80", "255.0.0.1:65535", "[::1]:1", "[::ffff:127.0.0.1]:80", "[2001:db8::7]:0"] {
            let address: SocketAddr = text.parse().expect("an address");
            assert_eq!(
                (Address::new(address).get(), Address::new(address).to_string()),
                (address, address.to_string())
            );
        }
        let scoped = SocketAddr::V6(SocketAddrV6::new(Ipv6Addr::LOCALHOST, 80, 0, 3));
        assert_eq!(Address::new(scoped).get(), scoped);
    }
}
