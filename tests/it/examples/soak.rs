//! A short run of `tests/tools/soak`, which must find nothing wrong.

use crate::support::process::Process;

#[test]
fn a_short_soak_leaves_nothing() {
    let (status, stdout, stderr) =
        Process::start("soak", &["--seconds", "5", "--connections", "200", "--seed", "1"]).wait();
    assert_eq!((status, stderr.as_slice()), (Some(0), &[][..]), "{stdout:#?}");
    assert_eq!(stdout[0], "seed 1, 200 clients at a time for 5 s");
    assert_eq!(stdout.last().map(String::as_str), Some("nothing is left, and every echo was right"));
}
