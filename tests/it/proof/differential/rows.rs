//! The allowed differences on frames, each with its reason and bytes that show it.

/// An allowed difference on frames. Any other is a fault of one of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Row {
    /// A frame breaks several rules, and each names the one that it checks first.
    SeveralFaults,
    /// We fail at the byte that breaks the rule, tungstenite once the frame is complete. RFC 6455 section 7.1.7 sets no
    /// time. An implementation that waits can be made to wait, and to buffer.
    Late,
    /// tungstenite accepts lengths in any form. RFC 6455 section 5.2: "in all cases, the minimal number of bytes MUST
    /// be used to encode the length".
    LengthNotMinimal,
    /// tungstenite has no limit on fragments. RFC 6455 section 10.4: implementations "MUST protect themselves".
    Fragments,
    /// tungstenite reports a Close with a code that may not be sent as a Close with 1002. RFC 6455 section 7.1.5: the
    /// code of the connection is the received one, and section 7.4 reserves those.
    ForbiddenCode,
    /// After its own Close tungstenite accepts a Close with any code.
    ForbiddenCodeInReply,
    /// tungstenite takes 1014 for a code that may not be sent. It is registered with IANA: "Bad Gateway".
    BadGateway,
    /// tungstenite does not tell the peer about its violation. RFC 6455 section 7.1.7: "the endpoint SHOULD send a
    /// Close frame with an appropriate status code".
    SilentFailure,
    /// tungstenite answers no Ping after its own Close. RFC 6455 section 5.5.2: "an endpoint MUST send a Pong frame in
    /// response, unless it already received a Close frame".
    PongAfterOwnClose,
}

impl Row {
    /// Each row, with input of `differential` that needs it.
    #[rustfmt::skip]
    pub(crate) const ALL: [(Self, &'static [u8]); 9] = [
        (Self::SeveralFaults, b"\x01\xC3\x00"),
        (Self::Late, b"\x01\x89\x7E"),
        (Self::LengthNotMinimal, b"\x01\x82\x7E\x00\x03one"),
        (Self::Fragments, b"\x03\x02\x00\x00\x00\x00\x00\x80\x00"),
        (Self::ForbiddenCode, b"\x01\x88\x02\x03\xED"),
        (Self::ForbiddenCodeInReply, b"\x05\x88\x02\x03\xED"),
        (Self::BadGateway, b"\x01\x88\x02\x03\xF6"),
        (Self::SilentFailure, b"\x01\x83\x00"),
        (Self::PongAfterOwnClose, b"\x05\x89\x01p"),
    ];
}
