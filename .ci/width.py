#!/usr/bin/env python3
"""Fails if a comment in Rust or a line of Markdown is wider than 120 characters: rustfmt wraps neither.

In Markdown, a row of a table may be wider, and so may a line whose link alone makes it so.
"""

import re
import subprocess
import sys
from pathlib import Path

WIDTH = 120
ROOT = Path(__file__).resolve().parent.parent
RUST = ["src", "tests", "benches", "examples", "fuzz"]

# The start of a comment; a slash before it is that of a URL.
COMMENT = re.compile(r"(?<![:/])//|/\*")
# The target of a link, inline or in a definition, and a bare URL.
TARGET = re.compile(r"\]\([^)]*\)|(?<=\]: )\S+|<?https?://\S+")


def main():
    failed = False
    rules = [(f"{folder}/**/*.rs", is_wide_comment) for folder in RUST] + [("**/*.md", is_wide_prose)]
    for paths, is_too_wide in rules:
        files = tracked(paths)
        wide = [(file, number, line) for file in files for number, line in lines(file) if is_too_wide(line)]
        for file, number, line in wide:
            print(f"{file}:{number}: {len(line)} characters")
        print(f"{paths}: {len(files)} files, {len(wide)} lines wider than {WIDTH}")
        failed |= bool(wide) or not files
    return 1 if failed else 0


def is_wide_comment(line):
    return len(line) > WIDTH and COMMENT.search(line) is not None


def is_wide_prose(line):
    return len(line) > WIDTH and not line.lstrip().startswith("|") and len(TARGET.sub("", line)) > WIDTH


def tracked(paths):
    """The files that match, committed or not, but for those that Git ignores."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", f":(glob){paths}"]
    listed = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout
    return [Path(file) for file in listed.splitlines() if (ROOT / file).is_file()]


def lines(file):
    return enumerate((ROOT / file).read_text(encoding="utf-8").split("\n"), 1)


if __name__ == "__main__":
    sys.exit(main())
