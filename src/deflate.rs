//! permessage-deflate: RFC 7692.
#![allow(dead_code)]

mod compress;
mod compressor;
mod engines;
mod history;
mod inflate;
