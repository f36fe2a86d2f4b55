"""Fails when a *_test.cc of the tree is compiled into no target. Those of a project of its own are
compiled if its CMakeLists.txt names them.

Usage: check_tests_are_built.py SOURCE_ROOT COMPILE_COMMANDS_JSON.
"""

import json
import pathlib
import re
import sys

PROJECTS = ["tests/consumer/project"]

def main():
    root = pathlib.Path(sys.argv[1]).resolve()
    commands = json.loads(pathlib.Path(sys.argv[2]).read_text())
    built = {(pathlib.Path(c["directory"]) / c["file"]).resolve() for c in commands}
    for project in PROJECTS:
        listed = set(re.findall(r"[\w.]+", (root / project / "CMakeLists.txt").read_text()))
        built |= {path.resolve() for path in (root / project).iterdir() if path.name in listed}
    missing = [
        path
        for folder in ("src", "testing", "tests", "examples")
        for path in sorted((root / folder).rglob("*_test.cc"))
        if path.resolve() not in built
    ]
    for path in missing:
        print(f"{path}: no target compiles this test", file=sys.stderr)
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
