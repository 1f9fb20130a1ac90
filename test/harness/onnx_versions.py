"""The newest opset that nncc knows is that of ONNX's Python package; if not, the operators are named whose meaning is to be checked.

A newer ONNX changes a few operators with each opset. Compare their definitions, mend the import functions, then raise
`kNewestOpset` in lib/import/onnx/Import.h.
"""
import re
import sys

import onnx

import models

SOURCES = models.REPOSITORY / "lib" / "import" / "onnx"


def main():
    newest = int(re.search(r"kNewestOpset = (\d+)", (SOURCES / "Import.h").read_text())[1])
    known = {name for source in SOURCES.glob("*.cpp") for name in re.findall(r'\{"([A-Z]\w*)",', source.read_text())}
    changed = sorted((schema.name, schema.since_version) for schema in onnx.defs.get_all_schemas_with_history()
                     if schema.domain == "" and schema.since_version > newest and schema.name in known)
    for name, version in changed:
        print(f"FAIL {name} of opset {version}: compare with what nncc knows, opset {newest}")
    if onnx.defs.onnx_opset_version() > newest:
        print(f"FAIL ONNX {onnx.__version__} is opset {onnx.defs.onnx_opset_version()}, nncc knows {newest}")
    print(f"{len(known)} operators up to opset {newest}")
    sys.exit(onnx.defs.onnx_opset_version() > newest)


if __name__ == "__main__":
    main()
