//! The examples, built by the tests that start them: never missing, never stale.

use std::{
    collections::BTreeMap,
    env,
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

/// The examples that tests start.
const EXAMPLES: &[&str] = &[
    "client",
    "echo",
    "faults",
    #[cfg(feature = "serde")]
    "room_server",
    "soak",
    "threads_client",
    "threads_server",
    #[cfg(all(feature = "tls-ring", feature = "tokio"))]
    "tls_client",
    #[cfg(feature = "tokio")]
    "tokio_client",
    #[cfg(feature = "tokio")]
    "tokio_echo",
];

/// The features of this build. With any other set, `default` included, cargo would build everything again.
pub(crate) const FEATURES: [(&str, bool); 10] = [
    ("default", cfg!(feature = "default")),
    ("_internals", cfg!(feature = "_internals")),
    ("deflate", cfg!(feature = "deflate")),
    ("serde", cfg!(feature = "serde")),
    ("server", cfg!(feature = "server")),
    ("tls", cfg!(feature = "tls")),
    ("tls-aws-lc", cfg!(feature = "tls-aws-lc")),
    ("tls-ring", cfg!(feature = "tls-ring")),
    ("tokio", cfg!(feature = "tokio")),
    ("tracing", cfg!(feature = "tracing")),
];

/// The executable of the example `name`. The first call in this process builds all of [`EXAMPLES`].
pub(crate) fn path_of(name: &str) -> &'static Path {
    static BUILT: OnceLock<Result<BTreeMap<String, PathBuf>, String>> = OnceLock::new();
    let built = BUILT.get_or_init(build).as_ref().unwrap_or_else(|error| panic!("{error}"));
    built.get(name).unwrap_or_else(|| panic!("{name} is none of {EXAMPLES:?}"))
}

/// Runs cargo with the features, the profile and the target directory of this binary. Returns the path of each example.
fn build() -> Result<BTreeMap<String, PathBuf>, String> {
    let features = FEATURES.iter().filter(|(_, is_on)| *is_on).map(|(name, _)| *name);
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| env!("CARGO").into()));
    cargo.current_dir(env!("CARGO_MANIFEST_DIR")).args([
        "build",
        "--frozen",
        "--message-format=json-render-diagnostics",
    ]);
    cargo.args(["--no-default-features", "--features", &features.collect::<Vec<_>>().join(",")]);
    cargo.args(EXAMPLES.iter().map(|name| format!("--example={name}")));
    cargo.args(place(&env::current_exe().map_err(|error| error.to_string())?));
    let output = cargo.output().map_err(|error| format!("{cargo:?} cannot be run: {error}"))?;
    if !output.status.success() {
        return Err(format!("{cargo:?}: {}\n{}", output.status, String::from_utf8_lossy(&output.stderr)));
    }
    Ok(String::from_utf8_lossy(&output.stdout).lines().filter_map(executable).collect())
}

/// The arguments for the profile and the directory of `test`, which is `TARGET_DIR/[TRIPLE/]PROFILE/deps/NAME`.
fn place(test: &Path) -> Vec<String> {
    let mut folders = test.ancestors().skip(2);
    let [profile, inner, outer] = std::array::from_fn(|_| folders.next().unwrap_or_else(|| Path::new("")));
    let name = |folder: &Path| folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let profile = name(profile);
    let mut args = vec![format!("--profile={}", if profile == "debug" { "dev" } else { &profile })];
    // cargo marks its target directory, and the one for a triple inside it, with this file.
    let is_marked = |folder: &Path| folder.join("CACHEDIR.TAG").exists();
    if is_marked(outer) && name(inner).contains('-') {
        args.extend([format!("--target-dir={}", outer.display()), format!("--target={}", name(inner))]);
    } else if is_marked(inner) {
        args.push(format!("--target-dir={}", inner.display()));
    }
    args
}

/// The name and the executable of an example, from one of cargo's messages.
fn executable(message: &str) -> Option<(String, PathBuf)> {
    let field = |name: &str| Some(message.split_once(&format!(r#""{name}":""#))?.1.split_once('"')?.0);
    let is_example = message.contains(r#""kind":["example"]"#);
    is_example.then(|| Some((field("name")?.to_owned(), field("executable")?.replace(r"\\", r"\").into())))?
}
