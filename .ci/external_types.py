#!/usr/bin/env python3
"""Fails if the public API names a type, a trait or a module of a crate whose version is 0.x.

Each 0.y of such a crate breaks its users, so each would force a breaking release on ours.

    external_types.py               checks the crate
    external_types.py --self-test   checks the fixture in .ci/fixtures/external: every line that ends in `//~ CRATE ...`
                                    must be found, and no other line

The API, with all features, is read from the JSON that rustdoc of a nightly toolchain writes: the public items below the
root of the crate, the items that their signatures name, and the impls of both. It has no items that the docs hide.
"""

import json
import subprocess
import sys
from collections import deque
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FIXTURE = ROOT / ".ci/fixtures/external"
TARGET = ROOT / "target/external"

# Between our types and those of these crates, `From` and `TryFrom` are allowed. Such an impl names the crate only for a
# program that depends on the crate itself, and the impl for its next version can be added beside it.
CONVERTED = {"rustls", "tungstenite"}
CONVERSIONS = {("core", "convert", "From"), ("core", "convert", "TryFrom")}

# Our types may implement these traits. Such an impl, too, names the crate only for a program that depends on it. `futures`
# has kept these versions since 2019, and the traits of its next one can be implemented beside them.
IMPLEMENTED = {("futures_core", "stream", "Stream"), ("futures_sink", "Sink")}

# Fewer items than this mean that the API has not been seen.
LEAST_ITEMS = 400

# The kinds of items in rustdoc's JSON, without and with types in them.
WITHOUT_TYPES = {"attribute", "keyword", "macro", "primitive", "proc_macro"}
WITH_TYPES = {
    "assoc_const", "assoc_type", "constant", "enum", "extern_type", "function", "impl", "module", "static", "struct",
    "struct_field", "trait", "trait_alias", "type_alias", "union", "use", "variant",
}


def main():
    if sys.argv[1:] == ["--self-test"]:
        return self_test()
    if sys.argv[1:]:
        sys.exit(__doc__)
    api = Api(ROOT, "statesocket")
    for violation in sorted(api.violations):
        print(violation)
    print(f"{len(api.path_of)} public items and {api.impls} impls name {len(api.violations)} times a 0.x crate")
    if len(api.path_of) < LEAST_ITEMS:
        sys.exit(f"the API has at least {LEAST_ITEMS} items: not all have been seen")
    return 1 if api.violations else 0


def self_test():
    planted = set()
    for line, text in enumerate((FIXTURE / "planted/src/lib.rs").read_text().splitlines(), 1):
        _, _, crates = text.partition("//~ ")
        planted |= {(line, crate) for crate in crates.split()}
    found = {(violation.line, violation.crate) for violation in Api(FIXTURE, "planted").violations}
    for line, crate in sorted(planted - found):
        print(f"not found: {crate} in line {line} of the fixture")
    for line, crate in sorted(found - planted):
        print(f"found, but not planted: {crate} in line {line} of the fixture")
    print(f"self-test: {len(planted & found)} of {len(planted)} planted violations found")
    return 0 if planted and planted == found else 1


@dataclass(frozen=True, order=True)
class Violation:
    """One item that names something of a 0.x crate."""

    item: str
    foreign: str
    crate: str
    version: str
    file: str
    line: int

    def __str__(self):
        return f"{self.item} names {self.foreign} of {self.crate} {self.version} ({self.file}:{self.line})"


class Api:
    """The public API of a package, and the violations in it."""

    def __init__(self, directory, package):
        docs, self.versions = rustdoc(directory, package)
        self.index, self.paths = docs["index"], docs["paths"]
        self.violations, self.impls = set(), 0
        # The public path of each item that has been reached; the shortest, since the nearest are visited first.
        self.path_of = {}
        self.pending = deque([(docs["root"], package)])
        self.visit_pending()
        impls = [item for item in self.index.values() if is_written_impl(item)]
        # An impl can make more items public, and these more impls.
        while public := [item for item in impls if self.is_public(item)]:
            impls = [item for item in impls if item not in public]
            for item in public:
                self.visit_impl(item)
            self.visit_pending()

    def visit_pending(self):
        while self.pending:
            item_id, path = self.pending.popleft()
            if item_id not in self.path_of:
                self.path_of[item_id] = path
                self.visit(self.index[str(item_id)], path)

    def visit(self, item, path):
        kind, inner = content(item)
        if kind == "use":
            self.visit_use(item, path.rpartition("::")[0])
        else:
            self.check(item, path, inner)
            self.visit_children(children(kind, inner), path)

    def visit_use(self, item, parent):
        use = item["inner"]["use"]
        # A primitive type has no id.
        if use["id"] is not None:
            self.refer(item, parent if use["is_glob"] else f"{parent}::{use['name']}", use["id"])

    def visit_children(self, ids, path):
        for child_id in ids:
            # An item that is hidden from the docs is not in the index.
            child = self.index.get(str(child_id))
            # Variants and the items of traits have the default visibility, which is that of their parent.
            if child is not None and child["visibility"] in ("public", "default"):
                self.pending.append((child_id, f"{path}::{child['name']}"))

    def is_public(self, impl_item):
        """Whether all of our types and traits that an impl joins are public."""
        return all(path_id in self.path_of for path_id in joined(impl_item) if self.crate_of(path_id) == 0)

    def visit_impl(self, item):
        self.impls += 1
        impl = item["inner"]["impl"]
        path = self.name(impl["for"])
        if impl["trait"] is not None:
            path = f"<{path} as {impl['trait']['path']}>"
        if self.is_allowed(item):
            # The error of a conversion is the caller's to handle, so it is checked all the same.
            kinds = {child: content(self.index[str(child)])[0] for child in impl["items"]}
            self.visit_children([child for child, kind in kinds.items() if kind == "assoc_type"], path)
        else:
            self.check(item, path, impl)
            self.visit_children(impl["items"], path)

    def is_allowed(self, impl_item):
        trait = impl_item["inner"]["impl"]["trait"]
        name = trait and tuple(self.paths[str(trait["id"])]["path"])
        if name in IMPLEMENTED:
            return True
        if name not in CONVERSIONS:
            return False
        # One of the two types is ours: Rust allows no other impl of a foreign trait.
        crates = {self.crate_of(path_id) for path_id in joined(impl_item)}
        return {self.versions[crate][0] for crate in crates & self.versions.keys()} <= CONVERTED

    def check(self, item, path, tree):
        for path_id in path_ids(tree):
            self.refer(item, path, path_id)

    def refer(self, item, path, path_id):
        """Notes that `item`, public as `path`, names the item with the id `path_id`."""
        crate = self.crate_of(path_id)
        if crate == 0:
            if str(path_id) in self.index:
                self.pending.append((path_id, path))
        elif crate in self.versions and self.versions[crate][1].startswith("0."):
            foreign = "::".join(self.paths[str(path_id)]["path"])
            span = item["span"]
            self.violations.add(Violation(path, foreign, *self.versions[crate], span["filename"], span["begin"][0]))

    def crate_of(self, path_id):
        """The crate that defines an item: 0 is ours."""
        key = str(path_id)
        return self.paths[key]["crate_id"] if key in self.paths else self.index[key]["crate_id"]

    def name(self, type_tree):
        """A type without its parameters."""
        (kind, inner), = type_tree.items()
        if kind == "resolved_path":
            return self.path_of.get(inner["id"], inner["path"])
        if kind == "borrowed_ref":
            return "&" + self.name(inner["type"])
        return inner if isinstance(inner, str) else kind


def is_written_impl(item):
    """Whether the item is an impl in our source: neither derived by the compiler nor from a blanket impl."""
    impl = item["inner"].get("impl")
    return impl is not None and item["crate_id"] == 0 and not impl["is_synthetic"] and impl["blanket_impl"] is None


def joined(impl_item):
    """The ids of the types and traits in the head of an impl."""
    impl = impl_item["inner"]["impl"]
    return path_ids([impl["trait"], impl["for"]])


def content(item):
    (kind, inner), = item["inner"].items()
    if kind in WITHOUT_TYPES:
        return kind, None
    if kind not in WITH_TYPES:
        sys.exit(f"rustdoc has a kind of item that this script does not know: {kind}")
    return kind, inner


def children(kind, inner):
    """The ids of the items inside an item."""
    if kind in ("module", "trait"):
        return inner["items"]
    if kind == "enum":
        return inner["variants"]
    if kind == "union":
        return inner["fields"]
    if kind in ("struct", "variant") and isinstance(inner["kind"], dict):
        (_, fields), = inner["kind"].items()
        fields = fields["fields"] if isinstance(fields, dict) else fields
        # A hidden field of a tuple is null.
        return [field for field in fields if field is not None]
    return []


def path_ids(tree):
    """The ids of the types and traits that a part of an item names."""
    if isinstance(tree, dict):
        if "id" in tree and "path" in tree:
            yield tree["id"]
        for value in tree.values():
            yield from path_ids(value)
    elif isinstance(tree, list):
        for value in tree:
            yield from path_ids(value)


def rustdoc(directory, package):
    """The docs of a package, and name and version by id of all crates in them that do not come with the compiler."""
    written = TARGET / f"doc/{package}.json"
    written.unlink(missing_ok=True)
    # Private items, since a signature can name a public type in a private module.
    options = ["-Zunstable-options", "--output-format=json", "--document-private-items", "--cap-lints=allow"]
    command = ["rustdoc", "--quiet", "--lib", f"--package={package}", f"--target-dir={TARGET}"]
    messages = cargo(directory, *command, "--message-format=json-render-diagnostics", "--", *options)
    metadata = json.loads(cargo(directory, "metadata", "--format-version=1"))
    packages = {package["id"]: (package["name"], package["version"]) for package in metadata["packages"]}
    # Cargo and rustdoc name the same files, in a linked directory by different paths.
    built = {}
    for message in map(json.loads, messages.splitlines()):
        if message["reason"] == "compiler-artifact":
            built |= {Path(file).name: packages[message["package_id"]] for file in message["filenames"]}

    docs = json.loads(written.read_text())
    versions = {}
    for crate, external in docs["external_crates"].items():
        file = Path(external["path"]).name
        if file in built:
            versions[int(crate)] = built[file]
        elif "/lib/rustlib/" not in external["path"]:
            sys.exit(f"no package is known of the crate {external['name']} in {external['path']}")
    return docs, versions


def cargo(directory, command, *arguments):
    line = ["cargo", "+nightly", command, "--locked", "--all-features", *arguments]
    done = subprocess.run(line, cwd=directory, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"cargo {command} failed")
    return done.stdout


if __name__ == "__main__":
    sys.exit(main())
