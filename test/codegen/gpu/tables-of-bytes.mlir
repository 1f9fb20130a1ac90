// RUN: nncc compile %s --device=mali --name=m -o %t
// RUN: FileCheck %s --input-file=%t/m.json

// A table of bytes that vectors of bytes are looked up in is no buffer of a GPU: that kernel stays on the CPU, the others
// do not.
// CHECK-DAG: "placed": "the GPU has no code for it: an operand has elements of type i8"
// CHECK-DAG: "device": "gpu0"
func.func @main(%x: tensor<2x32xi8> {nn.name = "x"}, %y: tensor<4x8xf32> {nn.name = "y"}) -> (tensor<2x32xi8> {nn.name = "steps"}, tensor<4x8xf32> {nn.name = "floats"}) {
  %s = nn.constant dense<0.5> : tensor<1x1xf32>
  %z = nn.constant dense<-1> : tensor<1x1xi8>
  %0 = nn.dequantize %x, %s, %z : tensor<2x32xi8>, tensor<1x1xf32>, tensor<1x1xi8> -> tensor<2x32xf32>
  %1 = nn.unary sigmoid %0 : tensor<2x32xf32> -> tensor<2x32xf32>
  %2 = nn.quantize %1, %s, %z : tensor<2x32xf32>, tensor<1x1xf32>, tensor<1x1xi8> -> tensor<2x32xi8>
  %3 = nn.unary sigmoid %y : tensor<4x8xf32> -> tensor<4x8xf32>
  return %2, %3 : tensor<2x32xi8>, tensor<4x8xf32>
}
