#!/usr/bin/env python3
"""Fetches the real networks that the tests run into a cache outside the repository; does nothing where they are there.

Which ones, from which packages: test/harness/models.json. Exit status 0 when all are there, 1 otherwise.
"""
import argparse
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "test" / "harness"))
import models  # noqa: E402


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="MODEL", help="models to fetch (default: all of the manifest)")
    parser.add_argument("--list", action="store_true", help="print names and files, and which are missing; fetch nothing")
    parser.add_argument("--optional", action="store_true", help="exit with 0 even if some cannot be had, unless NNCC_REQUIRE_MODELS=1")
    options = parser.parse_args()
    unknown = [name for name in options.names if name not in models.manifest()]
    if unknown:
        parser.error(f"unknown model {', '.join(unknown)}; known: {', '.join(models.manifest())}")
    names = options.names or list(models.manifest())
    if options.list:
        for name in names:
            try:
                print(f"{name:20} {models.model_path(name)}")
            except models.MissingModel:
                print(f"{name:20} missing")
        return
    failed = models.fetch(names)
    print(f"{len(names) - len(failed)} of {len(names)} models in {models.cache_folder() / 'models'}"
          + (f"; missing: {', '.join(failed)}" if failed else ""))
    must = not options.optional or os.environ.get("NNCC_REQUIRE_MODELS") == "1"
    sys.exit(1 if failed and must else 0)


main()
