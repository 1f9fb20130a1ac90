// RUN: nncc-opt %s --nncc-lower-to-loops --canonicalize --cse | FileCheck %s

module attributes {nn.machines = {cpu0 = #nn.machine<vector_bits = 128, registers = 32, l1_bytes = 32768, l2_bytes = 1048576>}} {

// The sum runs along contiguous memory: partial sums in vectors, one register each for the pieces of the rest, then a
// tree over the lanes.
// CHECK-LABEL: @along_rows
// CHECK: scf.for
// CHECK: scf.for {{.*}} iter_args(%{{.*}} = %{{.*}}) -> (vector<16xf32>)
// CHECK:   vector.load {{.*}} vector<16xf32>
// CHECK:   arith.addf {{.*}} vector<16xf32>
// CHECK: vector.shuffle {{.*}} [8, 9, 10, 11, 12, 13, 14, 15]
// CHECK: arith.addf {{.*}} vector<8xf32>
// CHECK: memref.store
func.func @along_rows(%x: memref<3x37xf32>, %y: memref<3x1xf32>) {
  nn.kernel "k" ins(%x : memref<3x37xf32>) outs(%y : memref<3x1xf32>) {
  ^bb0(%0: tensor<3x37xf32>):
    %1 = nn.reduce sum %0 axes [1] : tensor<3x37xf32> -> tensor<3x1xf32>
    nn.yield %1 : tensor<3x1xf32>
  }
  return
}

// The sum runs across rows: each lane is a result of its own, and the epilogue follows in registers.
// CHECK-LABEL: @across_rows
// CHECK: scf.for {{.*}} iter_args(%{{.*}} = %{{.*}}) -> (vector<8xf32>)
// CHECK:   vector.load {{.*}} vector<8xf32>
// CHECK: arith.mulf {{.*}} vector<8xf32>
// CHECK: arith.maximumf {{.*}} vector<8xf32>
// CHECK: vector.store
func.func @across_rows(%x: memref<3x8xf32>, %y: memref<1x8xf32>) {
  nn.kernel "k" ins(%x : memref<3x8xf32>) outs(%y : memref<1x8xf32>) {
  ^bb0(%0: tensor<3x8xf32>):
    %1 = nn.reduce sum %0 axes [0] : tensor<3x8xf32> -> tensor<1x8xf32>
    %2 = nn.constant dense<0.5> : tensor<1x1xf32>
    %3 = nn.binary mul %1, %2 : tensor<1x8xf32>, tensor<1x1xf32> -> tensor<1x8xf32>
    %4 = nn.unary relu %3 : tensor<1x8xf32> -> tensor<1x8xf32>
    nn.yield %4 : tensor<1x8xf32>
  }
  return
}

// Bytes are widened as they are loaded.
// CHECK-LABEL: @sum_of_bytes
// CHECK: vector.load {{.*}} vector<8xi8>
// CHECK: arith.extui {{.*}} vector<8xi8> to vector<8xi32>
// CHECK: arith.addi {{.*}} vector<8xi32>
// CHECK: arith.muli {{.*}} vector<8xi32>
// CHECK: vector.store
func.func @sum_of_bytes(%x: memref<3x8xi8>, %y: memref<1x8xi32>) {
  nn.kernel "k" ins(%x : memref<3x8xi8>) outs(%y : memref<1x8xi32>) {
  ^bb0(%0: tensor<3x8xui8>):
    %1 = nn.cast %0 : tensor<3x8xui8> -> tensor<3x8xi32>
    %2 = nn.reduce sum %1 axes [0] : tensor<3x8xi32> -> tensor<1x8xi32>
    %3 = nn.constant dense<3> : tensor<1x1xi32>
    %4 = nn.binary mul %2, %3 : tensor<1x8xi32>, tensor<1x1xi32> -> tensor<1x8xi32>
    nn.yield %4 : tensor<1x8xi32>
  }
  return
}

// A long sum runs in blocks of at most 32 steps, here of 30, which leave no rest; blocks are added up in f64.
// CHECK-LABEL: @long_sum
// CHECK: scf.for {{.*}} step %{{c30[_0-9]*}} iter_args(%[[TOTAL:.*]] = %{{.*}}) -> (vector<8xf64>)
// CHECK:   %[[BLOCK:.*]] = scf.for {{.*}} to %{{c30[_0-9]*}} step {{.*}} -> (vector<8xf32>)
// CHECK:     vector.load {{.*}} vector<8xf32>
// CHECK:     arith.addf {{.*}} vector<8xf32>
// CHECK:   arith.extf %[[BLOCK]] : vector<8xf32> to vector<8xf64>
// CHECK:   arith.addf %[[TOTAL]], {{.*}} vector<8xf64>
// CHECK: arith.truncf {{.*}} vector<8xf64> to vector<8xf32>
func.func @long_sum(%x: memref<240x8xf32>, %y: memref<1x8xf32>) {
  nn.kernel "k" ins(%x : memref<240x8xf32>) outs(%y : memref<1x8xf32>) {
  ^bb0(%0: tensor<240x8xf32>):
    %1 = nn.reduce sum %0 axes [0] : tensor<240x8xf32> -> tensor<1x8xf32>
    nn.yield %1 : tensor<1x8xf32>
  }
  return
}

// Slices are copied by vectors; the index is read once per slice, counted from the end and clamped.
// CHECK-LABEL: @gather
// CHECK: memref.load {{.*}} memref<5xi64>
// CHECK: arith.maxsi
// CHECK: arith.minsi
// CHECK: vector.load {{.*}} vector<8xf32>
// CHECK: vector.store
func.func @gather(%x: memref<7x16xf32>, %i: memref<5xi64>, %y: memref<5x16xf32>) {
  nn.kernel "k" ins(%x, %i : memref<7x16xf32>, memref<5xi64>) outs(%y : memref<5x16xf32>) {
  ^bb0(%0: tensor<7x16xf32>, %1: tensor<5xi64>):
    %2 = nn.gather %0, %1 axis 0 : tensor<7x16xf32>, tensor<5xi64> -> tensor<5x16xf32>
    nn.yield %2 : tensor<5x16xf32>
  }
  return
}

// Positions of resampling are tables.
// CHECK-LABEL: @nearest
// CHECK: memref.get_global @table
// CHECK: memref.global "private" constant @table{{.*}} dense<{{\[\[}}0], [0], [1], [1]]>
func.func @nearest(%x: memref<2x4xf32>, %y: memref<4x4xf32>) {
  nn.kernel "k" ins(%x : memref<2x4xf32>) outs(%y : memref<4x4xf32>) {
  ^bb0(%0: tensor<2x4xf32>):
    %1 = nn.resize nearest %0 axes [0] scales [2.0] {coordinate = "asymmetric", nearest = "floor"} : tensor<2x4xf32> -> tensor<4x4xf32>
    nn.yield %1 : tensor<4x4xf32>
  }
  return
}
}

// How many samples a bin has depends on the region: loops over those that may lie in the image, with all channels of a
// sample in one vector. The sum is divided by how many there are.
module attributes {nn.machines = {cpu0 = #nn.machine<vector_bits = 128, registers = 32, l1_bytes = 32768, l2_bytes = 262144>}} {
// CHECK-LABEL: func.func @roi_align
// CHECK: scf.for
// CHECK: scf.for
// CHECK: scf.for
// CHECK: math.ceil
// CHECK: %[[SUM:.*]] = scf.for %{{.*}} = %{{.*}} to %{{.*}} step %{{.*}} iter_args(%{{.*}}) -> (vector<16xf32>)
// CHECK: scf.for %{{.*}} iter_args(%{{.*}}) -> (vector<16xf32>)
// CHECK-COUNT-4: vector.load %{{.*}} : memref<2016xf32>, vector<16xf32>
// CHECK-NOT: vector.load
// CHECK: arith.divf %[[SUM]], %{{.*}} : vector<16xf32>
// CHECK: vector.store %{{.*}} : memref<960xf32>, vector<16xf32>
func.func @roi_align(%x: memref<2x9x7x16xf32>, %r: memref<5x4xf32>, %i: memref<5xi64>, %y: memref<5x4x3x16xf32>) {
  nn.kernel "k" ins(%x, %r, %i : memref<2x9x7x16xf32>, memref<5x4xf32>, memref<5xi64>) outs(%y : memref<5x4x3x16xf32>) {
  ^bb0(%0: tensor<2x9x7x16xf32>, %1: tensor<5x4xf32>, %2: tensor<5xi64>):
    %3 = nn.roi_align %0 at %1 of %2 samples 0 scale 5.0e-01 : tensor<2x9x7x16xf32>, tensor<5x4xf32>, tensor<5xi64> -> tensor<5x4x3x16xf32>
    nn.yield %3 : tensor<5x4x3x16xf32>
  }
  return
}
}

// A matrix times a column: eight rows share the loads of the column, and their sums become one vector.
module attributes {nn.machines = {cpu0 = #nn.machine<vector_bits = 256, registers = 16, l1_bytes = 32768, l2_bytes = 262144>}} {
// CHECK-LABEL: func.func @matrix_times_column
// CHECK: scf.for %{{.*}} = %{{.*}} to %{{.*}} iter_args({{.*}}) -> (vector<8xf32>, vector<8xf32>, vector<8xf32>, vector<8xf32>, vector<8xf32>, vector<8xf32>, vector<8xf32>, vector<8xf32>)
// CHECK-COUNT-9: vector.load %{{.*}} : memref<{{.*}}xf32>, vector<8xf32>
// CHECK-NOT: vector.load
// CHECK-COUNT-14: vector.shuffle
// CHECK-NOT: vector.shuffle
// CHECK: vector.store %{{.*}} : memref<16xf32>, vector<8xf32>
func.func @matrix_times_column(%x: memref<16x24xf32>, %w: memref<24x1xf32>, %y: memref<16x1xf32>) {
  nn.kernel "k" ins(%x, %w : memref<16x24xf32>, memref<24x1xf32>) outs(%y : memref<16x1xf32>) {
  ^bb0(%0: tensor<16x24xf32>, %1: tensor<24x1xf32>):
    %r = nn.matmul %0, %1 : tensor<16x24xf32>, tensor<24x1xf32> -> tensor<16x1xf32>
    nn.yield %r : tensor<16x1xf32>
  }
  return
}
}

// Rows of three elements: a lane for each row, and all three elements of it in registers.
module attributes {nn.machines = {cpu0 = #nn.machine<vector_bits = 256, registers = 16, l1_bytes = 32768, l2_bytes = 262144>}} {
// CHECK-LABEL: func.func @softmax_of_short_rows
// CHECK: vector.load %{{.*}} : memref<48xf32>, vector<24xf32>
// CHECK-COUNT-3: vector.shuffle {{.*}} : vector<24xf32>, vector<24xf32>
// CHECK-COUNT-2: arith.maximumf {{.*}} : vector<8xf32>
// CHECK: vector.store %{{.*}} : memref<48xf32>, vector<24xf32>
// CHECK-NOT: memref.load
func.func @softmax_of_short_rows(%x: memref<16x3xf32>, %y: memref<16x3xf32>) {
  nn.kernel "k" ins(%x : memref<16x3xf32>) outs(%y : memref<16x3xf32>) {
  ^bb0(%0: tensor<16x3xf32>):
    %r = nn.softmax %0 axis 1 : tensor<16x3xf32> -> tensor<16x3xf32>
    nn.yield %r : tensor<16x3xf32>
  }
  return
}
}

// Enlarging rows by two: away from the borders even and odd outputs have constant weights; both are computed on vectors
// of input positions, and stored by turns.
module attributes {nn.machines = {cpu0 = #nn.machine<vector_bits = 128, registers = 32, l1_bytes = 32768, l2_bytes = 1048576>}} {
// CHECK-LABEL: func.func @enlarge_rows
// CHECK-COUNT-2: vector.load %{{.*}} : memref<9xf32>, vector<4xf32>
// CHECK: vector.shuffle {{.*}} [0, 4, 1, 5, 2, 6, 3, 7]
// CHECK: vector.store %{{.*}} : memref<18xf32>, vector<8xf32>
func.func @enlarge_rows(%x: memref<1x9x1xf32>, %y: memref<1x18x1xf32>) {
  nn.kernel "k" ins(%x : memref<1x9x1xf32>) outs(%y : memref<1x18x1xf32>) {
  ^bb0(%0: tensor<1x9x1xf32>):
    %r = nn.resize linear %0 axes [1] scales [2.0] {coordinate = "half_pixel", nearest = "floor"} : tensor<1x9x1xf32> -> tensor<1x18x1xf32>
    nn.yield %r : tensor<1x18x1xf32>
  }
  return
}
}

// One output channel of single pixels: the same dot products, with the epilogue on a vector of pixels.
module attributes {nn.machines = {cpu0 = #nn.machine<vector_bits = 256, registers = 16, l1_bytes = 32768, l2_bytes = 262144>}} {
// CHECK-LABEL: func.func @one_output_channel
// CHECK-COUNT-9: vector.load %{{.*}} : memref<{{.*}}xf32>, vector<8xf32>
// CHECK-COUNT-14: vector.shuffle
// CHECK: arith.maximumf {{.*}} : vector<8xf32>
// CHECK: vector.store %{{.*}} : memref<16xf32>, vector<8xf32>
func.func @one_output_channel(%x: memref<1x2x8x24xf32>, %w: memref<1x1x1x24xf32>, %y: memref<1x2x8x1xf32>) {
  nn.kernel "k" ins(%x, %w : memref<1x2x8x24xf32>, memref<1x1x1x24xf32>) outs(%y : memref<1x2x8x1xf32>) {
  ^bb0(%0: tensor<1x2x8x24xf32>, %1: tensor<1x1x1x24xf32>):
    %r = nn.conv2d %0, %1 strides [1, 1] pads [0, 0, 0, 0] dilations [1, 1] groups 1 : tensor<1x2x8x24xf32>, tensor<1x1x1x24xf32> -> tensor<1x2x8x1xf32>
    %s = nn.unary relu %r : tensor<1x2x8x1xf32> -> tensor<1x2x8x1xf32>
    nn.yield %s : tensor<1x2x8x1xf32>
  }
  return
}
}
