"""Writes a model of numbers that are hard to hold on to: `self-test-model.py OUT [FACTOR]`.

`exact` is of integers beyond 32 bits, `none` has no elements, `masked` holds masks beside what the factor changes.
"""
import sys

import onnx
from onnx import parser

factor = sys.argv[2] if len(sys.argv) > 2 else "1"
onnx.save(parser.parse_model(f"""<ir_version: 8, opset_import: ["" : 13]>
numbers (int64[5, 3] x, float[0, 3] e, bool[5, 3] b, float[5, 3] s)
  => (int64[5, 3] exact, float[0, 3] none, float[5, 3] masked)
<int64 big = {{1234567891}}, float mask = {{-3.4e38}}, float factor = {{{factor}}}> {{
  exact = Mul(x, big)
  none = Neg(e)
  scaled = Mul(s, factor)
  masked = Where(b, scaled, mask)
}}"""), sys.argv[1])
