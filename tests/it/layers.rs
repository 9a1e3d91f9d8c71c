//! Modules and files depend in one direction, as the map in CONTRIBUTING.md shows.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

/// Every module of the crate from the bottom up, and what it may import. `crate` is a name that `lib.rs` exports: only
/// what stands above the public API goes that way.
const MAY_IMPORT: [(&str, &[&str]); 28] = [
    ("state", &[]),
    ("role", &["state"]),
    ("close_code", &["role"]),
    ("timer", &[]),
    ("deflate", &["role"]),
    ("config", &["deflate"]),
    ("agreed", &["deflate"]),
    ("utf8", &[]),
    ("moment", &[]),
    ("spare", &["deflate"]),
    ("error", &["close_code", "state"]),
    ("frame", &["error", "role"]),
    ("random", &["frame"]),
    ("close_frame", &["close_code", "error", "frame", "role"]),
    ("output", &["frame", "spare"]),
    ("message", &["close_frame", "config", "deflate", "error", "frame", "role", "spare", "utf8"]),
    ("conversions", &["close_code", "close_frame", "message", "role"]),
    ("handshake", &["agreed", "config", "deflate", "error", "random"]),
    ("event", &["close_code", "close_frame", "error", "handshake", "message", "state", "timer"]),
    (
        "connection",
        &[
            "agreed",
            "close_code",
            "close_frame",
            "config",
            "deflate",
            "error",
            "event",
            "frame",
            "handshake",
            "message",
            "moment",
            "output",
            "random",
            "role",
            "spare",
            "state",
            "timer",
        ],
    ),
    ("reconnect", &["close_code", "config", "event", "handshake", "random"]),
    ("inbox", &["connection", "event"]),
    (
        "blocking",
        &[
            "agreed",
            "close_code",
            "config",
            "connection",
            "error",
            "event",
            "handshake",
            "inbox",
            "message",
            "reconnect",
            "role",
            "state",
        ],
    ),
    (
        "tokio",
        &[
            "agreed",
            "close_code",
            "config",
            "connection",
            "error",
            "event",
            "handshake",
            "inbox",
            "message",
            "output",
            "reconnect",
            "role",
            "state",
        ],
    ),
    ("server", &["crate", "handshake", "moment"]),
    ("testing", &["crate", "handshake", "server"]),
    ("guide", &[]),
    ("internals", &["error", "frame", "role", "utf8"]),
];

#[test]
fn every_module_has_a_row_and_imports_only_from_below() {
    let graph = Graph::read("src");
    let modules: BTreeSet<_> = graph.sources.keys().filter_map(|module| module.first()).map(String::as_str).collect();
    assert_eq!(modules, MAY_IMPORT.map(|(module, _)| module).into(), "the modules of src, and the rows");
    for (n, (module, allowed)) in MAY_IMPORT.iter().enumerate() {
        let is_below = |name: &&str| *name == "crate" || MAY_IMPORT[..n].iter().any(|(below, _)| below == name);
        assert!(allowed.iter().all(is_below), "{module} may import what is not below it: {allowed:?}");
    }
    // Names of the crate root have a test of their own.
    let arrows = graph.arrows_between_modules().into_iter().filter(|(_, to, _)| to != "crate");
    assert_eq!(arrows.filter(|arrow| !is_allowed(arrow)).collect::<Vec<_>>(), [], "arrows that no row allows");
}

#[test]
fn no_file_depends_on_one_that_depends_on_it() {
    let graph = Graph::read("src");
    let roots = graph.arrows_between_modules().into_iter().filter(|(_, to, _)| to == "crate");
    let roots: Vec<_> = roots.filter(|arrow| !is_allowed(arrow)).collect();
    assert_eq!((roots, graph.circles()), (vec![], vec![]), "uses of the crate root, and circles of files");
}

/// Helpers are in `support`, and set-up of one folder in its `mod.rs`.
#[test]
fn no_test_file_imports_from_another() {
    let graph = Graph::read("tests/it");
    let files = graph.sources.keys().flat_map(|file| graph.targets(file).into_iter().map(move |target| (file, target)));
    let between_tests: Vec<_> = files.filter(|(_, target)| graph.sources[target].has_tests).collect();
    assert_eq!(between_tests, [], "each imports from a file of tests");
}

/// The module, the one that it imports, and the path that says so.
type Arrow = (String, String, String);

fn is_allowed((from, to, _): &Arrow) -> bool {
    MAY_IMPORT.iter().any(|(module, allowed)| module == from && allowed.contains(&to.as_str()))
}

/// The path of a module below the crate; of the crate itself it is empty.
type Module = Vec<String>;

#[derive(Debug, Default)]
struct Source {
    /// The paths of `use`, and whether each is exported.
    uses: Vec<(bool, Vec<String>)>,
    /// Other paths of at least two names.
    paths: Vec<Vec<String>>,
    /// Single names.
    names: BTreeSet<String>,
    has_tests: bool,
}

struct Graph {
    sources: BTreeMap<Module, Source>,
}

impl Graph {
    /// Reads the sources in `folder`. What stands in a `mod tests` is left out.
    fn read(folder: &str) -> Self {
        let src = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
        let (mut sources, mut folders) = (BTreeMap::new(), vec![src.clone()]);
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).expect("the folder can be read") {
                let path = entry.expect("the folder can be read").path();
                if path.is_dir() {
                    folders.push(path);
                    continue;
                }
                // Text that docs include.
                if path.extension().is_some_and(|extension| extension == "md") {
                    continue;
                }
                let module = path.strip_prefix(&src).expect("it is in that folder").with_extension("");
                let mut module: Module = module.iter().map(|name| name.to_string_lossy().into_owned()).collect();
                module.pop_if(|name| matches!(name.as_str(), "lib" | "main" | "mod"));
                if module.last().is_none_or(|name| name != "tests") {
                    sources.insert(module, Source::parse(&fs::read_to_string(path).expect("a source is text")));
                }
            }
        }
        Self { sources }
    }

    /// Every path from one module of the crate to another, or to the root.
    fn arrows_between_modules(&self) -> Vec<Arrow> {
        let mut arrows = Vec::new();
        for (module, source) in &self.sources {
            let Some(from) = module.first() else { continue };
            for path in source.uses.iter().map(|(_, path)| path).chain(&source.paths) {
                let Some(full) = self.full(module, path) else { continue };
                let Some(to) = full.first() else { continue };
                let to = if self.sources.contains_key(&full[..1]) { to } else { "crate" };
                if to != from {
                    arrows.push((from.clone(), to.to_owned(), path.join("::")));
                }
            }
        }
        arrows
    }

    /// Circles among files, each by its paths. One that runs through several files is there once for each.
    fn circles(&self) -> Vec<String> {
        let arrows: BTreeMap<_, _> = self.sources.keys().map(|module| (module, self.targets(module))).collect();
        let mut circles = Vec::new();
        for start in self.sources.keys() {
            // The shortest way back.
            let mut ways = vec![vec![start.clone()]];
            let mut seen = BTreeSet::new();
            while !ways.is_empty() {
                let longer = |way: &Vec<Module>| {
                    let targets = arrows[&way[way.len() - 1]].iter();
                    targets.map(|next| [&way[..], std::slice::from_ref(next)].concat()).collect::<Vec<_>>()
                };
                ways = ways.iter().flat_map(longer).filter(|way| seen.insert(way[way.len() - 1].clone())).collect();
                if let Some(back) = ways.iter().find(|way| way[way.len() - 1] == *start) {
                    circles.push(back.iter().map(|module| module.join("/")).collect::<Vec<_>>().join(" -> "));
                    break;
                }
            }
        }
        circles
    }

    /// The files that `module` depends on: those that define what it names.
    fn targets(&self, module: &Module) -> BTreeSet<Module> {
        let source = &self.sources[module];
        // To export what a child defines is not to depend on it.
        let is_used = |(is_exported, path): &&(bool, Vec<String>)| {
            !is_exported
                || !self.is_child(module, &path[0])
                || path.last().is_some_and(|name| source.names.contains(name))
        };
        let uses = source.uses.iter().filter(is_used).map(|(_, path)| path);
        let targets = uses.chain(&source.paths).filter_map(|path| self.definer(module, path));
        targets.filter(|target| target != module && !target.is_empty()).collect()
    }

    /// The module that defines what `path` means in `module`; `None` if that is not of this crate.
    fn definer(&self, module: &[String], path: &[String]) -> Option<Module> {
        let full = self.full(module, path)?;
        let len = (0..=full.len()).rev().find(|len| self.sources.contains_key(&full[..*len]))?;
        let (found, rest) = full.split_at(len);
        let Some(name) = rest.first() else { return Some(found.to_vec()) };
        let exports =
            self.sources[found].uses.iter().filter(|(is_exported, path)| *is_exported && path.last() == Some(name));
        let definer = exports.filter_map(|(_, path)| self.definer(found, path)).next();
        Some(definer.unwrap_or_else(|| found.to_vec()))
    }

    /// `path` from the crate on.
    fn full(&self, module: &[String], path: &[String]) -> Option<Module> {
        let supers = path.iter().take_while(|name| *name == "super").count();
        Some(match path[0].as_str() {
            "crate" => path[1..].to_vec(),
            "self" => [module, &path[1..]].concat(),
            "super" => [&module[..module.len().checked_sub(supers)?], &path[supers..]].concat(),
            name if self.is_child(module, name) => [module, path].concat(),
            _ => return None,
        })
    }

    fn is_child(&self, module: &[String], name: &str) -> bool {
        self.sources.contains_key(&[module, &[name.to_owned()]].concat())
    }
}

impl Source {
    fn parse(text: &str) -> Self {
        let code = text.split("\nmod tests {").next().unwrap_or_default();
        let has_tests = code.lines().any(|line| line.trim() == "#[test]");
        let (mut source, mut statement) = (Self { has_tests, ..Self::default() }, String::new());
        for line in code.lines().map(|line| line.split("//").next().unwrap_or_default().trim()) {
            let is_use = line.starts_with("use ") || line.starts_with("pub") && line.contains(" use ");
            if statement.is_empty() && !is_use {
                source.read(line);
                continue;
            }
            statement += line;
            if let Some(item) = statement.strip_suffix(';') {
                let (visibility, tree) = item.split_once("use ").expect("a use");
                let paths = elements(tree).into_iter().map(|path| (!visibility.is_empty(), path));
                source.uses.extend(paths);
                statement.clear();
            }
        }
        source
    }

    /// Notes the names in a line of code.
    fn read(&mut self, line: &str) {
        let words = line.split(|c: char| !(c.is_alphanumeric() || "_:".contains(c)));
        for word in words {
            let path: Vec<_> = word.split("::").map(|name| name.trim_matches(':').to_owned()).collect();
            self.names.extend(path.iter().cloned());
            if path.len() > 1 && !path[0].is_empty() {
                self.paths.push(path);
            }
        }
    }
}

/// The paths that a tree of `use` stands for: of `a::{b::C, d}`, `a::b::C` and `a::d`.
fn elements(tree: &str) -> Vec<Vec<String>> {
    let tree = tree.trim();
    let Some((prefix, group)) = tree.split_once('{') else {
        let name = tree.split(" as ").next().unwrap_or_default();
        return if name.is_empty() { Vec::new() } else { vec![name.split("::").map(str::to_owned).collect()] };
    };
    let mut depth = 0;
    let group = group.strip_suffix('}').unwrap_or(group);
    let outside = |c: char| {
        depth += i32::from(c == '{') - i32::from(c == '}');
        c == ',' && depth == 0
    };
    let prefix: Vec<_> = prefix.split("::").filter(|name| !name.is_empty()).map(str::to_owned).collect();
    group.split(outside).flat_map(elements).map(|path| [&prefix[..], &path].concat()).collect()
}

#[test]
fn the_check_sees_nested_imports_and_paths_in_code() {
    let text = "\
pub use below::Thing;
use crate::{
    frame::{MaskKey, OpCode as Code},
    event::Cause,
};
// crate::comment::Nothing
fn f() -> Result<(), super::Error> { crate::server::run() }
#[cfg(test)]
mod tests {
    use crate::tests::Only;
}";
    let source = Source::parse(text);
    let paths = |paths: &[&str]| {
        paths.iter().map(|path| path.split("::").map(str::to_owned).collect()).collect::<Vec<Vec<_>>>()
    };
    let (exported, imported): (Vec<_>, Vec<_>) = source.uses.into_iter().partition(|(is_exported, _)| *is_exported);
    assert_eq!(exported.into_iter().map(|(_, path)| path).collect::<Vec<_>>(), paths(&["below::Thing"]));
    let imported: Vec<_> = imported.into_iter().map(|(_, path)| path).collect();
    assert_eq!(imported, paths(&["crate::frame::MaskKey", "crate::frame::OpCode", "crate::event::Cause"]));
    assert_eq!(source.paths, paths(&["super::Error", "crate::server::run"]));
}

#[test]
fn the_check_sees_circles_and_who_defines_a_name() {
    let module = |path: &str| path.split('/').filter(|name| !name.is_empty()).map(str::to_owned).collect::<Module>();
    let graph = |sources: &[(&str, &str)]| Graph {
        sources: sources.iter().map(|(path, text)| (module(path), Source::parse(text))).collect(),
    };
    let facade = [("", ""), ("a", "mod b;\nmod c;\npub use b::B;\n"), ("a/b", "struct B;"), ("a/c", "use super::B;")];
    let facade = graph(&facade);
    assert_eq!(facade.targets(&module("a/c")), [module("a/b")].into(), "a only exports what b defines");
    assert_eq!(facade.circles(), [""; 0]);
    let circle =
        graph(&[("", ""), ("a", "use b::B;\nstruct A;"), ("a/b", "use crate::a::A;"), ("c", "use crate::a::A;")]);
    assert_eq!(circle.circles(), ["a -> a/b -> a", "a/b -> a -> a/b"]);
}
