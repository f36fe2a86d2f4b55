"""Fails when a folder under src/ or src/runtime/ includes a header of a folder that comes later in
the flow, or when a public header includes anything but the standard library and public headers.
The test kit of include/murmur/testing may include GoogleTest too; nothing but tests includes it.

Usage: check_layers.py SOURCE_ROOT. Tests and benchmarks may look anywhere.
"""

import pathlib
import re
import sys

FLOW = ["base", "monoid", "expression", "definition", "decode", "source", "state", "fold", "query",
        "runtime", "serve", "cli"]
ROOMS = ["loop", "table", "versions", "owner", "verify", "verbs"]  # of src/runtime
INCLUDE = re.compile(r'^\s*#\s*include\s*(["<])([^">]+)[">]', re.MULTILINE)
# At the start of a line: of the namespace itself.
TYPE = re.compile(r"^(?:class|struct|enum class) ([A-Za-z0-9]+)(?: final)?(?: :[^;{]*)? {", re.MULTILINE)
TEST_SUFFIXES = ("_test.cc", "_bench.cc")
TEST_KITS = ("testing/", "murmur/testing/")  # for this tree alone, and the installed one
GOOGLETEST = ("gtest/", "gmock/")


def place_of(path):
    """Where a file of src/ stands in the flow; None: nowhere."""
    folder, *rest = path.parts
    if folder not in FLOW:
        return None
    if folder != "runtime":
        return FLOW.index(folder), 0
    if len(rest) < 2 or rest[0] not in ROOMS:
        return None
    return FLOW.index(folder), ROOMS.index(rest[0])


def source_problems(root):
    for path in sorted((root / "src").rglob("*")):
        if path.suffix not in (".h", ".cc") or path.name.endswith(TEST_SUFFIXES):
            continue
        place = place_of(path.relative_to(root / "src"))
        if place is None:
            yield f"{path}: its folder has no place in the order of the flow ({__file__})"
            continue
        for _, target in INCLUDE.findall(path.read_text()):
            if target.startswith(TEST_KITS):
                yield f"{path}: includes {target}: the test kit is for tests only"
            other = place_of(pathlib.PurePath(target))
            if other is not None and other > place:
                yield f"{path}: includes {target}, which comes later in the flow"


def public_problems(root):
    kit = root / "include" / TEST_KITS[1]
    for path in sorted((root / "include").rglob("*.h")):
        is_kit = path.is_relative_to(kit)
        for bracket, target in INCLUDE.findall(path.read_text()):
            if target.startswith("murmur/"):
                if not (root / "include" / target).exists():
                    yield f"{path}: includes {target}, which is not there"
                if target.startswith(TEST_KITS) and not is_kit:
                    yield f"{path}: includes {target}: the test kit is for tests only"
            elif is_kit and target.startswith(GOOGLETEST):
                continue
            elif bracket == '"' or "/" in target or target.endswith(".h"):
                yield f"{path}: includes {target}: public headers need the standard library only"


def name_problems(root):
    """Two types of one name in the one namespace: each object file takes its own for the other."""
    places = {}
    for folder in ("include", "src"):
        for path in sorted((root / folder).rglob("*.h")):
            for name in TYPE.findall(path.read_text()):
                places.setdefault(name, set()).add(path)
    for name, paths in places.items():
        if len(paths) > 1:
            yield f"{name}: defined in each of {', '.join(map(str, sorted(paths)))}"


def main():
    root = pathlib.Path(sys.argv[1])
    problems = [*source_problems(root), *public_problems(root), *name_problems(root)]
    for problem in problems:
        print(problem, file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
