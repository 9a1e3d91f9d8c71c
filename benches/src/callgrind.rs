//! Counts instructions: a program runs itself under callgrind, which counts only while [`measured`] runs.

use crate::{Bench, Work};
use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
};

/// Has a program run one workload, and print how many units of work that was.
const COUNTED: &str = "--counted";
const MEASURED: &str = "statesocket_benches::callgrind::measured";
/// Callgrind counts a `rep movsb` or `rep stosb` by the byte: what copies or clears is to be a loop of vectors at every
/// length. And where memory comes from is not to depend on what was allocated before.
const TUNABLES: &str = "glibc.cpu.x86_rep_movsb_threshold=1073741824:glibc.cpu.x86_rep_stosb_threshold=1073741824:\
    glibc.malloc.mmap_threshold=33554432";

/// Whether callgrind has this program run one workload, which then has been done. Ask it first in `main`.
#[must_use]
pub fn has_run_one(benches: impl FnOnce() -> Vec<Bench>) -> bool {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [flag, name] = arguments.as_slice() else { return false };
    if flag != COUNTED {
        return false;
    }
    let bench = benches().into_iter().find(|bench| bench.name == *name).expect("a name of the list");
    // A thread has a heap of its own: whether memory can grow where it lies does not depend on what the list has left.
    let units = thread::spawn(move || bench.run(measured)).join().expect("the work is done right");
    println!("{units}");
    true
}

#[inline(never)]
fn measured(work: &mut dyn Work) {
    work.run();
}

/// The instructions of one unit of the workload called `name`. The profile is left in `folder`. What happens inside
/// functions that match `uncounted`, while it is measured, is left out; they must not run at other times.
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
        // To look up the names in one takes minutes under valgrind.
        .env("RUST_BACKTRACE", "0")
        .stderr(Stdio::inherit())
        .output()
        .expect("valgrind can be run: install it");
    assert!(output.status.success(), "{name} is not done right");
    let units = String::from_utf8_lossy(&output.stdout);
    let units: f64 = units.trim().parse().expect("it prints a number");
    total(&profile) / units
}

fn total(profile: &Path) -> f64 {
    let text = fs::read_to_string(profile).expect("callgrind has written it");
    let total = text.lines().find_map(|line| line.strip_prefix("totals: ")).expect("a profile has a total");
    total.trim().parse().expect("the total is a number")
}

/// The folder in `tmp` that profiles are left in.
#[must_use]
pub fn folder(tmp: &str) -> PathBuf {
    let folder = Path::new(tmp).join("callgrind");
    fs::create_dir_all(&folder).expect("the folder of profiles can be made");
    println!("profiles for callgrind_annotate: {}\n", folder.display());
    folder
}

/// What the counts depend on, beside the code.
#[must_use]
pub fn tools() -> String {
    let version = |tool: &str| {
        let output = Command::new(tool).arg("--version").output().unwrap_or_else(|error| panic!("{tool}: {error}"));
        String::from_utf8_lossy(&output.stdout).lines().next().unwrap_or_default().to_owned()
    };
    [version("rustc"), version("valgrind"), version("ldd")].join(", ")
}
