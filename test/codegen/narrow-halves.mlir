// RUN: nncc-opt %s --nncc-narrow-halves | FileCheck %s

module attributes {nn.machines = {cpu0 = #nn.machine<vector_bits = 128, registers = 32, fma_lane = true, half_arithmetic = true, l1_bytes = 65536, l2_bytes = 262144>}} {

// A residual and a clip: nothing is widened, since f32 would round to the same f16.
// CHECK-LABEL: func.func private @residual
// CHECK-NOT:     arith.extf
// CHECK:         %[[SUM:.*]] = arith.addf %{{.*}}, %{{.*}} : vector<8xf16>
// CHECK:         %[[LOW:.*]] = arith.maximumf %[[SUM]], %{{.*}} : vector<8xf16>
// CHECK:         arith.minimumf %[[LOW]], %{{.*}} : vector<8xf16>
func.func private @residual(%a: vector<8xf16>, %b: vector<8xf16>) -> vector<8xf16> {
  %zero = arith.constant dense<0.0> : vector<8xf32>
  %six = arith.constant dense<6.0> : vector<8xf32>
  %x = arith.extf %a : vector<8xf16> to vector<8xf32>
  %y = arith.extf %b : vector<8xf16> to vector<8xf32>
  %sum = arith.addf %x, %y : vector<8xf32>
  %low = arith.maximumf %sum, %zero : vector<8xf32>
  %both = arith.minimumf %low, %six : vector<8xf32>
  %r = arith.truncf %both : vector<8xf32> to vector<8xf16>
  return %r : vector<8xf16>
}

// PReLU: the choice is made, and the product computed, in f16.
// CHECK-LABEL: func.func private @prelu
// CHECK-NOT:     arith.extf
// CHECK:         arith.cmpf oge, %{{.*}}, %{{.*}} : vector<8xf16>
// CHECK:         arith.mulf %{{.*}}, %{{.*}} : vector<8xf16>
// CHECK:         arith.select %{{.*}} : vector<8xi1>, vector<8xf16>
func.func private @prelu(%a: vector<8xf16>, %slope: f16) -> vector<8xf16> {
  %zero = arith.constant dense<0.0> : vector<8xf32>
  %x = arith.extf %a : vector<8xf16> to vector<8xf32>
  %wide = arith.extf %slope : f16 to f32
  %factor = vector.broadcast %wide : f32 to vector<8xf32>
  %below = arith.mulf %x, %factor : vector<8xf32>
  %isAbove = arith.cmpf oge, %x, %zero : vector<8xf32>
  %chosen = arith.select %isAbove, %x, %below : vector<8xi1>, vector<8xf32>
  %r = arith.truncf %chosen : vector<8xf32> to vector<8xf16>
  return %r : vector<8xf16>
}

// A constant that f16 has no number for, and a sum of a product, round otherwise: they stay f32.
// CHECK-LABEL: func.func private @stays
// CHECK:         arith.mulf %{{.*}} : vector<8xf32>
// CHECK:         arith.addf %{{.*}} : vector<8xf32>
// CHECK:         arith.mulf %{{.*}} : vector<8xf32>
func.func private @stays(%a: vector<8xf16>, %b: vector<8xf16>) -> (vector<8xf16>, vector<8xf16>) {
  %third = arith.constant dense<0.333333343> : vector<8xf32>
  %x = arith.extf %a : vector<8xf16> to vector<8xf32>
  %y = arith.extf %b : vector<8xf16> to vector<8xf32>
  %product = arith.mulf %x, %y : vector<8xf32>
  %sum = arith.addf %product, %x : vector<8xf32>
  %scaled = arith.mulf %x, %third : vector<8xf32>
  %r = arith.truncf %sum : vector<8xf32> to vector<8xf16>
  %s = arith.truncf %scaled : vector<8xf32> to vector<8xf16>
  return %r, %s : vector<8xf16>, vector<8xf16>
}
}
