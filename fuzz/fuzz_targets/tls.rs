#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| statesocket_fuzz::check(env!("CARGO_BIN_NAME"), data));
