"""Judges lists of components in CycloneDX's JSON form by the schema of their version, with unknown keys being errors.

    judge.py FILE...      prints {"files", "valid", "problems"}
"""

import json
import pathlib
import sys

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator


def problem(path):
    text = path.read_text()
    document = json.loads(text)
    version = SchemaVersion.from_version(document["specVersion"])
    error = JsonStrictValidator(version).validate_str(text)
    # Its own text repeats the whole document.
    return error and f"{path.name}: {error.data.json_path}: {error.data.message[:300]}"


def main(paths):
    problems = [found for found in map(problem, paths) if found]
    print(json.dumps({"files": len(paths), "valid": len(paths) - len(problems), "problems": problems}))


main([pathlib.Path(name) for name in sys.argv[1:]])
