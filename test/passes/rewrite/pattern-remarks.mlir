// RUN: nncc-opt %s --nncc-simplify --remarks-filter=nncc-simplify --remark-format=emitRemark --mlir-disable-threading -o /dev/null 2>&1 | FileCheck %s
// RUN: nncc-opt %s --nncc-simplify --remarks-filter=nncc-place --remark-format=emitRemark --mlir-disable-threading -o /dev/null 2>&1 | FileCheck %s --check-prefix=OTHERS --allow-empty

// A pattern that fires is a remark at the node of the op that it was applied to; what is computed of constants alone,
// which has none, is told of the first op below that has one. A constant that moves is no news.
// CHECK: remark: loc("scaled"): [Passed] FoldConstantOperands | Category:nncc-simplify | {{.*}} rewrites {{.*}}nn.reshape
// CHECK: remark: loc("scaled"): [Passed] SubAndDivByConstant | Category:nncc-simplify | {{.*}} rewrites {{.*}}nn.binary
// CHECK-NOT: remark
// OTHERS-NOT: remark
func.func @tells_of_what_fires(%x: tensor<2x3xf32>) -> tensor<2x3xf32> {
  %two = nn.constant dense<2.0> : tensor<1xf32> loc(unknown)
  %row = nn.reshape %two : tensor<1xf32> -> tensor<1x1xf32> loc(unknown)
  %0 = nn.binary div %x, %row : tensor<2x3xf32>, tensor<1x1xf32> -> tensor<2x3xf32> loc("scaled")
  return %0 : tensor<2x3xf32>
}
