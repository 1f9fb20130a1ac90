// RUN: nncc-opt %s --nncc-emit-tiles --canonicalize --cse | FileCheck %s
// RUN: nncc-opt %s --nncc-emit-tiles --nncc-check=L1

module attributes {nn.machines = {gpu0 = #nn.gpu<vector_bits = 128, registers = 64, warp = 16, tile_rows = 2, tile_columns = 4>,
                                      gpu1 = #nn.gpu<vector_bits = 128, registers = 32, warp = 16, tile_rows = 2, tile_columns = 4>}} {

// Panels of 8 columns, and one of 4 behind them, whose threads are others (here one, so that its loop is gone). A step of four channels is
// four rows of the panel.
// CHECK-LABEL: func.func private @product
// CHECK-SAME:    %[[X:[a-z0-9]+]]: memref<6x8xf32>, %[[W:[a-z0-9]+]]: memref<160xf32>
// CHECK:         scf.for %{{.*}} = %c0 to %c3 step %c1
// CHECK:           scf.for %{{.*}} = %c0 to %c16 step %c4
// CHECK:             scf.for {{.*}} iter_args
// CHECK-COUNT-2:       vector.load {{.*}} : memref<48xf32>, vector<4xf32>
// CHECK-COUNT-4:       vector.load %[[W]]{{.*}} : memref<160xf32>, vector<4xf32>
// CHECK:             } {nn.parallel}
// CHECK:             scf.for {{.*}} iter_args
// CHECK-COUNT-4:       vector.load %[[W]]{{.*}} : memref<160xf32>, vector<4xf32>
// CHECK:         } {nn.parallel}
func.func private @product(%x: memref<6x8xf32>, %w: memref<640xi8>, %y: memref<6x20xf32>) {
  nn.kernel "k" ins(%x, %w : memref<6x8xf32>, memref<640xi8>) outs(%y : memref<6x20xf32>) {
  ^bb0(%0: tensor<6x8xf32>, %1: tensor<8x20xf32>):
    %r = nn.matmul %0, %1 : tensor<6x8xf32>, tensor<8x20xf32> -> tensor<6x20xf32>
    nn.yield %r : tensor<6x20xf32>
  } attributes {nn.packings = [unit, #nn.packing<"panels", [640, 1, 20, 8, 8, 4, 1]>]}
  return
}

// Five pixels in tiles of two: the second pixel of the last tile does not exist. Of four lanes of the only panel two
// are stored. Taps outside of the image are multiplied by zeros, without a branch.
// CHECK-LABEL: func.func private @convolution
// CHECK-SAME:    memref<1x5x1x3xf32>, %[[W:[a-z0-9]+]]: memref<36xf32>
// CHECK:         scf.for %[[TILE:.*]] = %c0 to %c3 step %c1
// CHECK:           %[[EXISTS:.*]] = arith.cmpi ult, %{{.*}}, %c5 : index
// CHECK-NOT:       scf.if
// CHECK:             arith.select {{.*}} : f32
// CHECK:             vector.fma
// CHECK:           memref.store
// CHECK:           memref.store
// CHECK:           scf.if %[[EXISTS]]
// CHECK-COUNT-2:     memref.store
// CHECK-NOT:       memref.store
// CHECK:         } {nn.parallel}
func.func private @convolution(%x: memref<1x5x1x3xf32>, %w: memref<144xi8>, %y: memref<1x5x1x2xf32>) {
  nn.kernel "k" ins(%x, %w : memref<1x5x1x3xf32>, memref<144xi8>) outs(%y : memref<1x5x1x2xf32>) {
  ^bb0(%0: tensor<1x5x1x3xf32>, %1: tensor<2x3x1x3xf32>):
    %r = nn.conv2d %0, %1 strides [1, 1] pads [1, 0, 1, 0] dilations [1, 1] groups 1 : tensor<1x5x1x3xf32>, tensor<2x3x1x3xf32> -> tensor<1x5x1x2xf32>
    nn.yield %r : tensor<1x5x1x2xf32>
  } attributes {nn.packings = [unit, #nn.packing<"panels", [144, 1, 2, 9, 4, 4, 0]>]}
  return
}

// Of four channels all lanes are stored. Seven of nine times both pixels of a tile are inside of the image at a tap:
// then nothing is looked at.
// CHECK-LABEL: func.func private @convolution_inside
// CHECK:           %[[INSIDE:.*]] = arith.andi
// CHECK:           scf.if %[[INSIDE]] -> (vector<4xf32>, vector<4xf32>)
// CHECK-NOT:         arith.select
// CHECK-COUNT-6:     vector.fma
// CHECK:           } else {
// CHECK:             arith.select {{.*}} : f32
// CHECK:             vector.fma
// CHECK:           } {nn.share = 0.777
func.func private @convolution_inside(%x: memref<1x5x1x3xf32>, %w: memref<144xi8>, %y: memref<1x5x1x4xf32>) {
  nn.kernel "k" ins(%x, %w : memref<1x5x1x3xf32>, memref<144xi8>) outs(%y : memref<1x5x1x4xf32>) {
  ^bb0(%0: tensor<1x5x1x3xf32>, %1: tensor<4x3x1x3xf32>):
    %r = nn.conv2d %0, %1 strides [1, 1] pads [1, 0, 1, 0] dilations [1, 1] groups 1 : tensor<1x5x1x3xf32>, tensor<4x3x1x3xf32> -> tensor<1x5x1x4xf32>
    nn.yield %r : tensor<1x5x1x4xf32>
  } attributes {nn.packings = [unit, #nn.packing<"panels", [144, 1, 4, 9, 4, 4, 0]>]}
  return
}

// Three pixels beside each other, which leave none of a line of six over, have five columns of the input between them,
// not nine.
// CHECK-LABEL: func.func private @depthwise
// CHECK:         scf.for {{.*}} iter_args
// CHECK-COUNT-8:   vector.load
// CHECK-NOT:       vector.load
// CHECK:           scf.yield
func.func private @depthwise(%x: memref<1x6x8x4xf32>, %w: memref<144xi8>, %b: memref<16xi8>, %y: memref<1x4x6x4xf32>) {
  nn.kernel "k" ins(%x, %w, %b : memref<1x6x8x4xf32>, memref<144xi8>, memref<16xi8>) outs(%y : memref<1x4x6x4xf32>) {
  ^bb0(%0: tensor<1x6x8x4xf32>, %1: tensor<4x3x3x1xf32>, %2: tensor<4xf32>):
    %r = nn.conv2d %0, %1 bias %2 strides [1, 1] pads [0, 0, 0, 0] dilations [1, 1] groups 4 : tensor<1x6x8x4xf32>, tensor<4x3x3x1xf32>, tensor<4xf32> -> tensor<1x4x6x4xf32>
    nn.yield %r : tensor<1x4x6x4xf32>
  } attributes {nn.packings = [unit, #nn.packing<"panels", [144, 1, 4, 9, 4, 4, 0]>, #nn.packing<"pad", [16, 1, 4, 4]>]}
  return
}

// A GPU of half as many registers has none for a third.
// CHECK-LABEL: func.func private @depthwise_of_few_registers
// CHECK:         scf.for {{.*}} iter_args
// CHECK-COUNT-7:   vector.load
// CHECK-NOT:       vector.load
// CHECK:           scf.yield
func.func private @depthwise_of_few_registers(%x: memref<1x6x8x4xf32>, %w: memref<144xi8>, %b: memref<16xi8>, %y: memref<1x4x6x4xf32>) attributes {nn.device = "gpu1"} {
  nn.kernel "k" ins(%x, %w, %b : memref<1x6x8x4xf32>, memref<144xi8>, memref<16xi8>) outs(%y : memref<1x4x6x4xf32>) {
  ^bb0(%0: tensor<1x6x8x4xf32>, %1: tensor<4x3x3x1xf32>, %2: tensor<4xf32>):
    %r = nn.conv2d %0, %1 bias %2 strides [1, 1] pads [0, 0, 0, 0] dilations [1, 1] groups 4 : tensor<1x6x8x4xf32>, tensor<4x3x3x1xf32>, tensor<4xf32> -> tensor<1x4x6x4xf32>
    nn.yield %r : tensor<1x4x6x4xf32>
  } attributes {nn.packings = [unit, #nn.packing<"panels", [144, 1, 4, 9, 4, 4, 0]>, #nn.packing<"pad", [16, 1, 4, 4]>]}
  return
}

// Lines of eleven in tiles of four, which are no more unused than tiles of two would be, padded by one: the last pixel
// stands behind the line. Three of six columns are not inside for all tiles; where they begin is known before the loop
// over lines, of which seven of nine are in the image. One tap of the first and of the third pixel may be outside: what
// they add up counts behind the loop, if they are inside.
// CHECK-LABEL: func.func private @depthwise_with_border
// CHECK:         %[[EXISTS:.*]] = arith.cmpi ult, %{{.*}}, %c11 : index
// CHECK-COUNT-3: arith.select {{.*}} : index
// CHECK:         scf.for {{.*}} iter_args
// CHECK-NOT:       arith.select
// CHECK:           scf.if %{{.*}} -> (vector<4xf32>, vector<4xf32>, vector<4xf32>, vector<4xf32>, vector<4xf32>, vector<4xf32>)
// CHECK-NOT:         arith.select
// CHECK-COUNT-9:     vector.load
// CHECK-NOT:         vector.load
// CHECK:           } {nn.share = 0.777
// CHECK-COUNT-2: arith.select {{.*}} : vector<4xi1>, vector<4xf32>
// CHECK-NOT:     arith.select
// CHECK:         scf.if %[[EXISTS]]
func.func private @depthwise_with_border(%x: memref<1x3x11x4xf32>, %w: memref<144xi8>, %y: memref<1x3x11x4xf32>) {
  nn.kernel "k" ins(%x, %w : memref<1x3x11x4xf32>, memref<144xi8>) outs(%y : memref<1x3x11x4xf32>) {
  ^bb0(%0: tensor<1x3x11x4xf32>, %1: tensor<4x3x3x1xf32>):
    %r = nn.conv2d %0, %1 strides [1, 1] pads [1, 1, 1, 1] dilations [1, 1] groups 4 : tensor<1x3x11x4xf32>, tensor<4x3x3x1xf32> -> tensor<1x3x11x4xf32>
    nn.yield %r : tensor<1x3x11x4xf32>
  } attributes {nn.packings = [unit, #nn.packing<"panels", [144, 1, 4, 9, 4, 4, 0]>]}
  return
}

// Where one tap may be outside, it is looked at behind the loop.
// CHECK-LABEL: func.func private @depthwise_padded_left
// CHECK:         scf.for {{.*}} iter_args
// CHECK-NOT:       scf.if
// CHECK-NOT:       arith.select
// CHECK:           scf.yield
// CHECK:         arith.select {{.*}} : vector<4xi1>, vector<4xf32>
// CHECK-NOT:     arith.select {{.*}} : vector<4xi1>, vector<4xf32>
// CHECK:         } {nn.parallel}
func.func private @depthwise_padded_left(%x: memref<1x3x11x4xf32>, %w: memref<144xi8>, %y: memref<1x1x10x4xf32>) {
  nn.kernel "k" ins(%x, %w : memref<1x3x11x4xf32>, memref<144xi8>) outs(%y : memref<1x1x10x4xf32>) {
  ^bb0(%0: tensor<1x3x11x4xf32>, %1: tensor<4x3x3x1xf32>):
    %r = nn.conv2d %0, %1 strides [1, 1] pads [0, 1, 0, 0] dilations [1, 1] groups 4 : tensor<1x3x11x4xf32>, tensor<4x3x3x1xf32> -> tensor<1x1x10x4xf32>
    nn.yield %r : tensor<1x1x10x4xf32>
  } attributes {nn.packings = [unit, #nn.packing<"panels", [144, 1, 4, 9, 4, 4, 0]>]}
  return
}

// Few channels: a line of taps that is inside is one row of 9 numbers, in steps of three, which are all of them. Others
// go tap by tap.
// CHECK-LABEL: func.func private @few_channels
// CHECK:         scf.if
// CHECK:           scf.for %{{.*}} = %c0 to %c3
// CHECK-COUNT-2:     vector.load %{{.*}} : memref<108xf32>, vector<3xf32>
// CHECK:         } else {
// CHECK:           scf.for %{{.*}} = %c0 to %c3
// CHECK-NOT:         scf.if
// CHECK:         } {nn.share = 0.296
func.func private @few_channels(%x: memref<1x6x6x3xf32>, %w: memref<432xi8>, %y: memref<1x6x6x4xf32>) {
  nn.kernel "k" ins(%x, %w : memref<1x6x6x3xf32>, memref<432xi8>) outs(%y : memref<1x6x6x4xf32>) {
  ^bb0(%0: tensor<1x6x6x3xf32>, %1: tensor<4x3x3x3xf32>):
    %r = nn.conv2d %0, %1 strides [1, 1] pads [1, 1, 1, 1] dilations [1, 1] groups 1 : tensor<1x6x6x3xf32>, tensor<4x3x3x3xf32> -> tensor<1x6x6x4xf32>
    nn.yield %r : tensor<1x6x6x4xf32>
  } attributes {nn.packings = [unit, #nn.packing<"panels", [432, 1, 4, 27, 4, 4, 0]>]}
  return
}

// Lines and tiles that begin at multiples of four: what two pixels read of a line are four pieces, of which the first is
// left of the image for the first tile. Eleven of twelve lines of taps are in the image.
// CHECK-LABEL: func.func private @whole_lines
// CHECK-SAME:    %{{.*}}: memref<1x8x8x3xf32>, %[[W:[a-z0-9]+]]: memref<
// CHECK:         scf.for %{{.*}} = %c0 to %c3
// CHECK:           scf.if
// CHECK:             vector.load %[[W]]
// CHECK:             arith.cmpi ult, %{{.*}}, %c24 : index
// CHECK:             vector.load %{{.*}} : memref<192xf32>, vector<4xf32>
// CHECK:             arith.select {{.*}} : vector<4xi1>, vector<4xf32>
// CHECK-NOT:         arith.select
// CHECK-COUNT-3:     vector.load %{{.*}} : memref<192xf32>, vector<4xf32>
// CHECK-NOT:         memref<192xf32>
// CHECK:           } else {
// CHECK-NEXT:        scf.yield
// CHECK-NEXT:      } {nn.share = 0.916
func.func private @whole_lines(%x: memref<1x8x8x3xf32>, %w: memref<432xi8>, %y: memref<1x4x4x4xf32>) {
  nn.kernel "k" ins(%x, %w : memref<1x8x8x3xf32>, memref<432xi8>) outs(%y : memref<1x4x4x4xf32>) {
  ^bb0(%0: tensor<1x8x8x3xf32>, %1: tensor<4x3x3x3xf32>):
    %r = nn.conv2d %0, %1 strides [2, 2] pads [1, 1, 1, 1] dilations [1, 1] groups 1 : tensor<1x8x8x3xf32>, tensor<4x3x3x3xf32> -> tensor<1x4x4x4xf32>
    nn.yield %r : tensor<1x4x4x4xf32>
  } attributes {nn.packings = [unit, #nn.packing<"panels", [432, 1, 4, 27, 4, 4, 0]>]}
  return
}

// The same for one channel, of which two pixels read one number of the piece at the left: it alone is looked at.
// CHECK-LABEL: func.func private @one_number_of_a_piece
// CHECK:           scf.if
// CHECK:             %[[LEFT:.*]] = vector.load %{{.*}} : memref<64xf32>, vector<4xf32>
// CHECK-NEXT:        %[[NUMBER:.*]] = vector.extract %[[LEFT]][3]
// CHECK-NEXT:        arith.select %{{.*}}, %[[NUMBER]], %{{.*}} : f32
// CHECK-NOT:         arith.select {{.*}}f32
// CHECK:           } else {
func.func private @one_number_of_a_piece(%x: memref<1x8x8x1xf32>, %w: memref<144xi8>, %y: memref<1x4x4x4xf32>) {
  nn.kernel "k" ins(%x, %w : memref<1x8x8x1xf32>, memref<144xi8>) outs(%y : memref<1x4x4x4xf32>) {
  ^bb0(%0: tensor<1x8x8x1xf32>, %1: tensor<4x3x3x1xf32>):
    %r = nn.conv2d %0, %1 strides [2, 2] pads [1, 1, 1, 1] dilations [1, 1] groups 1 : tensor<1x8x8x1xf32>, tensor<4x3x3x1xf32> -> tensor<1x4x4x4xf32>
    nn.yield %r : tensor<1x4x4x4xf32>
  } attributes {nn.packings = [unit, #nn.packing<"panels", [144, 1, 4, 9, 4, 4, 0]>]}
  return
}

// A line of three pixels is two tiles, of which the second has one: the other one behind the line is not stored. The
// piece that it alone would read may be behind the line.
// CHECK-LABEL: func.func private @lines_with_a_rest
// CHECK:         scf.for %{{.*}} = %c0 to %c6
// CHECK:           %[[EXISTS:.*]] = arith.cmpi ult, %{{.*}}, %c3
// CHECK-COUNT-4:     vector.load %{{.*}} : memref<192xf32>, vector<4xf32>
// CHECK:             arith.select
// CHECK:           scf.if %[[EXISTS]]
// CHECK:             vector.store
func.func private @lines_with_a_rest(%x: memref<1x8x8x3xf32>, %w: memref<432xi8>, %y: memref<1x3x3x4xf32>) {
  nn.kernel "k" ins(%x, %w : memref<1x8x8x3xf32>, memref<432xi8>) outs(%y : memref<1x3x3x4xf32>) {
  ^bb0(%0: tensor<1x8x8x3xf32>, %1: tensor<4x3x3x3xf32>):
    %r = nn.conv2d %0, %1 strides [2, 2] pads [0, 0, 0, 0] dilations [1, 1] groups 1 : tensor<1x8x8x3xf32>, tensor<4x3x3x3xf32> -> tensor<1x3x3x4xf32>
    nn.yield %r : tensor<1x3x3x4xf32>
  } attributes {nn.packings = [unit, #nn.packing<"panels", [432, 1, 4, 27, 4, 4, 0]>]}
  return
}

// Channels that lie apart: of each plane two pixels read two pieces, of which the first may be left of the image. The
// transposed image is not touched.
// CHECK-LABEL: func.func private @planes
// CHECK-SAME:    %[[IMAGE:[a-z0-9]+]]: memref<1x8x8x3xf32>, %[[W:[a-z0-9]+]]: memref<108xf32>, %[[PLANES:[a-z0-9]+]]: memref<1x3x8x8xf32>
// CHECK-NOT:     %[[IMAGE]]
// CHECK:         %[[FLAT:.*]] = memref.reinterpret_cast %[[PLANES]] to offset: [0], sizes: [192], strides: [1]
// CHECK:         scf.for %{{.*}} = %c0 to %c3
// CHECK:           scf.if
// CHECK-COUNT-6:     vector.load %[[FLAT]]{{.*}} : memref<192xf32>, vector<4xf32>
// CHECK-NOT:         vector.load %[[FLAT]]
// CHECK:           } {nn.share = 0.916
func.func private @planes(%x: memref<1x8x8x3xf32>, %w: memref<432xi8>, %p: memref<1x3x8x8xf32>, %y: memref<1x4x4x4xf32>) {
  nn.kernel "k" ins(%x, %w, %p : memref<1x8x8x3xf32>, memref<432xi8>, memref<1x3x8x8xf32>) outs(%y : memref<1x4x4x4xf32>) {
  ^bb0(%0: tensor<1x8x8x3xf32>, %1: tensor<4x3x3x3xf32>, %2: tensor<1x3x8x8xf32>):
    %r = nn.conv2d %0, %1 strides [2, 2] pads [1, 1, 1, 1] dilations [1, 1] groups 1 : tensor<1x8x8x3xf32>, tensor<4x3x3x3xf32> -> tensor<1x4x4x4xf32>
    nn.yield %r : tensor<1x4x4x4xf32>
  } attributes {nn.packings = [unit, #nn.packing<"panels", [432, 1, 4, 27, 4, 4, 0]>, unit], nn.planes = 2 : i64}
  return
}

// Where there are channels enough, those of all rows go by without a look at them; what a row outside of the image has
// added up is taken back behind each tap.
// CHECK-LABEL: func.func private @many_channels
// CHECK-NOT:     scf.if
// CHECK:         scf.for %{{.*}} = %c0 to %c3 step %c1 iter_args(%[[A:.*]] = %{{.*}}, %[[B:.*]] = %{{.*}})
// CHECK:           %[[SUMS:.*]]:2 = scf.for
// CHECK-NOT:         arith.select
// CHECK:             vector.fma
// CHECK:           arith.select %{{.*}}, %[[SUMS]]#0, %[[A]] : vector<4xi1>, vector<4xf32>
// CHECK:           arith.select %{{.*}}, %[[SUMS]]#1, %[[B]] : vector<4xi1>, vector<4xf32>
func.func private @many_channels(%x: memref<1x5x1x8xf32>, %w: memref<384xi8>, %y: memref<1x5x1x4xf32>) {
  nn.kernel "k" ins(%x, %w : memref<1x5x1x8xf32>, memref<384xi8>) outs(%y : memref<1x5x1x4xf32>) {
  ^bb0(%0: tensor<1x5x1x8xf32>, %1: tensor<4x3x1x8xf32>):
    %r = nn.conv2d %0, %1 strides [1, 1] pads [1, 0, 1, 0] dilations [1, 1] groups 1 : tensor<1x5x1x8xf32>, tensor<4x3x1x8xf32> -> tensor<1x5x1x4xf32>
    nn.yield %r : tensor<1x5x1x4xf32>
  } attributes {nn.packings = [unit, #nn.packing<"panels", [384, 1, 4, 24, 4, 4, 0]>]}
  return
}

// A right operand of run time lies as it is; one that is transposed is left to dot products.
// CHECK-LABEL: func.func private @unpacked
// CHECK-NOT:     nn.kernel
// CHECK:         vector.fma
// CHECK-LABEL: func.func private @transposed
// CHECK:         nn.kernel
func.func private @unpacked(%x: memref<6x8xf32>, %w: memref<8x20xf32>, %y: memref<6x20xf32>) {
  nn.kernel "k" ins(%x, %w : memref<6x8xf32>, memref<8x20xf32>) outs(%y : memref<6x20xf32>) {
  ^bb0(%0: tensor<6x8xf32>, %1: tensor<8x20xf32>):
    %r = nn.matmul %0, %1 : tensor<6x8xf32>, tensor<8x20xf32> -> tensor<6x20xf32>
    nn.yield %r : tensor<6x20xf32>
  }
  return
}
func.func private @transposed(%x: memref<6x8xf32>, %w: memref<20x8xf32>, %y: memref<6x20xf32>) {
  nn.kernel "k" ins(%x, %w : memref<6x8xf32>, memref<20x8xf32>) outs(%y : memref<6x20xf32>) {
  ^bb0(%0: tensor<6x8xf32>, %1: tensor<20x8xf32>):
    %r = nn.matmul %0, %1 transpose_b : tensor<6x8xf32>, tensor<20x8xf32> -> tensor<6x20xf32>
    nn.yield %r : tensor<6x20xf32>
  }
  return
}

// A filter of run time is left to plain loops, and the bias that is packed beside it with it: it begins as it would
// without packing.
// CHECK-LABEL: func.func private @filter_of_run_time
// CHECK-SAME:    %{{.*}}: memref<1x5x1x3xf32>, %{{.*}}: memref<2x3x1x3xf32>, %{{.*}}: memref<2xf32>
// CHECK-NOT:     nn.packings
// CHECK:         nn.kernel
// CHECK-LABEL: func.func private @halves
func.func private @filter_of_run_time(%x: memref<1x5x1x3xf32>, %w: memref<2x3x1x3xf32>, %b: memref<16xi8>, %y: memref<1x3x1x2xf32>) {
  nn.kernel "k" ins(%x, %w, %b : memref<1x5x1x3xf32>, memref<2x3x1x3xf32>, memref<16xi8>) outs(%y : memref<1x3x1x2xf32>) {
  ^bb0(%0: tensor<1x5x1x3xf32>, %1: tensor<2x3x1x3xf32>, %2: tensor<2xf32>):
    %r = nn.conv2d %0, %1 bias %2 strides [1, 1] pads [0, 0, 0, 0] dilations [1, 1] groups 1 : tensor<1x5x1x3xf32>, tensor<2x3x1x3xf32>, tensor<2xf32> -> tensor<1x3x1x2xf32>
    nn.yield %r : tensor<1x3x1x2xf32>
  } attributes {nn.packings = [unit, unit, #nn.packing<"pad", [16, 1, 2, 4]>]}
  return
}

// Halves are widened when they are loaded, and rounded when they are stored.
// CHECK-SAME:    %{{.*}}: memref<6x8xf16>, %{{.*}}: memref<192xf16>, %{{.*}}: memref<6x20xf16>
// CHECK-NOT:     nn.kernel
// CHECK:         arith.extf %{{.*}} : vector<4xf16> to vector<4xf32>
// CHECK:         vector.fma %{{.*}} : vector<4xf32>
// CHECK:         arith.truncf %{{.*}} : vector<4xf32> to vector<4xf16>
// CHECK-LABEL: func.func private @brains
func.func private @halves(%x: memref<6x8xf16>, %w: memref<384xi8>, %y: memref<6x20xf16>) {
  nn.kernel "k" ins(%x, %w : memref<6x8xf16>, memref<384xi8>) outs(%y : memref<6x20xf16>) {
  ^bb0(%0: tensor<6x8xf16>, %1: tensor<8x20xf16>):
    %r = nn.matmul %0, %1 : tensor<6x8xf16>, tensor<8x20xf16> -> tensor<6x20xf16>
    nn.yield %r : tensor<6x20xf16>
  } attributes {nn.packings = [unit, #nn.packing<"panels", [384, 1, 20, 8, 8, 8, 1]>]}
  return
}

// Weights of bf16 are packed for the CPU: no tile reads them.
// CHECK-SAME:    nn.refused = "no tile reads its weights as they are packed for the CPU"
// CHECK-NOT:     nn.kernel
func.func private @brains(%x: memref<6x8xbf16>, %w: memref<384xi8>, %y: memref<6x20xbf16>) {
  nn.kernel "k" ins(%x, %w : memref<6x8xbf16>, memref<384xi8>) outs(%y : memref<6x20xbf16>) {
  ^bb0(%0: tensor<6x8xbf16>, %1: tensor<8x20xbf16>):
    %r = nn.matmul %0, %1 : tensor<6x8xbf16>, tensor<8x20xbf16> -> tensor<6x20xbf16>
    nn.yield %r : tensor<6x20xbf16>
  } attributes {nn.packings = [unit, #nn.packing<"panels", [384, 1, 20, 8, 8, 8, 1]>]}
  return
}
}
