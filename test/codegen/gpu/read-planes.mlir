// RUN: nncc-opt %s --nncc-read-planes | FileCheck %s
// RUN: nncc-opt %s --nncc-read-planes --nncc-check=N2

module attributes {nn.machines = {cpu0 = #nn.machine<vector_bits = 128, registers = 32, l1_bytes = 0, l2_bytes = 0>,
                                  gpu0 = #nn.gpu<vector_bits = 128, registers = 64, warp = 16, tile_rows = 4, tile_columns = 4>}} {

// The CPU's code reads the transposed image, that of the GPU may read the planes.
// CHECK-LABEL: @reads_planes_beside_the_image
// CHECK:         %[[T:.*]] = nn.kernel "k000"
// CHECK:         nn.kernel "k001" ins(%[[T]], %{{.*}}, %arg0 : tensor<1x6x8x3xf32>, tensor<5x3x3x3xf32>, tensor<1x3x6x8xf32>)
// CHECK-NEXT:    ^bb0(%[[IMAGE:.*]]: tensor<1x6x8x3xf32>, %[[W:.*]]: tensor<5x3x3x3xf32>, %{{.*}}: tensor<1x3x6x8xf32>):
// CHECK-NEXT:      nn.conv2d %[[IMAGE]], %[[W]]
// CHECK:         attributes {device = "gpu0", nn.planes = 2 : i64}
func.func @reads_planes_beside_the_image(%x: tensor<1x3x6x8xf32>) -> tensor<1x6x8x5xf32> {
  %w = nn.constant dense<1.0> : tensor<5x3x3x3xf32>
  %t = nn.kernel "k000" ins(%x : tensor<1x3x6x8xf32>) {
  ^bb0(%a: tensor<1x3x6x8xf32>):
    %r = nn.transpose %a [0, 2, 3, 1] : tensor<1x3x6x8xf32> -> tensor<1x6x8x3xf32>
    nn.yield %r : tensor<1x6x8x3xf32>
  } -> tensor<1x6x8x3xf32> attributes {device = "gpu0"}
  %y = nn.kernel "k001" ins(%t, %w : tensor<1x6x8x3xf32>, tensor<5x3x3x3xf32>) {
  ^bb0(%a: tensor<1x6x8x3xf32>, %b: tensor<5x3x3x3xf32>):
    %r = nn.conv2d %a, %b strides [1, 1] pads [1, 1, 1, 1] dilations [1, 1] groups 1 : tensor<1x6x8x3xf32>, tensor<5x3x3x3xf32> -> tensor<1x6x8x5xf32>
    nn.yield %r : tensor<1x6x8x5xf32>
  } -> tensor<1x6x8x5xf32> attributes {device = "gpu0"}
  return %y : tensor<1x6x8x5xf32>
}

// The CPU reads channels side by side; five of them are worth a vector; what another kernel makes has memory that may
// be overwritten; and a kernel that does more than to transpose is none that can be left out. Lines of seven pixels begin
// at no multiple of four. A pixel is no window, and a line of 14 pixels of three planes is too long to be written out.
// CHECK-LABEL: @keeps_images
// CHECK-NOT:     nn.planes
func.func @keeps_images(%x: tensor<1x3x6x8xf32>, %y: tensor<1x5x6x8xf32>, %o: tensor<1x3x6x7xf32>, %p: tensor<1x3x14x56xf32>) -> (tensor<1x6x8x5xf32>, tensor<1x6x8x5xf32>, tensor<1x6x8x5xf32>, tensor<1x6x8x5xf32>, tensor<1x6x8x5xf32>, tensor<1x6x8x5xf32>, tensor<1x1x4x5xf32>) {
  %w = nn.constant dense<1.0> : tensor<5x3x3x3xf32>
  %v = nn.constant dense<1.0> : tensor<5x3x3x5xf32>
  %t = nn.kernel "k000" ins(%x : tensor<1x3x6x8xf32>) {
  ^bb0(%a: tensor<1x3x6x8xf32>):
    %r = nn.transpose %a [0, 2, 3, 1] : tensor<1x3x6x8xf32> -> tensor<1x6x8x3xf32>
    nn.yield %r : tensor<1x6x8x3xf32>
  } -> tensor<1x6x8x3xf32> attributes {device = "gpu0"}
  %on_cpu = nn.kernel "k001" ins(%t, %w : tensor<1x6x8x3xf32>, tensor<5x3x3x3xf32>) {
  ^bb0(%a: tensor<1x6x8x3xf32>, %b: tensor<5x3x3x3xf32>):
    %r = nn.conv2d %a, %b strides [1, 1] pads [1, 1, 1, 1] dilations [1, 1] groups 1 : tensor<1x6x8x3xf32>, tensor<5x3x3x3xf32> -> tensor<1x6x8x5xf32>
    nn.yield %r : tensor<1x6x8x5xf32>
  } -> tensor<1x6x8x5xf32> attributes {device = "cpu0"}
  %u = nn.kernel "k002" ins(%y : tensor<1x5x6x8xf32>) {
  ^bb0(%a: tensor<1x5x6x8xf32>):
    %r = nn.transpose %a [0, 2, 3, 1] : tensor<1x5x6x8xf32> -> tensor<1x6x8x5xf32>
    nn.yield %r : tensor<1x6x8x5xf32>
  } -> tensor<1x6x8x5xf32> attributes {device = "gpu0"}
  %wide = nn.kernel "k003" ins(%u, %v : tensor<1x6x8x5xf32>, tensor<5x3x3x5xf32>) {
  ^bb0(%a: tensor<1x6x8x5xf32>, %b: tensor<5x3x3x5xf32>):
    %r = nn.conv2d %a, %b strides [1, 1] pads [1, 1, 1, 1] dilations [1, 1] groups 1 : tensor<1x6x8x5xf32>, tensor<5x3x3x5xf32> -> tensor<1x6x8x5xf32>
    nn.yield %r : tensor<1x6x8x5xf32>
  } -> tensor<1x6x8x5xf32> attributes {device = "gpu0"}
  %z = nn.kernel "k004" ins(%x : tensor<1x3x6x8xf32>) {
  ^bb0(%a: tensor<1x3x6x8xf32>):
    %r = nn.unary relu %a : tensor<1x3x6x8xf32> -> tensor<1x3x6x8xf32>
    nn.yield %r : tensor<1x3x6x8xf32>
  } -> tensor<1x3x6x8xf32> attributes {device = "gpu0"}
  %zt = nn.kernel "k005" ins(%z : tensor<1x3x6x8xf32>) {
  ^bb0(%a: tensor<1x3x6x8xf32>):
    %r = nn.transpose %a [0, 2, 3, 1] : tensor<1x3x6x8xf32> -> tensor<1x6x8x3xf32>
    nn.yield %r : tensor<1x6x8x3xf32>
  } -> tensor<1x6x8x3xf32> attributes {device = "gpu0"}
  %made = nn.kernel "k006" ins(%zt, %w : tensor<1x6x8x3xf32>, tensor<5x3x3x3xf32>) {
  ^bb0(%a: tensor<1x6x8x3xf32>, %b: tensor<5x3x3x3xf32>):
    %r = nn.conv2d %a, %b strides [1, 1] pads [1, 1, 1, 1] dilations [1, 1] groups 1 : tensor<1x6x8x3xf32>, tensor<5x3x3x3xf32> -> tensor<1x6x8x5xf32>
    nn.yield %r : tensor<1x6x8x5xf32>
  } -> tensor<1x6x8x5xf32> attributes {device = "gpu0"}
  %s = nn.kernel "k007" ins(%x : tensor<1x3x6x8xf32>) {
  ^bb0(%a: tensor<1x3x6x8xf32>):
    %r = nn.transpose %a [0, 2, 3, 1] : tensor<1x3x6x8xf32> -> tensor<1x6x8x3xf32>
    %q = nn.unary relu %r : tensor<1x6x8x3xf32> -> tensor<1x6x8x3xf32>
    nn.yield %q : tensor<1x6x8x3xf32>
  } -> tensor<1x6x8x3xf32> attributes {device = "gpu0"}
  %more = nn.kernel "k008" ins(%s, %w : tensor<1x6x8x3xf32>, tensor<5x3x3x3xf32>) {
  ^bb0(%a: tensor<1x6x8x3xf32>, %b: tensor<5x3x3x3xf32>):
    %r = nn.conv2d %a, %b strides [1, 1] pads [1, 1, 1, 1] dilations [1, 1] groups 1 : tensor<1x6x8x3xf32>, tensor<5x3x3x3xf32> -> tensor<1x6x8x5xf32>
    nn.yield %r : tensor<1x6x8x5xf32>
  } -> tensor<1x6x8x5xf32> attributes {device = "gpu0"}
  %ot = nn.kernel "k009" ins(%o : tensor<1x3x6x7xf32>) {
  ^bb0(%a: tensor<1x3x6x7xf32>):
    %r = nn.transpose %a [0, 2, 3, 1] : tensor<1x3x6x7xf32> -> tensor<1x6x7x3xf32>
    nn.yield %r : tensor<1x6x7x3xf32>
  } -> tensor<1x6x7x3xf32> attributes {device = "gpu0"}
  %odd = nn.kernel "k010" ins(%ot, %w : tensor<1x6x7x3xf32>, tensor<5x3x3x3xf32>) {
  ^bb0(%a: tensor<1x6x7x3xf32>, %b: tensor<5x3x3x3xf32>):
    %r = nn.conv2d %a, %b strides [1, 1] pads [1, 1, 1, 2] dilations [1, 1] groups 1 : tensor<1x6x7x3xf32>, tensor<5x3x3x3xf32> -> tensor<1x6x8x5xf32>
    nn.yield %r : tensor<1x6x8x5xf32>
  } -> tensor<1x6x8x5xf32> attributes {device = "gpu0"}
  %one = nn.constant dense<1.0> : tensor<5x1x1x3xf32>
  %pixel = nn.kernel "k011" ins(%t, %one : tensor<1x6x8x3xf32>, tensor<5x1x1x3xf32>) {
  ^bb0(%a: tensor<1x6x8x3xf32>, %b: tensor<5x1x1x3xf32>):
    %r = nn.conv2d %a, %b strides [1, 1] pads [0, 0, 0, 0] dilations [1, 1] groups 1 : tensor<1x6x8x3xf32>, tensor<5x1x1x3xf32> -> tensor<1x6x8x5xf32>
    nn.yield %r : tensor<1x6x8x5xf32>
  } -> tensor<1x6x8x5xf32> attributes {device = "gpu0"}
  %long = nn.constant dense<1.0> : tensor<5x14x14x3xf32>
  %pt = nn.kernel "k012" ins(%p : tensor<1x3x14x56xf32>) {
  ^bb0(%a: tensor<1x3x14x56xf32>):
    %r = nn.transpose %a [0, 2, 3, 1] : tensor<1x3x14x56xf32> -> tensor<1x14x56x3xf32>
    nn.yield %r : tensor<1x14x56x3xf32>
  } -> tensor<1x14x56x3xf32> attributes {device = "gpu0"}
  %patches = nn.kernel "k013" ins(%pt, %long : tensor<1x14x56x3xf32>, tensor<5x14x14x3xf32>) {
  ^bb0(%a: tensor<1x14x56x3xf32>, %b: tensor<5x14x14x3xf32>):
    %r = nn.conv2d %a, %b strides [14, 14] pads [0, 0, 0, 0] dilations [1, 1] groups 1 : tensor<1x14x56x3xf32>, tensor<5x14x14x3xf32> -> tensor<1x1x4x5xf32>
    nn.yield %r : tensor<1x1x4x5xf32>
  } -> tensor<1x1x4x5xf32> attributes {device = "gpu0"}
  return %on_cpu, %wide, %made, %more, %odd, %pixel, %patches : tensor<1x6x8x5xf32>, tensor<1x6x8x5xf32>, tensor<1x6x8x5xf32>, tensor<1x6x8x5xf32>, tensor<1x6x8x5xf32>, tensor<1x6x8x5xf32>, tensor<1x1x4x5xf32>
}
}
