"""Every test model: its graph as read against the reference that computes it.

    python -m benchmarks.references --models FOLDER --cache FOLDER [--only TEXT] [--all]

Keeps one JSON file a model in the cache and prints the tables. Models that are in the cache are
not run again, except with `--all` or where `--only` names them.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from benchmarks import node_tests
from benchmarks.catalogue import entries, models_folder
from benchmarks.compare import compare
from benchmarks.rows import load, save
from benchmarks.texts import fragment


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models")
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--only", default="")
    parser.add_argument("--all", action="store_true")
    options = parser.parse_args(arguments)
    folder = models_folder(options.models)
    if folder is None:
        print("error: there is no folder of models; give --models", file=sys.stderr)
        return 1
    done = {(row.family, row.model) for row in load(options.cache)}
    again = options.all or bool(options.only)
    for entry in entries(folder):
        if options.only not in entry.name or ((entry.family, entry.name) in done and not again):
            continue
        start = time.perf_counter()
        row = compare(entry, folder)
        save(options.cache, row)
        seconds = time.perf_counter() - start
        print(f"{row.status.value:10} {row.model} {row.note} [{seconds:.1f} s]", file=sys.stderr)
    if options.only in ("", "node"):
        for case in node_tests.cases():
            save(options.cache, node_tests.run(case))
    print(fragment(options.cache))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
