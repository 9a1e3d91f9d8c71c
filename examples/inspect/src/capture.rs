//! A pcap or pcapng file to segments of TCP.

use crate::finding::Moment;
use etherparse::{LaxNetSlice, LaxSlicedPacket, TransportSlice};
use pcap_parser::{Block, Linktype, PcapBlockOwned, PcapError, create_reader, traits::PcapReaderIterator};
use std::{
    fmt,
    io::Read,
    net::{IpAddr, SocketAddr},
    time::Duration,
};

/// The buffer of most files, in bytes.
const USUAL_BUFFER: usize = 64 << 10;

/// The longest block of a file, in bytes. A packet has 256 KiB at most, unless tcpdump is told otherwise.
const MAX_BLOCK: usize = 1 << 20;

/// The most interfaces of one pcapng section. Each costs 16 bytes.
const MAX_INTERFACES: usize = 65_536;

/// A segment of TCP, in a capture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment<'a> {
    /// The packet that has it.
    pub moment: Moment,
    /// The address of its sender.
    pub from: SocketAddr,
    /// The address of its receiver.
    pub to: SocketAddr,
    /// The sequence number of its SYN or of its first byte.
    pub sequence: u32,
    /// The flags SYN, ACK, FIN and RST.
    pub flags: Flags,
    /// Its bytes.
    pub payload: &'a [u8],
}

/// Flags of a segment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flags {
    /// The direction begins.
    pub syn: bool,
    /// The segment answers another one.
    pub ack: bool,
    /// The direction ends.
    pub fin: bool,
    /// The connection is broken off.
    pub rst: bool,
}

/// Why a file is not read to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CaptureError {
    /// The file is neither pcap nor pcapng.
    NotACapture,
    /// The file ends within a packet.
    Truncated,
    /// A block is longer than 1 MiB.
    BlockTooLarge,
    /// A block is malformed.
    Corrupt,
    /// Reading the file has failed.
    Unreadable,
}

/// Hands each segment of `file` to `take`, in the order of the file.
///
/// Packets of anything but TCP are skipped, and so are fragments of IP. Of a packet that was cut when it was captured
/// the rest is missing.
///
/// # Errors
/// [`CaptureError`] if the file is not one, or not whole. The segments before have been handed out.
pub fn read(file: impl Read + Send, mut take: impl FnMut(&Segment<'_>)) -> Result<(), CaptureError> {
    let mut reader = create_reader(USUAL_BUFFER, file).map_err(|error| match error {
        PcapError::ReadError => CaptureError::Unreadable,
        _ => CaptureError::NotACapture,
    })?;
    let mut packets = Packets::default();
    loop {
        match reader.next() {
            Ok((len, block)) => {
                if let Some((moment, linktype, data)) = packets.take(&block)
                    && let Some(segment) = segment(moment, linktype, data)
                {
                    take(&segment);
                }
                reader.consume(len);
            }
            Err(PcapError::Eof) => return Ok(()),
            Err(PcapError::Incomplete(_)) => refill(&mut *reader)?,
            Err(PcapError::UnexpectedEof) => return Err(CaptureError::Truncated),
            Err(PcapError::BufferTooSmall) => grow(&mut *reader)?,
            Err(PcapError::ReadError) => return Err(CaptureError::Unreadable),
            Err(_) => return Err(CaptureError::Corrupt),
        }
    }
}

fn refill(reader: &mut (dyn PcapReaderIterator + Send)) -> Result<(), CaptureError> {
    if reader.reader_exhausted() {
        return Err(CaptureError::Truncated);
    }
    let before = reader.data().len();
    reader.refill().map_err(|_| CaptureError::Unreadable)?;
    let is_full = reader.data().len() == before && !reader.reader_exhausted();
    if is_full { grow(reader) } else { Ok(()) }
}

/// Makes room for a long block.
fn grow(reader: &mut (dyn PcapReaderIterator + Send)) -> Result<(), CaptureError> {
    if !reader.grow(MAX_BLOCK) {
        return Err(CaptureError::BlockTooLarge);
    }
    reader.refill().map_err(|_| CaptureError::Unreadable)
}

/// Counts packets, and knows what the headers of the file say of them.
#[derive(Debug, Default)]
struct Packets {
    number: u64,
    first: Option<Duration>,
    /// Of each interface of a pcapng section, or of the pcap file: the link type, and ticks per second.
    interfaces: Vec<(Linktype, u64)>,
}

impl Packets {
    /// The packet in a block, if it has one.
    fn take<'a>(&mut self, block: &'a PcapBlockOwned<'_>) -> Option<(Moment, Linktype, &'a [u8])> {
        match block {
            PcapBlockOwned::LegacyHeader(header) => {
                let ticks = if header.is_nanosecond_precision() { 1_000_000_000 } else { 1_000_000 };
                self.interfaces = vec![(header.network, ticks)];
                None
            }
            PcapBlockOwned::Legacy(packet) => {
                self.number += 1;
                let (linktype, ticks) = *self.interfaces.first()?;
                let time = Duration::from_secs(packet.ts_sec.into()) + since(packet.ts_usec.into(), ticks);
                Some((self.moment(time), linktype, packet.data))
            }
            PcapBlockOwned::NG(Block::SectionHeader(_)) => {
                self.interfaces.clear();
                None
            }
            PcapBlockOwned::NG(Block::InterfaceDescription(interface)) => {
                if self.interfaces.len() < MAX_INTERFACES {
                    self.interfaces.push((interface.linktype, interface.ts_resolution().unwrap_or(1_000_000)));
                }
                None
            }
            PcapBlockOwned::NG(Block::EnhancedPacket(packet)) => {
                self.number += 1;
                let (linktype, ticks) = *self.interfaces.get(usize::try_from(packet.if_id).ok()?)?;
                let time = since(u64::from(packet.ts_high) << 32 | u64::from(packet.ts_low), ticks);
                let len = packet.data.len().min(usize::try_from(packet.caplen).ok()?);
                Some((self.moment(time), linktype, &packet.data[..len]))
            }
            // It has no time.
            PcapBlockOwned::NG(Block::SimplePacket(packet)) => {
                self.number += 1;
                let (linktype, _) = *self.interfaces.first()?;
                let len = packet.data.len().min(usize::try_from(packet.origlen).ok()?);
                Some((Moment { time: Duration::ZERO, packet: self.number }, linktype, &packet.data[..len]))
            }
            PcapBlockOwned::NG(_) => None,
        }
    }

    /// Packets of several processors may be out of order; the first one has the time 0.
    fn moment(&mut self, time: Duration) -> Moment {
        let first = *self.first.get_or_insert(time);
        Moment { time: time.saturating_sub(first), packet: self.number }
    }
}

/// The duration of `ticks`.
fn since(ticks: u64, per_second: u64) -> Duration {
    let Some(seconds) = ticks.checked_div(per_second) else { return Duration::ZERO };
    let nanoseconds = u128::from(ticks % per_second) * 1_000_000_000 / u128::from(per_second);
    Duration::from_secs(seconds) + Duration::from_nanos(nanoseconds as u64)
}

/// The segment in a packet, if it has one.
fn segment(moment: Moment, linktype: Linktype, data: &[u8]) -> Option<Segment<'_>> {
    let sliced = match linktype {
        Linktype::ETHERNET => LaxSlicedPacket::from_ethernet(data).ok()?,
        Linktype::RAW | Linktype::IPV4 | Linktype::IPV6 => LaxSlicedPacket::from_ip(data).ok()?,
        Linktype::NULL | Linktype::LOOP => LaxSlicedPacket::from_ip(data.get(4..)?).ok()?,
        Linktype::LINUX_SLL => LaxSlicedPacket::from_ip(data.get(16..)?).ok()?,
        Linktype::LINUX_SLL2 => LaxSlicedPacket::from_ip(data.get(20..)?).ok()?,
        _ => return None,
    };
    let Some(TransportSlice::Tcp(tcp)) = sliced.transport else { return None };
    let (from, to): (IpAddr, IpAddr) = match &sliced.net {
        Some(LaxNetSlice::Ipv4(ip)) => (ip.header().source_addr().into(), ip.header().destination_addr().into()),
        Some(LaxNetSlice::Ipv6(ip)) => (ip.header().source_addr().into(), ip.header().destination_addr().into()),
        Some(LaxNetSlice::Arp(_)) | None => return None,
    };
    Some(Segment {
        moment,
        from: SocketAddr::new(from, tcp.source_port()),
        to: SocketAddr::new(to, tcp.destination_port()),
        sequence: tcp.sequence_number(),
        flags: Flags { syn: tcp.syn(), ack: tcp.ack(), fin: tcp.fin(), rst: tcp.rst() },
        payload: tcp.payload(),
    })
}

impl fmt::Display for CaptureError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotACapture => "the file is neither pcap nor pcapng",
            Self::Truncated => "the file ends within a packet",
            Self::BlockTooLarge => "a block of the file is longer than 1 MiB",
            Self::Corrupt => "a block of the file is malformed",
            Self::Unreadable => "the file cannot be read",
        })
    }
}

impl std::error::Error for CaptureError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_has_any_resolution() {
        assert_eq!(since(1_500_000, 1_000_000), Duration::from_millis(1500));
        assert_eq!(since(3, 2), Duration::from_millis(1500));
        assert_eq!(since(u64::MAX, u64::MAX), Duration::from_secs(1));
        assert_eq!(since(7, 0), Duration::ZERO);
        assert_eq!(since(u64::MAX, 1), Duration::from_secs(u64::MAX));
    }

    #[test]
    fn a_text_is_no_capture() {
        assert_eq!(read(&b"GET / HTTP/1.1\r\n\r\n........"[..], |_| ()), Err(CaptureError::NotACapture));
        assert_eq!(read(&b""[..], |_| ()), Err(CaptureError::NotACapture));
    }
}
