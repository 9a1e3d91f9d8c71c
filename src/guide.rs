#![doc = include_str!("guide/drivers.md")]
#![cfg_attr(
    not(all(feature = "deflate", feature = "serde", feature = "server", feature = "testing", feature = "tokio")),
    allow(rustdoc::broken_intra_doc_links, reason = "the pages name every part of the crate")
)]

#[doc = include_str!("guide/comparison.md")]
pub mod comparison {}

#[doc = include_str!("guide/deploy.md")]
pub mod deploy {}

#[doc = include_str!("guide/faq.md")]
pub mod faq {}

#[doc = include_str!("guide/from_fastapi.md")]
pub mod from_fastapi {}

#[doc = include_str!("guide/from_tungstenite.md")]
pub mod from_tungstenite {}

#[doc = include_str!("guide/limits.md")]
pub mod limits {}

#[doc = include_str!("guide/metrics.md")]
pub mod metrics {}
