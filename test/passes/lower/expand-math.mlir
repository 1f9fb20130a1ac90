// RUN: nncc-opt %s --nncc-expand-math | FileCheck %s

// CHECK-LABEL: func @exp_is_arithmetic
// CHECK-NOT: math.exp
// CHECK: return
func.func @exp_is_arithmetic(%x: vector<8xf32>) -> vector<8xf32> {
  %0 = math.exp %x : vector<8xf32>
  return %0 : vector<8xf32>
}

// CHECK-LABEL: func @sqrt_is_an_instruction
// CHECK: math.sqrt
func.func @sqrt_is_an_instruction(%x: vector<8xf32>) -> vector<8xf32> {
  %0 = math.sqrt %x : vector<8xf32>
  return %0 : vector<8xf32>
}

// CHECK-LABEL: func @halves_are_computed_in_f32
// CHECK: arith.extf %{{.*}} : vector<8xf16> to vector<8xf32>
// CHECK-NOT: math.log1p
// CHECK: arith.truncf %{{.*}} : vector<8xf32> to vector<8xf16>
func.func @halves_are_computed_in_f32(%x: vector<8xf16>) -> vector<8xf16> {
  %0 = math.log1p %x : vector<8xf16>
  return %0 : vector<8xf16>
}

// CHECK-LABEL: func @power_of_scalars_goes_through_f64
// CHECK: arith.extf %{{.*}} : f32 to f64
// CHECK-NOT: math.powf
// CHECK: arith.truncf %{{.*}} : f64 to f32
func.func @power_of_scalars_goes_through_f64(%x: f32, %y: f32) -> f32 {
  %0 = math.powf %x, %y : f32
  return %0 : f32
}

// LLVM calls fmaxf where code is to be small.
// CHECK-LABEL: func @compares_single_numbers
// CHECK-SAME: %[[X:.*]]: f32, %[[Y:.*]]: f32, %[[V:.*]]: vector<8xf32>, %[[W:.*]]: vector<8xf32>
// CHECK-DAG: %[[IS_LARGER:.*]] = arith.cmpf ogt, %[[X]], %[[Y]]
// CHECK-DAG: %[[IS_NAN:.*]] = arith.cmpf uno, %[[Y]], %[[Y]]
// CHECK: %[[TAKES_X:.*]] = arith.ori %[[IS_LARGER]], %[[IS_NAN]]
// CHECK: arith.select %[[TAKES_X]], %[[X]], %[[Y]]
// CHECK: arith.maxnumf %[[X]], %{{.*}} : f32
// CHECK: arith.minnumf %[[V]], %[[W]]
func.func @compares_single_numbers(%x: f32, %y: f32, %v: vector<8xf32>, %w: vector<8xf32>) -> (f32, f32, vector<8xf32>) {
  %bound = arith.constant 7.0 : f32
  %0 = arith.maxnumf %x, %y : f32
  %1 = arith.maxnumf %x, %bound : f32
  %2 = arith.minnumf %v, %w : vector<8xf32>
  return %0, %1, %2 : f32, f32, vector<8xf32>
}

// NaN is kept without a choice between values of bf16.
// CHECK-LABEL: func @rounds_to_bf16_by_bits
// CHECK-NOT: arith.truncf
// CHECK: arith.select %{{.*}} : vector<4xi1>, vector<4xi32>
// CHECK: arith.ori
// CHECK: arith.trunci %{{.*}} : vector<4xi32> to vector<4xi16>
// CHECK-NEXT: arith.bitcast %{{.*}} : vector<4xi16> to vector<4xbf16>
func.func @rounds_to_bf16_by_bits(%x: vector<4xf32>) -> vector<4xbf16> {
  %0 = arith.truncf %x : vector<4xf32> to vector<4xbf16>
  return %0 : vector<4xbf16>
}
