//! Modules depend in one direction, as the map in the README has it.

use std::{fs, path::Path};

/// Each layer, and the modules of the crate that it may import. Whatever is not here may import anything.
const MAY_IMPORT: [(&str, &[&str]); 12] = [
    ("state", &[]),
    ("frame", &["error"]),
    ("utf8", &[]),
    ("close", &["error", "frame"]),
    ("moment", &[]),
    ("random", &["frame"]),
    ("spare", &[]),
    ("output", &["frame", "spare"]),
    ("message", &["close", "config", "error", "frame", "spare", "utf8"]),
    ("handshake", &["config", "error", "random"]),
    (
        "connection",
        &[
            "close",
            "config",
            "error",
            "event",
            "frame",
            "handshake",
            "message",
            "moment",
            "output",
            "random",
            "spare",
            "state",
            "timer",
        ],
    ),
    ("reconnect", &["event", "handshake", "random"]),
];

#[test]
fn modules_import_only_from_below() {
    for (layer, allowed) in MAY_IMPORT {
        for (file, source) in sources(layer) {
            for module in imported_modules(&source) {
                let is_public_name = module.starts_with(char::is_uppercase);
                assert!(is_public_name || allowed.contains(&module.as_str()), "{file} must not import {module}");
            }
        }
    }
}

/// `src/LAYER.rs` and the files in `src/LAYER/`.
fn sources(layer: &str) -> Vec<(String, String)> {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut paths = vec![src.join(format!("{layer}.rs"))];
    let files = fs::read_dir(src.join(layer)).into_iter().flatten().map(|entry| entry.expect("a file").path());
    paths.extend(files.filter(|path| path.is_file()));
    paths.into_iter().map(|path| (path.display().to_string(), fs::read_to_string(&path).expect("a source"))).collect()
}

/// The first names behind each `use crate::`, tests left out.
fn imported_modules(source: &str) -> Vec<String> {
    let code = source.split("#[cfg(test)]").next().unwrap_or_default();
    code.split("use crate::")
        .skip(1)
        .flat_map(|rest| {
            let item = rest.split(';').next().unwrap_or_default();
            top_level_elements(item.strip_prefix('{').unwrap_or(item))
        })
        .collect()
}

/// Of `a::{b, c}, d` the names `a` and `d`.
fn top_level_elements(list: &str) -> Vec<String> {
    let mut depth = 0;
    let outside: String = list
        .chars()
        .filter(|c| {
            depth += i32::from(*c == '{') - i32::from(*c == '}');
            depth == 0 && *c != '}'
        })
        .collect();
    let first_name = |element: &str| element.trim().split("::").next().unwrap_or_default().to_owned();
    outside.split(',').map(first_name).filter(|name| !name.is_empty()).collect()
}

#[test]
fn the_check_sees_nested_imports() {
    let source = "use crate::{\n    frame::{MaskKey, OpCode},\n    state::Phase,\n};\nuse crate::server;";
    assert_eq!(imported_modules(source), ["frame", "state", "server"]);
}
