//! The section that has the broken rule.

use statesocket::{HandshakeError, ProtocolError, http::StatusCode, http::header::SEC_WEBSOCKET_KEY};

#[test]
fn a_protocol_error_names_its_section() {
    use ProtocolError::*;
    for (section, errors) in [
        ("5.1", &[UnmaskedFrame, MaskedFrame][..]),
        ("5.2", &[ReservedBits, UnknownOpCode(3), LengthNotMinimal, LengthOverflow]),
        ("5.4", &[UnexpectedContinuation, InterleavedMessage]),
        ("5.5", &[ControlTooLong, FragmentedControl]),
        ("5.5.1", &[CloseBodyTooShort, InvalidCloseReason]),
        ("7.4", &[InvalidCloseCode(1005)]),
        ("8.1", &[InvalidText]),
        ("10.4", &[FrameTooLarge { size: 2, limit: 1 }, MessageTooLarge { size: 2, limit: 1 }]),
        ("10.4", &[TooManyFragments { limit: 1 }, OutOfMemory { size: 1 }]),
    ] {
        for error in errors {
            assert_eq!(error.section(), format!("RFC 6455 section {section}"), "{error}");
        }
    }
    #[cfg(feature = "deflate")]
    assert_eq!(CorruptDeflate.section(), "RFC 7692 section 7.2.2");
}

#[test]
fn a_handshake_error_names_its_section() {
    use HandshakeError::*;
    for (section, errors) in [
        ("6455 section 3", &[InvalidTarget][..]),
        ("6455 section 4.1", &[RequestBody, TooMuchEarlyData { limit: 1 }, InvalidSubprotocol, InvalidAccept]),
        ("6455 section 4.1", &[NotAccepted(StatusCode::OK), UpgradeMissing, ConnectionMissing]),
        ("6455 section 4.1", &[ExtensionNotOffered, SubprotocolNotOffered]),
        ("6455 section 4.2.1", &[MethodNotAllowed, UpgradeRequired, InvalidKey]),
        ("6455 section 4.4", &[UnsupportedWebSocketVersion]),
        ("6455 section 9.1", &[InvalidExtensions]),
        ("6455 section 10.4", &[RequestLineTooLong { limit: 1 }, HeadTooLarge { limit: 1 }, OutOfMemory]),
        ("6455 section 10.4", &[TooManyHeaders { limit: 1 }, TooManyElements { limit: 1 }]),
        ("6455 section 11.3", &[DuplicateHeader(SEC_WEBSOCKET_KEY)]),
        ("6454 section 7.1", &[InvalidOrigin]),
        ("8441 section 5", &[UnknownProtocol]),
        ("9110 section 15.6.6", &[VersionNotSupported]),
        ("9112 section 2.1", &[Malformed]),
        ("9112 section 3.2", &[InvalidHost]),
    ] {
        for error in errors {
            assert_eq!(error.section(), format!("RFC {section}"), "{error}");
        }
    }
    #[cfg(feature = "deflate")]
    assert_eq!(InvalidDeflate(statesocket::InvalidDeflate::Repeated).section(), "RFC 7692 section 7.1");
}
