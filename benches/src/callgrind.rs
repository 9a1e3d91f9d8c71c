//! Counts instructions: a program runs itself under callgrind, which counts only inside [`measured`].

use crate::{Bench, Work};
use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
};

/// Makes a program run one workload, and print its units of work.
const COUNTED: &str = "--counted";
const MEASURED: &str = "statesocket_benches::callgrind::measured";
/// Callgrind counts `rep movsb` and `rep stosb` once per byte; the first two thresholds make glibc copy and clear with
/// vectors at every length. The last one makes the source of memory independent of earlier allocations.
const TUNABLES: &str = "glibc.cpu.x86_rep_movsb_threshold=1073741824:glibc.cpu.x86_rep_stosb_threshold=1073741824:\
    glibc.malloc.mmap_threshold=33554432";

/// Runs one workload if callgrind runs this program. Returns whether it did; call this first in `main`.
#[must_use]
pub fn has_run_one(benches: impl FnOnce() -> Vec<Bench>) -> bool {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [flag, name] = arguments.as_slice() else { return false };
    if flag != COUNTED {
        return false;
    }
    let bench = benches().into_iter().find(|bench| bench.name == *name).expect("the name is in the list");
    // A thread has a heap of its own, so that growing in place does not depend on the memory of the list.
    let units = thread::spawn(move || bench.run(measured)).join().expect("the workload is done right");
    println!("{units}");
    true
}

#[inline(never)]
fn measured(work: &mut dyn Work) {
    work.run();
}

/// The instructions of one unit of the workload called `name`. The profile is written to `folder`. Functions that match
/// `uncounted` are not counted; they must run only while the workload is measured.
#[must_use]
pub fn count(name: &str, folder: &Path, uncounted: Option<&str>) -> f64 {
    let profile = folder.join(format!("{}.out", name.replace([' ', ','], "-")));
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--quiet", "--collect-atstart=no"])
        .args([MEASURED].into_iter().chain(uncounted).map(|function| format!("--toggle-collect={function}")))
        .arg(format!("--callgrind-out-file={}", profile.display()))
        .arg(env::current_exe().expect("this program has a path"))
        .args([COUNTED, name])
        .env("GLIBC_TUNABLES", TUNABLES)
        // Under valgrind, resolving the names of a backtrace takes minutes.
        .env("RUST_BACKTRACE", "0")
        .stderr(Stdio::inherit())
        .output()
        .expect("valgrind can be run: it has to be installed");
    assert!(output.status.success(), "{name} fails");
    let units = String::from_utf8_lossy(&output.stdout);
    let units: f64 = units.trim().parse().expect("the program prints a number");
    total(&profile) / units
}

fn total(profile: &Path) -> f64 {
    let text = fs::read_to_string(profile).expect("callgrind has written it");
    let total = text.lines().find_map(|line| line.strip_prefix("totals: ")).expect("a profile has a total");
    total.trim().parse().expect("the total is a number")
}

/// The folder of the profiles, in `tmp`.
#[must_use]
pub fn folder(tmp: &str) -> PathBuf {
    let folder = Path::new(tmp).join("callgrind");
    fs::create_dir_all(&folder).expect("the folder of the profiles can be created");
    println!("profiles for callgrind_annotate: {}\n", folder.display());
    folder
}

/// The versions of the tools that the counts depend on.
#[must_use]
pub fn tools() -> String {
    let version = |tool: &str| {
        let output = Command::new(tool).arg("--version").output().unwrap_or_else(|error| panic!("{tool}: {error}"));
        String::from_utf8_lossy(&output.stdout).lines().next().unwrap_or_default().to_owned()
    };
    [version("rustc"), version("valgrind"), version("ldd")].join(", ")
}
