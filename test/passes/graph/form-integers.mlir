// RUN: nncc-opt %s --nncc-form-integers --nncc-check=N1 --split-input-file | FileCheck %s

// Sums of bytes, the multiplier (0.5 * 0.25) / 0.125 = 1, the bias in steps of 0.5 * 0.25. Unsigned weights around 128
// become signed; the relu is what saturation at the zero point does. The zero point of x, 7, is in the bias: [8, -16] less
// 7 times the sums of weights.
// CHECK-LABEL: @product
// CHECK-DAG: %[[W:.*]] = nn.constant dense<{{\[\[}}-3, 2], [0, 127]]> : tensor<2x2xi8>
// CHECK-DAG: %[[B:.*]] = nn.constant dense<[29, -919]> : tensor<2xi32>
// CHECK-DAG: %[[M:.*]] = nn.constant dense<1.000000e+00> : tensor<1x1xf32>
// CHECK: %[[SUM:.*]] = nn.matmul %arg0, %[[W]] bias %[[B]] : tensor<3x2xui8>, tensor<2x2xi8>, tensor<2xi32> -> tensor<3x2xi32>
// CHECK-NEXT: %[[Y:.*]] = nn.requantize %[[SUM]], %[[M]], %{{.*}} {fits, small_sums} : {{.*}} -> tensor<3x2xui8>
// CHECK-NEXT: return %[[Y]]
func.func @product(%x: tensor<3x2xui8>) -> tensor<3x2xui8> {
  %sx = nn.constant dense<0.5> : tensor<1x1xf32>
  %zx = nn.constant dense<7> : tensor<1x1xui8>
  %w = nn.constant dense<[[125, 130], [128, 255]]> : tensor<2x2xui8>
  %sw = nn.constant dense<0.25> : tensor<1x1xf32>
  %zw = nn.constant dense<128> : tensor<1x1xui8>
  %sy = nn.constant dense<0.125> : tensor<1x1xf32>
  %zy = nn.constant dense<0> : tensor<1x1xui8>
  %b = nn.constant dense<[[1.0, -2.0]]> : tensor<1x2xf32>
  %0 = nn.dequantize %x, %sx, %zx : tensor<3x2xui8>, tensor<1x1xf32>, tensor<1x1xui8> -> tensor<3x2xf32>
  %1 = nn.dequantize %w, %sw, %zw : tensor<2x2xui8>, tensor<1x1xf32>, tensor<1x1xui8> -> tensor<2x2xf32>
  %2 = nn.matmul %0, %1 : tensor<3x2xf32>, tensor<2x2xf32> -> tensor<3x2xf32>
  %3 = nn.binary add %2, %b : tensor<3x2xf32>, tensor<1x2xf32> -> tensor<3x2xf32>
  %4 = nn.unary relu %3 : tensor<3x2xf32> -> tensor<3x2xf32>
  %5 = nn.quantize %4, %sy, %zy : tensor<3x2xf32>, tensor<1x1xf32>, tensor<1x1xui8> -> tensor<3x2xui8>
  return %5 : tensor<3x2xui8>
}

// -----

// A factor per channel behind a transposition goes into the multipliers; limits that are narrower than the type stay.
// CHECK-LABEL: @scaled_image
// CHECK-DAG: nn.constant dense<{{.*}}1.000000e+00, 2.000000e+00]{{.*}}> : tensor<1x1x1x2xf32>
// CHECK: nn.conv2d %arg0, {{.*}} -> tensor<1x2x3x2xi32>
// CHECK-NEXT: %[[Y:.*]] = nn.requantize {{.*}} -> tensor<1x2x3x2xi8>
// CHECK-NEXT: %[[LIMITED:.*]] = nn.unary clip %[[Y]] {alpha = 3.000000e+00 : f64, beta = 7.000000e+00 : f64}
// CHECK-NEXT: %[[MOVED:.*]] = nn.transpose %[[LIMITED]] [0, 3, 1, 2]
// CHECK-NEXT: return %[[MOVED]]
func.func @scaled_image(%x: tensor<1x2x3x1xi8>) -> tensor<1x2x2x3xi8> {
  %s = nn.constant dense<1.0> : tensor<1x1x1x1xf32>
  %z = nn.constant dense<3> : tensor<1x1x1x1xi8>
  %w = nn.constant dense<[[[[5]]], [[[6]]]]> : tensor<2x1x1x1xi8>
  %zw = nn.constant dense<0> : tensor<1x1x1x1xi8>
  %f = nn.constant dense<[[[[1.0]], [[2.0]]]]> : tensor<1x2x1x1xf32>
  %0 = nn.dequantize %x, %s, %z : tensor<1x2x3x1xi8>, tensor<1x1x1x1xf32>, tensor<1x1x1x1xi8> -> tensor<1x2x3x1xf32>
  %1 = nn.dequantize %w, %s, %zw : tensor<2x1x1x1xi8>, tensor<1x1x1x1xf32>, tensor<1x1x1x1xi8> -> tensor<2x1x1x1xf32>
  %2 = nn.conv2d %0, %1 strides [1, 1] pads [0, 0, 0, 0] dilations [1, 1] groups 1 : tensor<1x2x3x1xf32>, tensor<2x1x1x1xf32> -> tensor<1x2x3x2xf32>
  %3 = nn.transpose %2 [0, 3, 1, 2] : tensor<1x2x3x2xf32> -> tensor<1x2x2x3xf32>
  %4 = nn.binary mul %3, %f : tensor<1x2x2x3xf32>, tensor<1x2x1x1xf32> -> tensor<1x2x2x3xf32>
  %5 = nn.unary clip %4 {alpha = 0.0, beta = 4.0} : tensor<1x2x2x3xf32> -> tensor<1x2x2x3xf32>
  %6 = nn.quantize %5, %s, %z : tensor<1x2x2x3xf32>, tensor<1x1x1x1xf32>, tensor<1x1x1x1xi8> -> tensor<1x2x2x3xi8>
  return %6 : tensor<1x2x2x3xi8>
}

// -----

// Sums that could pass 2^31 stay floats: 70000 * 255 * 127.
// CHECK-LABEL: @too_long
// CHECK: nn.matmul {{.*}} -> tensor<2x1xf32>
func.func @too_long(%x: tensor<2x70000xui8>) -> tensor<2x1xf32> {
  %s = nn.constant dense<0.5> : tensor<1x1xf32>
  %z = nn.constant dense<0> : tensor<1x1xui8>
  %w = nn.constant dense<127> : tensor<70000x1xi8>
  %zw = nn.constant dense<0> : tensor<1x1xi8>
  %0 = nn.dequantize %x, %s, %z : tensor<2x70000xui8>, tensor<1x1xf32>, tensor<1x1xui8> -> tensor<2x70000xf32>
  %1 = nn.dequantize %w, %s, %zw : tensor<70000x1xi8>, tensor<1x1xf32>, tensor<1x1xi8> -> tensor<70000x1xf32>
  %2 = nn.matmul %0, %1 : tensor<2x70000xf32>, tensor<70000x1xf32> -> tensor<2x1xf32>
  return %2 : tensor<2x1xf32>
}

// -----

// Read as floats: the scale of the sums is the product of both.
// CHECK-LABEL: @read_as_floats
// CHECK: %[[S:.*]] = nn.matmul %arg0, {{.*}} -> tensor<3x2xi32>
// CHECK-NEXT: %[[Y:.*]] = nn.dequantize %[[S]], {{.*}} : tensor<3x2xi32>, tensor<1x1xf32>, tensor<1x1xi32> -> tensor<3x2xf32>
// CHECK-NEXT: return %[[Y]]
func.func @read_as_floats(%x: tensor<3x2xi8>) -> tensor<3x2xf32> {
  %s = nn.constant dense<0.5> : tensor<1x1xf32>
  %z = nn.constant dense<0> : tensor<1x1xi8>
  %w = nn.constant dense<[[1, 2], [3, 4]]> : tensor<2x2xi8>
  %0 = nn.dequantize %x, %s, %z : tensor<3x2xi8>, tensor<1x1xf32>, tensor<1x1xi8> -> tensor<3x2xf32>
  %1 = nn.dequantize %w, %s, %z : tensor<2x2xi8>, tensor<1x1xf32>, tensor<1x1xi8> -> tensor<2x2xf32>
  %2 = nn.matmul %0, %1 : tensor<3x2xf32>, tensor<2x2xf32> -> tensor<3x2xf32>
  return %2 : tensor<3x2xf32>
}

// -----

// A function of one value is a table; the same steps behind a reshape are the tensor itself.
// CHECK-LABEL: @table
// CHECK-NEXT: %[[T:.*]] = nn.lookup %arg0 dense<
// CHECK-NEXT: %[[R:.*]] = nn.reshape %arg0 : tensor<2x3xi8> -> tensor<6xi8>
// CHECK-NEXT: return %[[T]], %[[R]]
func.func @table(%x: tensor<2x3xi8>) -> (tensor<2x3xi8>, tensor<6xi8>) {
  %s = nn.constant dense<0.5> : tensor<1x1xf32>
  %z = nn.constant dense<-1> : tensor<1x1xi8>
  %s1 = nn.constant dense<0.5> : tensor<1xf32>
  %z1 = nn.constant dense<-1> : tensor<1xi8>
  %0 = nn.dequantize %x, %s, %z : tensor<2x3xi8>, tensor<1x1xf32>, tensor<1x1xi8> -> tensor<2x3xf32>
  %1 = nn.unary sigmoid %0 : tensor<2x3xf32> -> tensor<2x3xf32>
  %2 = nn.binary mul %0, %1 : tensor<2x3xf32>, tensor<2x3xf32> -> tensor<2x3xf32>
  %3 = nn.quantize %2, %s, %z : tensor<2x3xf32>, tensor<1x1xf32>, tensor<1x1xi8> -> tensor<2x3xi8>
  %4 = nn.reshape %0 : tensor<2x3xf32> -> tensor<6xf32>
  %5 = nn.quantize %4, %s1, %z1 : tensor<6xf32>, tensor<1xf32>, tensor<1xi8> -> tensor<6xi8>
  return %3, %5 : tensor<2x3xi8>, tensor<6xi8>
}

// -----

// A mask times the least number of f32, whose scale is a 127th of it, rounded up: infinite in f32, and 0 times that
// would be no number. One step more of the mask is one less of the product, from 127 on.
// CHECK-LABEL: @table_of_the_least_number
// CHECK-NEXT: nn.lookup %arg0 dense<"0xFFFEFDFC{{[0-9A-F]*}}8281807F7E7D{{[0-9A-F]*}}03020100">
func.func @table_of_the_least_number(%x: tensor<2x3xi8>) -> tensor<2x3xi8> {
  %sx = nn.constant dense<0.00392157> : tensor<1x1xf32>
  %zx = nn.constant dense<-128> : tensor<1x1xi8>
  %least = nn.constant dense<-127> : tensor<1x1xi8>
  %s = nn.constant dense<2.6793887e+36> : tensor<1x1xf32>
  %z = nn.constant dense<0> : tensor<1x1xi8>
  %sy = nn.constant dense<1.3344406e+36> : tensor<1x1xf32>
  %zy = nn.constant dense<127> : tensor<1x1xi8>
  %0 = nn.dequantize %x, %sx, %zx : tensor<2x3xi8>, tensor<1x1xf32>, tensor<1x1xi8> -> tensor<2x3xf32>
  %1 = nn.dequantize %least, %s, %z : tensor<1x1xi8>, tensor<1x1xf32>, tensor<1x1xi8> -> tensor<1x1xf32>
  %2 = nn.binary mul %0, %1 : tensor<2x3xf32>, tensor<1x1xf32> -> tensor<2x3xf32>
  %3 = nn.quantize %2, %sy, %zy : tensor<2x3xf32>, tensor<1x1xf32>, tensor<1x1xi8> -> tensor<2x3xi8>
  return %3 : tensor<2x3xi8>
}

// -----

// 0.5 / 0.25 = 2 and 1 / 0.25 = 4 of each step; 5 - (2 * 1 + 4 * 2) = -5.
// CHECK-LABEL: @sum
// CHECK-DAG: %[[A:.*]] = nn.constant dense<2.000000e+00> : tensor<1x1xf32>
// CHECK-DAG: %[[B:.*]] = nn.constant dense<4.000000e+00> : tensor<1x1xf32>
// CHECK-DAG: %[[C:.*]] = nn.constant dense<-5.000000e+00> : tensor<1x1xf32>
// CHECK: %[[Y:.*]] = nn.requantize_sum %arg0 * %[[A]], %arg1 * %[[B]], %[[C]]
// CHECK-NEXT: return %[[Y]]
func.func @sum(%a: tensor<2x3xi8>, %b: tensor<2x3xi8>) -> tensor<2x3xi8> {
  %sa = nn.constant dense<0.5> : tensor<1x1xf32>
  %za = nn.constant dense<1> : tensor<1x1xi8>
  %sb = nn.constant dense<1.0> : tensor<1x1xf32>
  %zb = nn.constant dense<2> : tensor<1x1xi8>
  %sy = nn.constant dense<0.25> : tensor<1x1xf32>
  %zy = nn.constant dense<5> : tensor<1x1xi8>
  %0 = nn.dequantize %a, %sa, %za : tensor<2x3xi8>, tensor<1x1xf32>, tensor<1x1xi8> -> tensor<2x3xf32>
  %1 = nn.dequantize %b, %sb, %zb : tensor<2x3xi8>, tensor<1x1xf32>, tensor<1x1xi8> -> tensor<2x3xf32>
  %2 = nn.binary add %0, %1 : tensor<2x3xf32>, tensor<2x3xf32> -> tensor<2x3xf32>
  %3 = nn.quantize %2, %sy, %zy : tensor<2x3xf32>, tensor<1x1xf32>, tensor<1x1xi8> -> tensor<2x3xi8>
  return %3 : tensor<2x3xi8>
}

// -----

// Both factors of a swish are functions of one tensor: one table, and no product.
// CHECK-LABEL: @table_of_a_swish
// CHECK-NEXT: %[[T:.*]] = nn.lookup %arg0 dense<
// CHECK-NEXT: return %[[T]]
func.func @table_of_a_swish(%x: tensor<2x3xui8>) -> tensor<2x3xui8> {
  %s = nn.constant dense<0.0625> : tensor<1x1xf32>
  %u = nn.constant dense<0.00390625> : tensor<1x1xf32>
  %z = nn.constant dense<99> : tensor<1x1xui8>
  %o = nn.constant dense<0> : tensor<1x1xui8>
  %0 = nn.dequantize %x, %s, %z : tensor<2x3xui8>, tensor<1x1xf32>, tensor<1x1xui8> -> tensor<2x3xf32>
  %1 = nn.unary  sigmoid %0 : tensor<2x3xf32> -> tensor<2x3xf32>
  %2 = nn.quantize %1, %u, %o : tensor<2x3xf32>, tensor<1x1xf32>, tensor<1x1xui8> -> tensor<2x3xui8>
  %3 = nn.dequantize %2, %u, %o : tensor<2x3xui8>, tensor<1x1xf32>, tensor<1x1xui8> -> tensor<2x3xf32>
  %4 = nn.binary  mul %0, %3 : tensor<2x3xf32>, tensor<2x3xf32> -> tensor<2x3xf32>
  %5 = nn.quantize %4, %s, %z : tensor<2x3xf32>, tensor<1x1xf32>, tensor<1x1xui8> -> tensor<2x3xui8>
  return %5 : tensor<2x3xui8>
}

// -----

// The mean of 2 x 2 steps: their sum less 4 * 3, times 0.5 / (4 * 0.25).
// CHECK-LABEL: @mean
// CHECK: nn.reduce sum {{.*}} axes [1, 2] : tensor<1x2x2x5xi32> -> tensor<1x1x1x5xi32>
// CHECK: nn.binary add
// CHECK: nn.requantize {{.*}} -> tensor<1x1x1x5xui8>
func.func @mean(%x: tensor<1x2x2x5xui8>) -> tensor<1x1x1x5xui8> {
  %sx = nn.constant dense<0.5> : tensor<1x1x1x1xf32>
  %zx = nn.constant dense<3> : tensor<1x1x1x1xui8>
  %sy = nn.constant dense<0.25> : tensor<1x1x1x1xf32>
  %0 = nn.dequantize %x, %sx, %zx : tensor<1x2x2x5xui8>, tensor<1x1x1x1xf32>, tensor<1x1x1x1xui8> -> tensor<1x2x2x5xf32>
  %1 = nn.reduce mean %0 axes [1, 2] : tensor<1x2x2x5xf32> -> tensor<1x1x1x5xf32>
  %2 = nn.quantize %1, %sy, %zx : tensor<1x1x1x5xf32>, tensor<1x1x1x1xf32>, tensor<1x1x1x1xui8> -> tensor<1x1x1x5xui8>
  return %2 : tensor<1x1x1x5xui8>
}

// -----

// Rows of a quantized table are gathered as bytes, and widened behind.
// CHECK-LABEL: @embedding
// CHECK: %[[ROWS:.*]] = nn.gather {{.*}} -> tensor<2x5xi8>
// CHECK-NEXT: nn.dequantize %[[ROWS]]
func.func @embedding(%at: tensor<2xi64>) -> tensor<2x5xf32> {
  %t = nn.constant dense<4> : tensor<7x5xi8>
  %s = nn.constant dense<0.5> : tensor<1x1xf32>
  %z = nn.constant dense<1> : tensor<1x1xi8>
  %0 = nn.dequantize %t, %s, %z : tensor<7x5xi8>, tensor<1x1xf32>, tensor<1x1xi8> -> tensor<7x5xf32>
  %1 = nn.gather %0, %at axis 0 : tensor<7x5xf32>, tensor<2xi64> -> tensor<2x5xf32>
  return %1 : tensor<2x5xf32>
}

// -----

// Where bytes are multiplied as unsigned ones, those between contractions are: 128 more, and so is their zero point,
// which is taken out of the bias. What is read elsewhere has the old sign.
// CHECK-LABEL: @sign_of_the_machine
// CHECK: %[[T:.*]] = nn.requantize {{.*}} -> tensor<3x2xui8>
// CHECK: %[[B:.*]] = nn.constant dense<[-524, -786]> : tensor<2xi32>
// CHECK: nn.matmul %[[T]], {{.*}} bias %[[B]] : tensor<3x2xui8>
// CHECK: nn.cast %[[T]]
// CHECK: %[[OLD:.*]] = nn.cast {{.*}} -> tensor<3x2xi8>
// CHECK: return {{.*}}, %[[OLD]]
module attributes {nn.machines = {cpu0 = #nn.machine<vector_bits = 512, registers = 32, l1_bytes = 32768, l2_bytes = 1048576, dots = [<instruction = "llvm.x86.avx512.vpdpbusd.512", bits = 512, group = 4, lhs = ui8, rhs = i8, adds = true, rows = 1>]>}} {
  func.func @sign_of_the_machine(%x: tensor<3x2xi8>) -> (tensor<3x2xf32>, tensor<3x2xi8>) {
    %s = nn.constant dense<0.5> : tensor<1x1xf32>
    %o = nn.constant dense<0> : tensor<1x1xi8>
    %z = nn.constant dense<3> : tensor<1x1xi8>
    %w = nn.constant dense<[[1, 2], [3, 4]]> : tensor<2x2xi8>
    %0 = nn.dequantize %x, %s, %o : tensor<3x2xi8>, tensor<1x1xf32>, tensor<1x1xi8> -> tensor<3x2xf32>
    %1 = nn.dequantize %w, %s, %o : tensor<2x2xi8>, tensor<1x1xf32>, tensor<1x1xi8> -> tensor<2x2xf32>
    %2 = nn.matmul %0, %1 : tensor<3x2xf32>, tensor<2x2xf32> -> tensor<3x2xf32>
    %3 = nn.quantize %2, %s, %z : tensor<3x2xf32>, tensor<1x1xf32>, tensor<1x1xi8> -> tensor<3x2xi8>
    %4 = nn.dequantize %3, %s, %z : tensor<3x2xi8>, tensor<1x1xf32>, tensor<1x1xi8> -> tensor<3x2xf32>
    %5 = nn.matmul %4, %1 : tensor<3x2xf32>, tensor<2x2xf32> -> tensor<3x2xf32>
    return %5, %3 : tensor<3x2xf32>, tensor<3x2xi8>
  }
}

// -----

// A product without zero points gets one, which its bias takes.
// CHECK-LABEL: @sign_without_zero_points
// CHECK: %[[T:.*]] = nn.quantize {{.*}} -> tensor<3x2xui8>
// CHECK: %[[B:.*]] = nn.constant dense<[-512, -768]> : tensor<2xi32>
// CHECK: nn.matmul {{.*}} bias %[[B]] : tensor<3x2xui8>
module attributes {nn.machines = {cpu0 = #nn.machine<vector_bits = 512, registers = 32, l1_bytes = 32768, l2_bytes = 1048576, dots = [<instruction = "llvm.x86.avx512.vpdpbusd.512", bits = 512, group = 4, lhs = ui8, rhs = i8, adds = true, rows = 1>]>}} {
  func.func @sign_without_zero_points(%x: tensor<3x2xf32>) -> tensor<3x2xi32> {
    %s = nn.constant dense<0.5> : tensor<1x1xf32>
    %z = nn.constant dense<0> : tensor<1x1xi8>
    %w = nn.constant dense<[[1, 2], [3, 4]]> : tensor<2x2xi8>
    %0 = nn.quantize %x, %s, %z : tensor<3x2xf32>, tensor<1x1xf32>, tensor<1x1xi8> -> tensor<3x2xi8>
    %1 = nn.matmul %0, %w : tensor<3x2xi8>, tensor<2x2xi8> -> tensor<3x2xi32>
    return %1 : tensor<3x2xi32>
  }
}

// -----

// Both scales go into a factor (0.5 / 0.25) and into the slopes, for which every byte becomes the same step: there is
// no division left.
// CHECK-LABEL: @slopes
// CHECK-DAG: %[[FACTOR:.*]] = nn.constant dense<2.000000e+00> : tensor<1x1x1x1xf32>
// CHECK-DAG: %[[ONE:.*]] = nn.constant dense<1.000000e+00> : tensor<1x1x1x1xf32>
// CHECK-DAG: %[[SLOPES:.*]] = nn.constant dense<{{.*}}2.500000e-01, -5.625000e-01]{{.*}}> : tensor<1x1x1x2xf32>
// CHECK: %[[REAL:.*]] = nn.dequantize %arg0, %[[FACTOR]]
// CHECK-NEXT: %[[BENT:.*]] = nn.binary {{ *}}mul %[[REAL]], %[[SLOPES]]
// CHECK-NEXT: %[[ISLARGER:.*]] = nn.binary {{ *}}greater %[[REAL]], %[[BENT]]
// CHECK-NEXT: %[[LARGER:.*]] = nn.select %[[ISLARGER]], %[[REAL]], %[[BENT]]
// CHECK-NEXT: %[[Y:.*]] = nn.quantize %[[LARGER]], %[[ONE]], %[[ZY:.*]] {fits} : {{.*}} -> tensor<1x2x3x2xui8>
// CHECK-NEXT: return %[[Y]]
func.func @slopes(%x: tensor<1x2x3x2xui8>) -> tensor<1x2x3x2xui8> {
  %sx = nn.constant dense<0.5> : tensor<1x1x1x1xf32>
  %zx = nn.constant dense<100> : tensor<1x1x1x1xui8>
  %slopes = nn.constant dense<[[[[0.25, -0.5625]]]]> : tensor<1x1x1x2xf32>
  %sy = nn.constant dense<0.25> : tensor<1x1x1x1xf32>
  %zy = nn.constant dense<7> : tensor<1x1x1x1xui8>
  %0 = nn.dequantize %x, %sx, %zx : tensor<1x2x3x2xui8>, tensor<1x1x1x1xf32>, tensor<1x1x1x1xui8> -> tensor<1x2x3x2xf32>
  %1 = nn.binary prelu %0, %slopes : tensor<1x2x3x2xf32>, tensor<1x1x1x2xf32> -> tensor<1x2x3x2xf32>
  %2 = nn.quantize %1, %sy, %zy : tensor<1x2x3x2xf32>, tensor<1x1x1x1xf32>, tensor<1x1x1x1xui8> -> tensor<1x2x3x2xui8>
  return %2 : tensor<1x2x3x2xui8>
}

// A slope above 1 gives less than x.
// CHECK-LABEL: @steep_slopes
// CHECK: %[[BENT:.*]] = nn.binary {{ *}}prelu
// CHECK-NEXT: nn.quantize %[[BENT]], {{.*}} {fits}
func.func @steep_slopes(%x: tensor<1x2x3x2xui8>) -> tensor<1x2x3x2xui8> {
  %sx = nn.constant dense<0.5> : tensor<1x1x1x1xf32>
  %zx = nn.constant dense<100> : tensor<1x1x1x1xui8>
  %slopes = nn.constant dense<[[[[0.25, 1.25]]]]> : tensor<1x1x1x2xf32>
  %sy = nn.constant dense<0.25> : tensor<1x1x1x1xf32>
  %zy = nn.constant dense<7> : tensor<1x1x1x1xui8>
  %0 = nn.dequantize %x, %sx, %zx : tensor<1x2x3x2xui8>, tensor<1x1x1x1xf32>, tensor<1x1x1x1xui8> -> tensor<1x2x3x2xf32>
  %1 = nn.binary prelu %0, %slopes : tensor<1x2x3x2xf32>, tensor<1x1x1x2xf32> -> tensor<1x2x3x2xf32>
  %2 = nn.quantize %1, %sy, %zy : tensor<1x2x3x2xf32>, tensor<1x1x1x1xf32>, tensor<1x1x1x1xui8> -> tensor<1x2x3x2xui8>
  return %2 : tensor<1x2x3x2xui8>
}

// -----

// Slopes that are not all finite stay as they are, and do not hide the one of 1000, whose steps do not fit 16 bits.
// CHECK-LABEL: @slopes_that_are_no_numbers
// CHECK: nn.binary {{ *}}prelu
// CHECK-NEXT: nn.quantize
// CHECK-NOT: fits
// CHECK: return
func.func @slopes_that_are_no_numbers(%x: tensor<1x2x3x3xui8>) -> tensor<1x2x3x3xui8> {
  %sx = nn.constant dense<0.5> : tensor<1x1x1x1xf32>
  %zx = nn.constant dense<100> : tensor<1x1x1x1xui8>
  %slopes = nn.constant dense<[[[[1000.0, 0x7FC00000, 0.5]]]]> : tensor<1x1x1x3xf32>
  %sy = nn.constant dense<0.25> : tensor<1x1x1x1xf32>
  %zy = nn.constant dense<7> : tensor<1x1x1x1xui8>
  %0 = nn.dequantize %x, %sx, %zx : tensor<1x2x3x3xui8>, tensor<1x1x1x1xf32>, tensor<1x1x1x1xui8> -> tensor<1x2x3x3xf32>
  %1 = nn.binary prelu %0, %slopes : tensor<1x2x3x3xf32>, tensor<1x1x1x3xf32> -> tensor<1x2x3x3xf32>
  %2 = nn.quantize %1, %sy, %zy : tensor<1x2x3x3xf32>, tensor<1x1x1x1xf32>, tensor<1x1x1x1xui8> -> tensor<1x2x3x3xui8>
  return %2 : tensor<1x2x3x3xui8>
}

// -----

// An image of three channels gets a fourth, plane by plane, and the filter a weight that is its zero point there.
// CHECK-LABEL: @image
// CHECK-DAG: %[[W:.*]] = nn.constant dense<"0x{{(03030300)+}}"> : tensor<8x3x3x4xi8>
// CHECK: %[[PLANES:.*]] = nn.pad {{ *}}constant %arg0 low [0, 0, 0, 0] high [0, 1, 0, 0]
// CHECK-NEXT: %[[IMAGE:.*]] = nn.transpose %[[PLANES]] [0, 2, 3, 1] : tensor<1x4x5x6xui8> -> tensor<1x5x6x4xui8>
// CHECK-NEXT: nn.conv2d %[[IMAGE]], %[[W]]
// CHECK-LABEL: @few_products
// CHECK-NOT: nn.pad
// CHECK: return
module attributes {nn.machines = {cpu0 = #nn.machine<vector_bits = 256, registers = 16, l1_bytes = 32768, l2_bytes = 1048576, dots = [<instruction = "llvm.x86.avx2.pmadd.wd", bits = 256, group = 2, lhs = i16, rhs = i16, adds = false, rows = 1>]>}} {
  func.func @image(%x: tensor<1x3x5x6xui8>, %z: tensor<1xui8>) -> tensor<1x5x6x8xi32> {
    %w = nn.constant dense<3> : tensor<8x3x3x3xi8>
    %zw = nn.constant dense<0> : tensor<8xi8>
    %0 = nn.transpose %x [0, 2, 3, 1] : tensor<1x3x5x6xui8> -> tensor<1x5x6x3xui8>
    %1 = nn.conv2d %0, %w zero_points(%z, %zw) strides [1, 1] pads [1, 1, 1, 1] dilations [1, 1] groups 1 : tensor<1x5x6x3xui8>, tensor<8x3x3x3xi8> zero_points(tensor<1xui8>, tensor<8xi8>) -> tensor<1x5x6x8xi32>
    return %1 : tensor<1x5x6x8xi32>
  }
  func.func @few_products(%x: tensor<1x5x6x3xui8>, %z: tensor<1xui8>) -> tensor<1x5x6x3xi32> {
    %w = nn.constant dense<3> : tensor<3x3x3x3xi8>
    %zw = nn.constant dense<0> : tensor<3xi8>
    %0 = nn.conv2d %x, %w zero_points(%z, %zw) strides [1, 1] pads [1, 1, 1, 1] dilations [1, 1] groups 1 : tensor<1x5x6x3xui8>, tensor<3x3x3x3xi8> zero_points(tensor<1xui8>, tensor<3xi8>) -> tensor<1x5x6x3xi32>
    return %0 : tensor<1x5x6x3xi32>
  }
}

// -----

// Fifteen taps of a line are a block of 16 bytes, where those have an order: the image gets its padding, which is the
// zero point, in place of a fourth channel. It is not known of @padding_unknown.
// CHECK-LABEL: @lines
// CHECK: %[[PLANES:.*]] = nn.pad {{ *}}constant %arg0 low [0, 0, 1, 1] high [0, 0, 2, 2] {value = 7 : i64}
// CHECK-NEXT: %[[IMAGE:.*]] = nn.transpose %[[PLANES]] [0, 2, 3, 1] : tensor<1x3x12x13xui8> -> tensor<1x12x13x3xui8>
// CHECK-NEXT: nn.conv2d %[[IMAGE]], {{.*}} strides [2, 2] pads [0, 0, 0, 0]
// CHECK-LABEL: @padding_unknown
// CHECK: nn.conv2d {{.*}} pads [1, 1, 2, 2] {{.*}}x4xui8>
// No two weights of 65 fit a word: there is no order.
// CHECK-LABEL: @lines_without_an_order
// CHECK: nn.conv2d {{.*}} pads [1, 1, 2, 2] {{.*}}x4xui8>
// One image with a fourth channel is less than two with paddings.
// CHECK-LABEL: @two_readers
// CHECK: nn.conv2d {{.*}} pads [1, 1, 2, 2] {{.*}}x4xui8>
// CHECK: nn.conv2d {{.*}} pads [1, 1, 2, 2] {{.*}}x4xui8>
// Without padding lines are whole as they are, where pixels of three channels are made anyway.
// CHECK-LABEL: @whole_lines
// CHECK: nn.transpose %arg0 [0, 2, 3, 1] : tensor<1x3x9x10xui8> -> tensor<1x9x10x3xui8>
// CHECK-NEXT: nn.conv2d {{.*}} pads [0, 0, 0, 0]
// CHECK-LABEL: @whole_lines_given
// CHECK: nn.conv2d {{.*}} pads [0, 0, 0, 0] {{.*}}x4xui8>
module attributes {nn.machines = {cpu0 = #nn.machine<vector_bits = 256, registers = 16, l1_bytes = 32768, l2_bytes = 262144, dots = [<instruction = "llvm.x86.avx2.pmadd.ub.sw", bits = 256, group = 4, lhs = ui8, rhs = i8, adds = false, rows = 1, wordSum = "llvm.x86.avx2.pmadd.wd", shuffle = "llvm.x86.ssse3.pshuf.b.128">, <instruction = "llvm.x86.avx2.pmadd.wd", bits = 256, group = 2, lhs = i16, rhs = i16, adds = false, rows = 1>]>}} {
  func.func @lines(%x: tensor<1x3x9x10xui8>) -> tensor<1x4x5x8xi32> {
    %w = nn.constant dense<3> : tensor<8x5x5x3xi8>
    %z = nn.constant dense<7> : tensor<1xui8>
    %zw = nn.constant dense<0> : tensor<8xi8>
    %0 = nn.transpose %x [0, 2, 3, 1] : tensor<1x3x9x10xui8> -> tensor<1x9x10x3xui8>
    %1 = nn.conv2d %0, %w zero_points(%z, %zw) strides [2, 2] pads [1, 1, 2, 2] dilations [1, 1] groups 1 : tensor<1x9x10x3xui8>, tensor<8x5x5x3xi8> zero_points(tensor<1xui8>, tensor<8xi8>) -> tensor<1x4x5x8xi32>
    return %1 : tensor<1x4x5x8xi32>
  }
  func.func @padding_unknown(%x: tensor<1x9x10x3xui8>, %z: tensor<1xui8>) -> tensor<1x4x5x8xi32> {
    %w = nn.constant dense<3> : tensor<8x5x5x3xi8>
    %zw = nn.constant dense<0> : tensor<8xi8>
    %0 = nn.conv2d %x, %w zero_points(%z, %zw) strides [2, 2] pads [1, 1, 2, 2] dilations [1, 1] groups 1 : tensor<1x9x10x3xui8>, tensor<8x5x5x3xi8> zero_points(tensor<1xui8>, tensor<8xi8>) -> tensor<1x4x5x8xi32>
    return %0 : tensor<1x4x5x8xi32>
  }
  func.func @lines_without_an_order(%x: tensor<1x3x9x10xui8>) -> tensor<1x4x5x8xi32> {
    %w = nn.constant dense<65> : tensor<8x5x5x3xi8>
    %z = nn.constant dense<7> : tensor<1xui8>
    %zw = nn.constant dense<0> : tensor<8xi8>
    %0 = nn.transpose %x [0, 2, 3, 1] : tensor<1x3x9x10xui8> -> tensor<1x9x10x3xui8>
    %1 = nn.conv2d %0, %w zero_points(%z, %zw) strides [2, 2] pads [1, 1, 2, 2] dilations [1, 1] groups 1 : tensor<1x9x10x3xui8>, tensor<8x5x5x3xi8> zero_points(tensor<1xui8>, tensor<8xi8>) -> tensor<1x4x5x8xi32>
    return %1 : tensor<1x4x5x8xi32>
  }
  func.func @two_readers(%x: tensor<1x3x9x10xui8>) -> (tensor<1x4x5x8xi32>, tensor<1x4x5x8xi32>) {
    %w = nn.constant dense<3> : tensor<8x5x5x3xi8>
    %v = nn.constant dense<5> : tensor<8x5x5x3xi8>
    %z = nn.constant dense<7> : tensor<1xui8>
    %zw = nn.constant dense<0> : tensor<8xi8>
    %0 = nn.transpose %x [0, 2, 3, 1] : tensor<1x3x9x10xui8> -> tensor<1x9x10x3xui8>
    %1 = nn.conv2d %0, %w zero_points(%z, %zw) strides [2, 2] pads [1, 1, 2, 2] dilations [1, 1] groups 1 : tensor<1x9x10x3xui8>, tensor<8x5x5x3xi8> zero_points(tensor<1xui8>, tensor<8xi8>) -> tensor<1x4x5x8xi32>
    %2 = nn.conv2d %0, %v zero_points(%z, %zw) strides [2, 2] pads [1, 1, 2, 2] dilations [1, 1] groups 1 : tensor<1x9x10x3xui8>, tensor<8x5x5x3xi8> zero_points(tensor<1xui8>, tensor<8xi8>) -> tensor<1x4x5x8xi32>
    return %1, %2 : tensor<1x4x5x8xi32>, tensor<1x4x5x8xi32>
  }
  func.func @whole_lines(%x: tensor<1x3x9x10xui8>) -> tensor<1x3x3x8xi32> {
    %w = nn.constant dense<3> : tensor<8x5x5x3xi8>
    %z = nn.constant dense<7> : tensor<1xui8>
    %zw = nn.constant dense<0> : tensor<8xi8>
    %0 = nn.transpose %x [0, 2, 3, 1] : tensor<1x3x9x10xui8> -> tensor<1x9x10x3xui8>
    %1 = nn.conv2d %0, %w zero_points(%z, %zw) strides [2, 2] pads [0, 0, 0, 0] dilations [1, 1] groups 1 : tensor<1x9x10x3xui8>, tensor<8x5x5x3xi8> zero_points(tensor<1xui8>, tensor<8xi8>) -> tensor<1x3x3x8xi32>
    return %1 : tensor<1x3x3x8xi32>
  }
  func.func @whole_lines_given(%x: tensor<1x9x10x3xui8>) -> tensor<1x3x3x8xi32> {
    %w = nn.constant dense<3> : tensor<8x5x5x3xi8>
    %z = nn.constant dense<7> : tensor<1xui8>
    %zw = nn.constant dense<0> : tensor<8xi8>
    %0 = nn.conv2d %x, %w zero_points(%z, %zw) strides [2, 2] pads [0, 0, 0, 0] dilations [1, 1] groups 1 : tensor<1x9x10x3xui8>, tensor<8x5x5x3xi8> zero_points(tensor<1xui8>, tensor<8xi8>) -> tensor<1x3x3x8xi32>
    return %0 : tensor<1x3x3x8xi32>
  }
}

// -----

// Where bytes are multiplied one by one, a fourth channel would be more products.
// CHECK-LABEL: @one_by_one
// CHECK-NOT: nn.pad
// CHECK: return
module attributes {nn.machines = {cpu0 = #nn.machine<vector_bits = 128, registers = 32, l1_bytes = 32768, l2_bytes = 524288>}} {
  func.func @one_by_one(%x: tensor<1x3x5x6xui8>, %z: tensor<1xui8>) -> tensor<1x5x6x8xi32> {
    %w = nn.constant dense<3> : tensor<8x3x3x3xi8>
    %zw = nn.constant dense<0> : tensor<8xi8>
    %0 = nn.transpose %x [0, 2, 3, 1] : tensor<1x3x5x6xui8> -> tensor<1x5x6x3xui8>
    %1 = nn.conv2d %0, %w zero_points(%z, %zw) strides [1, 1] pads [1, 1, 1, 1] dilations [1, 1] groups 1 : tensor<1x5x6x3xui8>, tensor<8x3x3x3xi8> zero_points(tensor<1xui8>, tensor<8xi8>) -> tensor<1x5x6x8xi32>
    return %1 : tensor<1x5x6x8xi32>
  }
}

// -----

// 131 weights of 127 and bytes of 255 may pass 2^22; a hundredth of that fits 16 bits.
// CHECK-LABEL: @large_sums
// CHECK: nn.requantize %{{[^{]*}} {fits} :
func.func @large_sums(%x: tensor<3x131xui8>) -> tensor<3x1xui8> {
  %s = nn.constant dense<0.1> : tensor<1x1xf32>
  %zero = nn.constant dense<0> : tensor<1x1xui8>
  %w = nn.constant dense<127> : tensor<131x1xi8>
  %zw = nn.constant dense<0> : tensor<1x1xi8>
  %sy = nn.constant dense<2.0> : tensor<1x1xf32>
  %0 = nn.dequantize %x, %s, %zero : tensor<3x131xui8>, tensor<1x1xf32>, tensor<1x1xui8> -> tensor<3x131xf32>
  %1 = nn.dequantize %w, %s, %zw : tensor<131x1xi8>, tensor<1x1xf32>, tensor<1x1xi8> -> tensor<131x1xf32>
  %2 = nn.matmul %0, %1 : tensor<3x131xf32>, tensor<131x1xf32> -> tensor<3x1xf32>
  %3 = nn.quantize %2, %sy, %zero : tensor<3x1xf32>, tensor<1x1xf32>, tensor<1x1xui8> -> tensor<3x1xui8>
  return %3 : tensor<3x1xui8>
}

// -----

// The steps of the second channel stay below a half, whatever x is, though its bias fills 31 bits: it gives the zero
// point, and nothing of it is large.
// CHECK-LABEL: @still_channel
// CHECK-DAG: nn.constant dense<[1, 0]> : tensor<2xi32>
// CHECK-DAG: nn.constant dense<{{\[\[}}1.000000e+00, 0.000000e+00]]> : tensor<1x2xf32>
// CHECK: nn.requantize %{{[^{]*}} {fits, small_sums} :
func.func @still_channel(%x: tensor<3x1xui8>) -> tensor<3x2xui8> {
  %s = nn.constant dense<1.0> : tensor<1x1xf32>
  %zero = nn.constant dense<3> : tensor<1x1xui8>
  %w = nn.constant dense<[[2, 76]]> : tensor<1x2xi8>
  %sw = nn.constant dense<[[1.0, 1.0e-10]]> : tensor<1x2xf32>
  %zw = nn.constant dense<0> : tensor<1x1xi8>
  %bias = nn.constant dense<[1.0, -0.2147]> : tensor<2xf32>
  %0 = nn.dequantize %x, %s, %zero : tensor<3x1xui8>, tensor<1x1xf32>, tensor<1x1xui8> -> tensor<3x1xf32>
  %1 = nn.dequantize %w, %sw, %zw : tensor<1x2xi8>, tensor<1x2xf32>, tensor<1x1xi8> -> tensor<1x2xf32>
  %2 = nn.matmul %0, %1 bias %bias : tensor<3x1xf32>, tensor<1x2xf32>, tensor<2xf32> -> tensor<3x2xf32>
  %3 = nn.quantize %2, %s, %zero : tensor<3x2xf32>, tensor<1x1xf32>, tensor<1x1xui8> -> tensor<3x2xui8>
  return %3 : tensor<3x2xui8>
}

// -----

// A table is read for each element that there is, not for each time that it is there.
// CHECK-LABEL: @table_before_a_resize
// CHECK: %[[T:.*]] = nn.lookup %arg0 {{.*}} tensor<1x2x3x5xui8> -> tensor<1x2x3x5xui8>
// CHECK-NEXT: %[[R:.*]] = nn.resize nearest %[[T]]
// CHECK-NEXT: %[[Y:.*]] = nn.transpose %[[R]]
// CHECK-NEXT: return %[[Y]]
func.func @table_before_a_resize(%x: tensor<1x2x3x5xui8>) -> tensor<1x5x4x6xui8> {
  %s = nn.constant dense<1.0> : tensor<1x1x1x1xf32>
  %sy = nn.constant dense<2.0> : tensor<1x1x1x1xf32>
  %zero = nn.constant dense<3> : tensor<1x1x1x1xui8>
  %0 = nn.dequantize %x, %s, %zero : tensor<1x2x3x5xui8>, tensor<1x1x1x1xf32>, tensor<1x1x1x1xui8> -> tensor<1x2x3x5xf32>
  %1 = nn.resize nearest %0 axes [1, 2] scales [2.0, 2.0] {coordinate = "asymmetric", nearest = "floor"} : tensor<1x2x3x5xf32> -> tensor<1x4x6x5xf32>
  %2 = nn.transpose %1 [0, 3, 1, 2] : tensor<1x4x6x5xf32> -> tensor<1x5x4x6xf32>
  %3 = nn.quantize %2, %sy, %zero : tensor<1x5x4x6xf32>, tensor<1x1x1x1xf32>, tensor<1x1x1x1xui8> -> tensor<1x5x4x6xui8>
  return %3 : tensor<1x5x4x6xui8>
}

// -----

// Of the second channel steps may pass 2^15: 128 * 127 * 2.5.
// CHECK-LABEL: @large_steps
// CHECK: nn.requantize %{{[^{]*}} {small_sums} :
func.func @large_steps(%x: tensor<3x1xi8>) -> tensor<3x2xi8> {
  %s = nn.constant dense<1.0> : tensor<1x1xf32>
  %zero = nn.constant dense<0> : tensor<1x1xi8>
  %w = nn.constant dense<[[2, 127]]> : tensor<1x2xi8>
  %sy = nn.constant dense<0.4> : tensor<1x1xf32>
  %0 = nn.dequantize %x, %s, %zero : tensor<3x1xi8>, tensor<1x1xf32>, tensor<1x1xi8> -> tensor<3x1xf32>
  %1 = nn.dequantize %w, %s, %zero : tensor<1x2xi8>, tensor<1x1xf32>, tensor<1x1xi8> -> tensor<1x2xf32>
  %2 = nn.matmul %0, %1 : tensor<3x1xf32>, tensor<1x2xf32> -> tensor<3x2xf32>
  %3 = nn.quantize %2, %sy, %zero : tensor<3x2xf32>, tensor<1x1xf32>, tensor<1x1xi8> -> tensor<3x2xi8>
  return %3 : tensor<3x2xi8>
}

// -----

// As many matrices as columns: zero points of the former are none of channels, so weights keep them, and nothing is
// known of the sums. What a requantize had said before is not believed.
// CHECK-LABEL: @zero_points_of_matrices
// CHECK-DAG: %[[W:.*]] = nn.constant dense<7> : tensor<3x4x3xi8>
// CHECK-DAG: %[[Z:.*]] = nn.constant dense<{{\[\[}}[7]], {{\[\[}}-7]], {{\[\[}}0]]]> : tensor<3x1x1xi8>
// CHECK: %[[SUM:.*]] = nn.matmul %arg0, %[[W]] zero_points(%{{.*}}, %[[Z]])
// CHECK-NEXT: nn.requantize %[[SUM]], %{{[^{]*}} : tensor<3x2x3xi32>
func.func @zero_points_of_matrices(%x: tensor<3x2x4xui8>) -> tensor<3x2x3xui8> {
  %zx = nn.constant dense<5> : tensor<1x1x1xui8>
  %w = nn.constant dense<7> : tensor<3x4x3xi8>
  %zw = nn.constant dense<[[[7]], [[-7]], [[0]]]> : tensor<3x1x1xi8>
  %m = nn.constant dense<0.5> : tensor<1x1x1xf32>
  %zy = nn.constant dense<20> : tensor<1x1x1xui8>
  %0 = nn.matmul %x, %w zero_points(%zx, %zw) : tensor<3x2x4xui8>, tensor<3x4x3xi8> zero_points(tensor<1x1x1xui8>, tensor<3x1x1xi8>) -> tensor<3x2x3xi32>
  %1 = nn.requantize %0, %m, %zy {fits, small_sums} : tensor<3x2x3xi32>, tensor<1x1x1xf32>, tensor<1x1x1xui8> -> tensor<3x2x3xui8>
  return %1 : tensor<3x2x3xui8>
}

// -----

// A zero point becomes part of the bias where no tap is outside of the input: 5 less 3 times the sums of weights.
// CHECK-LABEL: @zero_points_of_pixels
// CHECK: %[[B:.*]] = nn.constant dense<[-4, 11]> : tensor<2xi32>
// CHECK: nn.conv2d %arg0, {{.*}} bias %[[B]] strides [1, 2] pads [0, 0, 0, 0] {{.*}} -> tensor<1x4x3x2xi32>
// CHECK: nn.conv2d %arg0, {{.*}} zero_points({{.*}}) strides [1, 1] pads [0, 0, 0, 1]
func.func @zero_points_of_pixels(%x: tensor<1x4x5x3xui8>) -> (tensor<1x4x3x2xi32>, tensor<1x4x6x2xi32>) {
  %w = nn.constant dense<[[[[1, -2, 4]]], [[[-3, 1, 0]]]]> : tensor<2x1x1x3xi8>
  %b = nn.constant dense<5> : tensor<2xi32>
  %z = nn.constant dense<3> : tensor<1xui8>
  %o = nn.constant dense<0> : tensor<2xi8>
  %0 = nn.conv2d %x, %w bias %b zero_points(%z, %o) strides [1, 2] pads [0, 0, 0, 0] dilations [1, 1] groups 1 : tensor<1x4x5x3xui8>, tensor<2x1x1x3xi8>, tensor<2xi32> zero_points(tensor<1xui8>, tensor<2xi8>) -> tensor<1x4x3x2xi32>
  %1 = nn.conv2d %x, %w bias %b zero_points(%z, %o) strides [1, 1] pads [0, 0, 0, 1] dilations [1, 1] groups 1 : tensor<1x4x5x3xui8>, tensor<2x1x1x3xi8>, tensor<2xi32> zero_points(tensor<1xui8>, tensor<2xi8>) -> tensor<1x4x6x2xi32>
  return %0, %1 : tensor<1x4x3x2xi32>, tensor<1x4x6x2xi32>
}

// -----

// 128 vanishes in bytes that the machine reads in the other sign: nothing is left for the bias.
// CHECK-LABEL: @zero_point_that_vanishes
// CHECK: nn.matmul %arg0, {{.*}} zero_points(
module attributes {nn.machines = {cpu0 = #nn.machine<vector_bits = 512, registers = 32, l1_bytes = 32768, l2_bytes = 1048576, dots = [<instruction = "llvm.x86.avx512.vpdpbusd.512", bits = 512, group = 4, lhs = ui8, rhs = i8, adds = true, rows = 1>]>}} {
  func.func @zero_point_that_vanishes(%x: tensor<3x2xi8>) -> tensor<3x2xi32> {
    %w = nn.constant dense<[[1, 2], [3, 4]]> : tensor<2x2xi8>
    %z = nn.constant dense<-128> : tensor<1x1xi8>
    %o = nn.constant dense<0> : tensor<1x1xi8>
    %0 = nn.matmul %x, %w zero_points(%z, %o) : tensor<3x2xi8>, tensor<2x2xi8> zero_points(tensor<1x1xi8>, tensor<1x1xi8>) -> tensor<3x2xi32>
    return %0 : tensor<3x2xi32>
  }
}

// -----

// Weights without a sign that are no i8 less their zero point: 128 less of both, and what the zero points add is the sum
// of what they are multiplied with, of one channel.
// CHECK-LABEL: @zero_points_of_weights
// CHECK-DAG: %[[Z:.*]] = nn.constant dense<9> : tensor<1x1xi32>
// CHECK-DAG: %[[W:.*]] = nn.constant dense<{{\[\[}}-128, -28, -127, 127], [-8, -9, 127, -128]]> : tensor<2x4xi8>
// CHECK-DAG: %[[ONES:.*]] = nn.constant dense<1> : tensor<2x1xi8>
// CHECK-DAG: %[[S:.*]] = nn.matmul %arg0, %[[W]] zero_points(%arg1, %{{.*}}) : {{.*}} -> tensor<3x4xi32>
// CHECK-DAG: %[[X:.*]] = nn.matmul %arg0, %[[ONES]] zero_points(%arg1, %{{.*}}) : {{.*}} -> tensor<3x1xi32>
// CHECK: %[[T:.*]] = nn.binary mul %[[X]], %[[Z]]
// CHECK: %[[Y:.*]] = nn.binary add %[[S]], %[[T]]
// CHECK: return %[[Y]]
func.func @zero_points_of_weights(%x: tensor<3x2xui8>, %zx: tensor<1x1xui8>) -> tensor<3x4xi32> {
  %w = nn.constant dense<[[0, 100, 1, 255], [120, 119, 255, 0]]> : tensor<2x4xui8>
  %zw = nn.constant dense<119> : tensor<1x1xui8>
  %0 = nn.matmul %x, %w zero_points(%zx, %zw) : tensor<3x2xui8>, tensor<2x4xui8> zero_points(tensor<1x1xui8>, tensor<1x1xui8>) -> tensor<3x4xi32>
  return %0 : tensor<3x4xi32>
}

// -----

// Signed weights keep their bytes; channels of groups read inputs of their own, which are summed for each. Few channels
// stay as they are: one more would be a part of them.
// CHECK-LABEL: @zero_points_of_groups
// CHECK-DAG: %[[Z:.*]] = nn.constant dense<{{\[\[\[\[}}-7, 0, 0, 3]]]]> : tensor<1x1x1x4xi32>
// CHECK-DAG: %[[ONES:.*]] = nn.constant dense<1> : tensor<4x3x3x1xi8>
// CHECK-DAG: nn.conv2d %arg0, %{{.*}} bias %{{.*}} zero_points({{.*}} groups 4
// CHECK-DAG: %[[X:.*]] = nn.conv2d %arg0, %[[ONES]] zero_points({{.*}} pads [1, 1, 1, 1] {{.*}} groups 4 {{.*}} -> tensor<1x5x6x4xi32>
// CHECK: nn.binary mul %[[X]], %[[Z]]
// CHECK: nn.conv2d %arg0, %{{.*}} zero_points({{.*}} groups 1
// CHECK-NOT: nn.binary
func.func @zero_points_of_groups(%x: tensor<1x5x6x4xi8>) -> (tensor<1x5x6x4xi32>, tensor<1x5x6x3xi32>) {
  %w = nn.constant dense<-128> : tensor<4x3x3x1xi8>
  %v = nn.constant dense<-128> : tensor<3x3x3x4xi8>
  %b = nn.constant dense<5> : tensor<4xi32>
  %z = nn.constant dense<3> : tensor<1xi8>
  %zw = nn.constant dense<[7, 0, 0, -3]> : tensor<4xi8>
  %zv = nn.constant dense<7> : tensor<1xi8>
  %0 = nn.conv2d %x, %w bias %b zero_points(%z, %zw) strides [1, 1] pads [1, 1, 1, 1] dilations [1, 1] groups 4 : tensor<1x5x6x4xi8>, tensor<4x3x3x1xi8>, tensor<4xi32> zero_points(tensor<1xi8>, tensor<4xi8>) -> tensor<1x5x6x4xi32>
  %1 = nn.conv2d %x, %v zero_points(%z, %zv) strides [1, 1] pads [1, 1, 1, 1] dilations [1, 1] groups 1 : tensor<1x5x6x4xi8>, tensor<3x3x3x4xi8> zero_points(tensor<1xi8>, tensor<1xi8>) -> tensor<1x5x6x3xi32>
  return %0, %1 : tensor<1x5x6x4xi32>, tensor<1x5x6x3xi32>
}
