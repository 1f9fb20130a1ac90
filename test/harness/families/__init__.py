"""Random single nodes of every operator that nncc reads, one file for each op family: FAMILIES maps a name to its generator.

A generator takes a random number source and a Node, and adds one node of any operator of its family, with any attributes, types and
operand forms of the Node's opset. What the standard does not allow is refused by ONNX's checker, and the caller tries again: so
generators stay short. They state what the standard leaves open by not making it (indices out of range, integers divided by zero).
"""
from families import attention, chains, contrib, control, conv, elementwise, index, layout, matmul, norm, pool, quant, recurrent, reduce, resample, shape, slice

FAMILIES = {generator.__name__: generator for generator in (
    conv.conv, conv.deform_conv, conv.conv_transpose, pool.pool, matmul.matmul, matmul.einsum, quant.integer_products,
    elementwise.unary_float, elementwise.unary_int, elementwise.binary_float, elementwise.binary_int, elementwise.compare, elementwise.choose, elementwise.cast,
    reduce.reduce, reduce.positions, reduce.softmax, norm.norm, layout.layout, slice.slices, index.gather, index.scatter, index.select,
    quant.quantize, resample.resample, recurrent.recurrent, shape.fill, control.control, chains.chains, attention.attention,
    contrib.contrib)}
