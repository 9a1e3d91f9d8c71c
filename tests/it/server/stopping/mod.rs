//! The end of the loop, and of all its connections with it.

#[cfg(feature = "testing")]
mod accepting;
mod address;
#[cfg(feature = "testing")]
mod dropped;
#[cfg(feature = "testing")]
mod graceful;
mod load;
#[cfg(feature = "testing")]
mod requests;
#[cfg(feature = "testing")]
mod spread;
