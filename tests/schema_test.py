"""The editors' schema agrees with the program on what a definition is.

Accepts every definition of testdata/good and of examples/, refuses every one of testdata/bad; the
program's own test reads the same files.
"""

import json
import pathlib
import sys

import jsonschema
import yaml

ROOT = pathlib.Path(__file__).resolve().parent.parent
TESTDATA = ROOT / "src/definition/testdata"


def definition(path):
    """JSON has text keys only: so has the definition as the program reads it."""
    return json.loads(json.dumps(yaml.safe_load(path.read_text())))


def main():
    schema = json.loads((ROOT / "schema/murmur.schema.json").read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    good = sorted((TESTDATA / "good").glob("*.yaml")) + sorted(ROOT.glob("examples/*/*.yaml"))
    bad = sorted((TESTDATA / "bad").glob("*.yaml"))
    assert len(good) >= 3 and len(bad) >= 10, "test data is missing"
    failures = []
    for path in good:
        for error in validator.iter_errors(definition(path)):
            failures.append(f"{path.name}: refused: {error.message}")
    for path in bad:
        if validator.is_valid(definition(path)):
            failures.append(f"{path.name}: accepted")
    print("\n".join(failures) or f"{len(good)} accepted, {len(bad)} refused")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
