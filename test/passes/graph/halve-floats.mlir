// RUN: nncc-opt %s --nncc-halve-floats | FileCheck %s

// Casts stand at the edges alone; each tensor has one.
// CHECK-LABEL: @between_edges
// CHECK-DAG:   %[[X:.*]] = nn.cast %arg0 : tensor<2x3xf32> -> tensor<2x3xf16>
// CHECK-DAG:   %[[W:.*]] = nn.cast %{{.*}} : tensor<3x5xf32> -> tensor<3x5xf16>
// CHECK:       %[[Y:.*]] = nn.matmul %[[X]], %[[W]] : tensor<2x3xf16>, tensor<3x5xf16> -> tensor<2x5xf16>
// CHECK:       %[[Z:.*]] = nn.unary{{ +}}relu %[[Y]] : tensor<2x5xf16> -> tensor<2x5xf16>
// CHECK:       %[[R:.*]] = nn.cast %[[Z]] : tensor<2x5xf16> -> tensor<2x5xf32>
// CHECK:       return %[[R]], %[[R]]
func.func @between_edges(%x: tensor<2x3xf32>) -> (tensor<2x5xf32>, tensor<2x5xf32>) {
  %w = nn.constant dense<0.5> : tensor<3x5xf32>
  %0 = nn.matmul %x, %w : tensor<2x3xf32>, tensor<3x5xf32> -> tensor<2x5xf32>
  %1 = nn.unary relu %0 : tensor<2x5xf32> -> tensor<2x5xf32>
  return %1, %1 : tensor<2x5xf32>, tensor<2x5xf32>
}

// A length: squares of small numbers would be 0.
// CHECK-LABEL: @squares
// CHECK:       nn.unary{{ +}}neg {{.*}} -> tensor<4xf16>
// CHECK:       nn.binary{{ +}}mul {{.*}} -> tensor<4xf32>
// CHECK:       nn.reduce{{ +}}sum {{.*}} -> tensor<1xf32>
// CHECK:       nn.unary{{ +}}sqrt {{.*}} -> tensor<1xf32>
// CHECK:       nn.unary{{ +}}neg {{.*}} -> tensor<1xf16>
func.func @squares(%x: tensor<4xf32>) -> tensor<1xf32> {
  %0 = nn.unary neg %x : tensor<4xf32> -> tensor<4xf32>
  %1 = nn.binary mul %0, %0 : tensor<4xf32>, tensor<4xf32> -> tensor<4xf32>
  %2 = nn.reduce sum %1 axes [0] : tensor<4xf32> -> tensor<1xf32>
  %3 = nn.unary sqrt %2 : tensor<1xf32> -> tensor<1xf32>
  %4 = nn.unary neg %3 : tensor<1xf32> -> tensor<1xf32>
  return %4 : tensor<1xf32>
}

// A spectrum: what is summed up to be squared for a root of its own stays f32, with what moved it and its operands.
// CHECK-LABEL: @spectrum
// CHECK-NOT:   nn.cast
// CHECK:       nn.reshape {{.*}} -> tensor<2x3xf32>
// CHECK:       nn.matmul {{.*}} -> tensor<2x6xf32>
// CHECK:       nn.slice {{.*}} -> tensor<2x4xf32>
// CHECK:       nn.unary{{ +}}log {{.*}} -> tensor<2x4xf32>
// CHECK:       nn.unary{{ +}}neg {{.*}} -> tensor<2x4xf16>
func.func @spectrum(%x: tensor<6xf32>) -> tensor<2x4xf32> {
  %w = nn.constant dense<0.5> : tensor<3x6xf32>
  %two = nn.constant dense<2.0> : tensor<1x1xf32>
  %0 = nn.reshape %x : tensor<6xf32> -> tensor<2x3xf32>
  %1 = nn.matmul %0, %w : tensor<2x3xf32>, tensor<3x6xf32> -> tensor<2x6xf32>
  %2 = nn.slice %1 starts [0, 1] sizes [2, 4] steps [1, 1] : tensor<2x6xf32> -> tensor<2x4xf32>
  %3 = nn.binary pow %2, %two : tensor<2x4xf32>, tensor<1x1xf32> -> tensor<2x4xf32>
  %4 = nn.binary add %3, %3 : tensor<2x4xf32>, tensor<2x4xf32> -> tensor<2x4xf32>
  %5 = nn.unary log %4 : tensor<2x4xf32> -> tensor<2x4xf32>
  %6 = nn.unary neg %5 : tensor<2x4xf32> -> tensor<2x4xf32>
  return %6 : tensor<2x4xf32>
}

// A norm: the largest elements of a row count.
// CHECK-LABEL: @norm
// CHECK:       nn.matmul {{.*}} -> tensor<2x5xf16>
// CHECK:       nn.reduce{{ +}}sum {{.*}} -> tensor<2x1xf32>
func.func @norm(%x: tensor<2x3xf32>) -> tensor<2x1xf32> {
  %w = nn.constant dense<0.5> : tensor<3x5xf32>
  %0 = nn.matmul %x, %w : tensor<2x3xf32>, tensor<3x5xf32> -> tensor<2x5xf32>
  %1 = nn.binary mul %0, %0 : tensor<2x5xf32>, tensor<2x5xf32> -> tensor<2x5xf32>
  %2 = nn.reduce sum %1 axes [1] : tensor<2x5xf32> -> tensor<2x1xf32>
  %3 = nn.unary sqrt %2 : tensor<2x1xf32> -> tensor<2x1xf32>
  return %3 : tensor<2x1xf32>
}

// What is bounded ends what squares are: of a GELU by tanh the cube alone stays, and what is summed up for it is no
// spectrum even before a logarithm.
// CHECK-LABEL: @gelu
// CHECK:       nn.matmul {{.*}} -> tensor<2x5xf16>
// CHECK:       nn.binary{{ +}}pow {{.*}} -> tensor<2x5xf32>
// CHECK:       nn.binary{{ +}}add {{.*}} -> tensor<2x5xf32>
// CHECK:       nn.unary{{ +}}tanh {{.*}} -> tensor<2x5xf32>
// CHECK:       nn.binary{{ +}}mul {{.*}} -> tensor<2x5xf16>
// CHECK:       nn.matmul {{.*}} tensor<5x7xf16> -> tensor<2x7xf16>
// CHECK:       nn.unary{{ +}}log {{.*}} -> tensor<2x7xf16>
func.func @gelu(%x: tensor<2x3xf32>) -> tensor<2x7xf32> {
  %w = nn.constant dense<0.5> : tensor<3x5xf32>
  %v = nn.constant dense<0.25> : tensor<5x7xf32>
  %three = nn.constant dense<3.0> : tensor<1x1xf32>
  %0 = nn.matmul %x, %w : tensor<2x3xf32>, tensor<3x5xf32> -> tensor<2x5xf32>
  %1 = nn.binary pow %0, %three : tensor<2x5xf32>, tensor<1x1xf32> -> tensor<2x5xf32>
  %2 = nn.binary add %0, %1 : tensor<2x5xf32>, tensor<2x5xf32> -> tensor<2x5xf32>
  %3 = nn.unary tanh %2 : tensor<2x5xf32> -> tensor<2x5xf32>
  %4 = nn.binary mul %0, %3 : tensor<2x5xf32>, tensor<2x5xf32> -> tensor<2x5xf32>
  %5 = nn.matmul %4, %v : tensor<2x5xf32>, tensor<5x7xf32> -> tensor<2x7xf32>
  %6 = nn.unary log %5 : tensor<2x7xf32> -> tensor<2x7xf32>
  return %6 : tensor<2x7xf32>
}

// An epsilon is no f16, nor is what an infinity would become.
// CHECK-LABEL: @other_range
// CHECK:       nn.unary{{ +}}sqrt {{.*}} -> tensor<4xf16>
// CHECK:       nn.binary{{ +}}add {{.*}} tensor<4xf32>
// CHECK:       nn.binary{{ +}}max {{.*}} tensor<4xf32>
// CHECK:       nn.unary{{ +}}neg {{.*}} -> tensor<4xf16>
func.func @other_range(%x: tensor<4xf32>) -> tensor<4xf32> {
  %epsilon = nn.constant dense<1.0e-12> : tensor<1xf32>
  %large = nn.constant dense<1.0e+6> : tensor<1xf32>
  %0 = nn.unary sqrt %x : tensor<4xf32> -> tensor<4xf32>
  %1 = nn.binary add %0, %epsilon : tensor<4xf32>, tensor<1xf32> -> tensor<4xf32>
  %2 = nn.binary max %1, %large : tensor<4xf32>, tensor<1xf32> -> tensor<4xf32>
  %3 = nn.unary neg %2 : tensor<4xf32> -> tensor<4xf32>
  return %3 : tensor<4xf32>
}

// A mask of the least number of f32 is the least of f16: a softmax of a row that is masked as a whole has values.
// CHECK-LABEL: @mask
// CHECK:       %[[MASKED:.*]] = nn.select {{.*}} -> tensor<2x4xf32>
// CHECK:       %[[LIMITED:.*]] = nn.unary{{ +}}clip %[[MASKED]] {alpha = -6.550400e+04 : f64, beta = 6.550400e+04 : f64}
// CHECK:       %[[HALF:.*]] = nn.cast %[[LIMITED]] : tensor<2x4xf32> -> tensor<2x4xf16>
// CHECK:       nn.softmax %[[HALF]]
func.func @mask(%m: tensor<2x4xi1>, %x: tensor<2x4xf32>) -> tensor<2x4xf32> {
  %least = nn.constant dense<-3.40282347E+38> : tensor<1x1xf32>
  %0 = nn.unary neg %x : tensor<2x4xf32> -> tensor<2x4xf32>
  %1 = nn.select %m, %least, %0 : tensor<2x4xi1>, tensor<1x1xf32>, tensor<2x4xf32> -> tensor<2x4xf32>
  %2 = nn.softmax %1 axis 1 : tensor<2x4xf32> -> tensor<2x4xf32>
  return %2 : tensor<2x4xf32>
}

// Sums of weights that are integers may be beyond f16's range before their scale is multiplied in.
// CHECK-LABEL: @unscaled
// CHECK:       nn.conv2d {{.*}}, tensor<2x1x1x3xi8> -> tensor<1x4x5x2xf32>
// CHECK:       %[[SCALED:.*]] = nn.binary{{ +}}mul {{.*}} -> tensor<1x4x5x2xf32>
// CHECK:       %[[HALF:.*]] = nn.cast %[[SCALED]] : tensor<1x4x5x2xf32> -> tensor<1x4x5x2xf16>
// CHECK:       nn.unary{{ +}}relu %[[HALF]] : tensor<1x4x5x2xf16> -> tensor<1x4x5x2xf16>
func.func @unscaled(%x: tensor<1x4x5x3xf32>) -> tensor<1x4x5x2xf32> {
  %w = nn.constant dense<100> : tensor<2x1x1x3xi8>
  %scale = nn.constant dense<0.01> : tensor<1x1x1x2xf32>
  %0 = nn.conv2d %x, %w strides [1, 1] pads [0, 0, 0, 0] dilations [1, 1] groups 1 : tensor<1x4x5x3xf32>, tensor<2x1x1x3xi8> -> tensor<1x4x5x2xf32>
  %1 = nn.binary mul %0, %scale : tensor<1x4x5x2xf32>, tensor<1x1x1x2xf32> -> tensor<1x4x5x2xf32>
  %2 = nn.unary relu %1 : tensor<1x4x5x2xf32> -> tensor<1x4x5x2xf32>
  return %2 : tensor<1x4x5x2xf32>
}

// So may integers that become floats, before they are divided; a mask is none of those.
// CHECK-LABEL: @integers
// CHECK:       nn.cast %arg0 : tensor<4xi64> -> tensor<4xf32>
// CHECK:       nn.binary{{ +}}add {{.*}} -> tensor<4xf32>
// CHECK:       nn.binary{{ +}}div {{.*}} -> tensor<4xf32>
// CHECK:       nn.unary{{ +}}neg {{.*}} -> tensor<4xf16>
// CHECK:       nn.cast {{.*}} : tensor<4xi64> -> tensor<4xf16>
// CHECK:       nn.binary{{ +}}add {{.*}} -> tensor<4xf16>
func.func @integers(%x: tensor<4xi64>, %m: tensor<4xi1>) -> tensor<4xf32> {
  %one = nn.constant dense<1.0> : tensor<1xf32>
  %size = nn.constant dense<640.0> : tensor<1xf32>
  %0 = nn.cast %x : tensor<4xi64> -> tensor<4xf32>
  %1 = nn.binary add %0, %one : tensor<4xf32>, tensor<1xf32> -> tensor<4xf32>
  %2 = nn.binary div %1, %size : tensor<4xf32>, tensor<1xf32> -> tensor<4xf32>
  %3 = nn.unary neg %2 : tensor<4xf32> -> tensor<4xf32>
  %4 = nn.cast %m : tensor<4xi1> -> tensor<4xi64>
  %5 = nn.cast %4 : tensor<4xi64> -> tensor<4xf32>
  %6 = nn.binary add %5, %3 : tensor<4xf32>, tensor<4xf32> -> tensor<4xf32>
  return %6 : tensor<4xf32>
}

// A product of two of them has no scale yet, nor have the sums of a matrix product; a comparison ends it at once.
// CHECK-LABEL: @products_of_integers
// CHECK:       nn.binary{{ +}}mul {{.*}} -> tensor<2x3xf32>
// CHECK:       nn.matmul {{.*}} -> tensor<2x5xf32>
// CHECK:       nn.unary{{ +}}relu {{.*}} -> tensor<2x5xf32>
// CHECK:       %[[MASK:.*]] = nn.binary{{ +}}greater {{.*}} -> tensor<2x5xi1>
// CHECK:       nn.binary{{ +}}mul {{.*}} -> tensor<2x5xf32>
// CHECK:       %[[NEG:.*]] = nn.unary{{ +}}neg {{.*}} -> tensor<2x5xf16>
// CHECK:       nn.select %[[MASK]], %[[NEG]], {{.*}} -> tensor<2x5xf16>
func.func @products_of_integers(%x: tensor<2x3xi16>, %y: tensor<2x3xi32>) -> tensor<2x5xf32> {
  %w = nn.constant dense<0.5> : tensor<3x5xf32>
  %scale = nn.constant dense<0.001> : tensor<1x1xf32>
  %0 = nn.cast %x : tensor<2x3xi16> -> tensor<2x3xf32>
  %1 = nn.cast %y : tensor<2x3xi32> -> tensor<2x3xf32>
  %2 = nn.binary mul %0, %1 : tensor<2x3xf32>, tensor<2x3xf32> -> tensor<2x3xf32>
  %3 = nn.matmul %2, %w : tensor<2x3xf32>, tensor<3x5xf32> -> tensor<2x5xf32>
  %4 = nn.unary relu %3 : tensor<2x5xf32> -> tensor<2x5xf32>
  %5 = nn.binary greater %4, %scale : tensor<2x5xf32>, tensor<1x1xf32> -> tensor<2x5xi1>
  %6 = nn.binary mul %4, %scale : tensor<2x5xf32>, tensor<1x1xf32> -> tensor<2x5xf32>
  %7 = nn.unary neg %6 : tensor<2x5xf32> -> tensor<2x5xf32>
  %8 = nn.select %5, %7, %scale : tensor<2x5xi1>, tensor<2x5xf32>, tensor<1x1xf32> -> tensor<2x5xf32>
  return %8 : tensor<2x5xf32>
}

// Steps of a scale that is found at run time: the scale, a 255th of a range, the zero point, the product of scales and
// the sums stay f32, and so does what is divided by the scale; the ends of the range are elements.
// CHECK-LABEL: @computed_steps
// CHECK:       nn.reduce{{ +}}max {{.*}} -> tensor<1x1xf16>
// CHECK:       %[[SCALE:.*]] = nn.binary{{ +}}div {{.*}} -> tensor<1x1xf32>
// CHECK:       nn.binary{{ +}}div {{.*}}, %[[SCALE]] : tensor<2x3xf32>, tensor<1x1xf32> -> tensor<2x3xf32>
// CHECK:       nn.unary{{ +}}round {{.*}} -> tensor<2x3xf32>
// CHECK:       nn.cast {{.*}} : tensor<2x3xf32> -> tensor<2x3xui8>
// CHECK:       %[[SCALES:.*]] = nn.binary{{ +}}mul %[[SCALE]], {{.*}} -> tensor<1x5xf32>
// CHECK:       nn.cast {{.*}} : tensor<2x5xi32> -> tensor<2x5xf32>
// CHECK:       nn.binary{{ +}}mul {{.*}}, %[[SCALES]] : {{.*}} -> tensor<2x5xf32>
// CHECK:       nn.unary{{ +}}neg {{.*}} -> tensor<2x5xf16>
func.func @computed_steps(%x: tensor<2x3xf32>) -> tensor<2x5xf32> {
  %w = nn.constant dense<100> : tensor<3x5xi8>
  %scales = nn.constant dense<[[0.01, 0.02, 0.03, 0.04, 0.05]]> : tensor<1x5xf32>
  %steps = nn.constant dense<255.0> : tensor<1x1xf32>
  %0 = nn.unary neg %x : tensor<2x3xf32> -> tensor<2x3xf32>
  %1 = nn.reduce max %0 axes [0, 1] : tensor<2x3xf32> -> tensor<1x1xf32>
  %2 = nn.binary div %1, %steps : tensor<1x1xf32>, tensor<1x1xf32> -> tensor<1x1xf32>
  %3 = nn.binary div %0, %2 : tensor<2x3xf32>, tensor<1x1xf32> -> tensor<2x3xf32>
  %4 = nn.unary round %3 : tensor<2x3xf32> -> tensor<2x3xf32>
  %5 = nn.cast %4 : tensor<2x3xf32> -> tensor<2x3xui8>
  %6 = nn.binary mul %2, %scales : tensor<1x1xf32>, tensor<1x5xf32> -> tensor<1x5xf32>
  %7 = nn.matmul %5, %w : tensor<2x3xui8>, tensor<3x5xi8> -> tensor<2x5xi32>
  %8 = nn.cast %7 : tensor<2x5xi32> -> tensor<2x5xf32>
  %9 = nn.binary mul %8, %6 : tensor<2x5xf32>, tensor<1x5xf32> -> tensor<2x5xf32>
  %10 = nn.unary neg %9 : tensor<2x5xf32> -> tensor<2x5xf32>
  return %10 : tensor<2x5xf32>
}

// The same by a product with the reciprocal of the scale, the zero point before it.
// CHECK-LABEL: @computed_reciprocal
// CHECK:       nn.unary{{ +}}neg {{.*}} -> tensor<2x3xf16>
// CHECK:       nn.reduce{{ +}}max {{.*}} -> tensor<1x1xf16>
// CHECK:       %[[RECIPROCAL:.*]] = nn.binary{{ +}}div {{.*}} -> tensor<1x1xf32>
// CHECK:       %[[STEPS:.*]] = nn.binary{{ +}}mul %[[RECIPROCAL]], {{.*}} -> tensor<2x3xf32>
// CHECK:       nn.binary{{ +}}add {{.*}}, %[[STEPS]] : {{.*}} -> tensor<2x3xf32>
// CHECK:       nn.unary{{ +}}round {{.*}} -> tensor<2x3xf32>
func.func @computed_reciprocal(%x: tensor<2x3xf32>) -> tensor<2x3xui8> {
  %steps = nn.constant dense<255.0> : tensor<1x1xf32>
  %zero = nn.constant dense<128.0> : tensor<1x1xf32>
  %0 = nn.unary neg %x : tensor<2x3xf32> -> tensor<2x3xf32>
  %1 = nn.reduce max %0 axes [0, 1] : tensor<2x3xf32> -> tensor<1x1xf32>
  %2 = nn.binary div %steps, %1 : tensor<1x1xf32>, tensor<1x1xf32> -> tensor<1x1xf32>
  %3 = nn.binary mul %2, %0 : tensor<1x1xf32>, tensor<2x3xf32> -> tensor<2x3xf32>
  %4 = nn.binary add %zero, %3 : tensor<1x1xf32>, tensor<2x3xf32> -> tensor<2x3xf32>
  %5 = nn.unary round %4 : tensor<2x3xf32> -> tensor<2x3xf32>
  %6 = nn.cast %5 : tensor<2x3xf32> -> tensor<2x3xui8>
  return %6 : tensor<2x3xui8>
}

// A scale that the program gives is no f16 either.
// CHECK-LABEL: @given_scale
// CHECK:       nn.dequantize %arg0, %arg1, {{.*}}, tensor<1xf32>, {{.*}} -> tensor<4xf32>
// CHECK:       nn.unary{{ +}}neg {{.*}} -> tensor<4xf16>
func.func @given_scale(%x: tensor<4xi8>, %scale: tensor<1xf32>) -> tensor<4xf32> {
  %zero = nn.constant dense<0> : tensor<1xi8>
  %0 = nn.dequantize %x, %scale, %zero : tensor<4xi8>, tensor<1xf32>, tensor<1xi8> -> tensor<4xf32>
  %1 = nn.unary neg %0 : tensor<4xf32> -> tensor<4xf32>
  return %1 : tensor<4xf32>
}

// An angle, of all ops on elements that make it and what moves it to the sine, back to the first sum of products.
// CHECK-LABEL: @angle
// CHECK:       nn.unary{{ +}}neg {{.*}} -> tensor<2x4xf16>
// CHECK:       nn.matmul {{.*}} -> tensor<2x3xf32>
// CHECK:       nn.binary{{ +}}mul {{.*}} -> tensor<2x3xf32>
// CHECK:       nn.binary{{ +}}add {{.*}} -> tensor<2x3xf32>
// CHECK:       nn.reshape {{.*}} -> tensor<6xf32>
// CHECK:       nn.unary{{ +}}sin {{.*}} -> tensor<6xf32>
// CHECK:       nn.unary{{ +}}neg {{.*}} -> tensor<6xf16>
func.func @angle(%x: tensor<2x4xf32>) -> tensor<6xf32> {
  %w = nn.constant dense<0.5> : tensor<4x3xf32>
  %frequency = nn.constant dense<30.0> : tensor<1x1xf32>
  %phase = nn.constant dense<[[0.0, 1.0, 2.0]]> : tensor<1x3xf32>
  %0 = nn.unary neg %x : tensor<2x4xf32> -> tensor<2x4xf32>
  %1 = nn.matmul %0, %w : tensor<2x4xf32>, tensor<4x3xf32> -> tensor<2x3xf32>
  %2 = nn.binary mul %1, %frequency : tensor<2x3xf32>, tensor<1x1xf32> -> tensor<2x3xf32>
  %3 = nn.binary add %2, %phase : tensor<2x3xf32>, tensor<1x3xf32> -> tensor<2x3xf32>
  %4 = nn.reshape %3 : tensor<2x3xf32> -> tensor<6xf32>
  %5 = nn.unary sin %4 : tensor<6xf32> -> tensor<6xf32>
  %6 = nn.unary neg %5 : tensor<6xf32> -> tensor<6xf32>
  return %6 : tensor<6xf32>
}

// Boxes, of all that makes them of a head's results; the image is read as f32 and made in f16.
// CHECK-LABEL: @boxes
// CHECK:       nn.unary{{ +}}exp {{.*}} -> tensor<9x2xf32>
// CHECK:       nn.binary{{ +}}add {{.*}} -> tensor<9x2xf32>
// CHECK:       nn.concat {{.*}} -> tensor<9x4xf32>
// CHECK:       nn.gather {{.*}} -> tensor<3x4xf32>
// CHECK:       nn.unary{{ +}}neg {{.*}} -> tensor<1x5x5x2xf16>
// CHECK:       nn.roi_align {{.*}} -> tensor<3x2x2x2xf32>
// CHECK:       nn.unary{{ +}}neg {{.*}} -> tensor<3x2x2x2xf16>
func.func @boxes(%x: tensor<1x5x5x2xf32>, %sizes: tensor<9x2xf32>, %at: tensor<9x2xf32>, %best: tensor<3xi64>) -> tensor<3x2x2x2xf32> {
  %images = nn.constant dense<0> : tensor<3xi64>
  %0 = nn.unary exp %sizes : tensor<9x2xf32> -> tensor<9x2xf32>
  %1 = nn.binary add %at, %0 : tensor<9x2xf32>, tensor<9x2xf32> -> tensor<9x2xf32>
  %2 = nn.concat %at, %1 axis 1 : tensor<9x2xf32>, tensor<9x2xf32> -> tensor<9x4xf32>
  %3 = nn.gather %2, %best axis 0 : tensor<9x4xf32>, tensor<3xi64> -> tensor<3x4xf32>
  %4 = nn.unary neg %x : tensor<1x5x5x2xf32> -> tensor<1x5x5x2xf32>
  %5 = nn.roi_align %4 at %3 of %images samples 2 scale 1.0 : tensor<1x5x5x2xf32>, tensor<3x4xf32>, tensor<3xi64> -> tensor<3x2x2x2xf32>
  %6 = nn.unary neg %5 : tensor<3x2x2x2xf32> -> tensor<3x2x2x2xf32>
  return %6 : tensor<3x2x2x2xf32>
}

// A phase is the sum of the frequencies so far.
// CHECK-LABEL: @phase
// CHECK:       nn.unary{{ +}}neg {{.*}} -> tensor<2x7xf32>
// CHECK:       nn.cumsum {{.*}} -> tensor<2x7xf32>
// CHECK:       nn.binary{{ +}}mul {{.*}} -> tensor<2x7xf32>
// CHECK:       nn.unary{{ +}}cos {{.*}} -> tensor<2x7xf32>
// CHECK:       nn.unary{{ +}}neg {{.*}} -> tensor<2x7xf16>
func.func @phase(%x: tensor<2x7xf32>) -> tensor<2x7xf32> {
  %turn = nn.constant dense<6.2831853> : tensor<1x1xf32>
  %0 = nn.unary neg %x : tensor<2x7xf32> -> tensor<2x7xf32>
  %1 = nn.cumsum %0 axis 1 : tensor<2x7xf32> -> tensor<2x7xf32>
  %2 = nn.binary mul %1, %turn : tensor<2x7xf32>, tensor<1x1xf32> -> tensor<2x7xf32>
  %3 = nn.unary cos %2 : tensor<2x7xf32> -> tensor<2x7xf32>
  %4 = nn.unary neg %3 : tensor<2x7xf32> -> tensor<2x7xf32>
  return %4 : tensor<2x7xf32>
}

// Places beyond 1,024 have no fraction in f16, so others would be the nearest; what is no more than a byte has digits enough.
// CHECK-LABEL: @indices
// CHECK:       nn.unary{{ +}}abs {{.*}} -> tensor<4xf32>
// CHECK:       nn.unary{{ +}}floor {{.*}} -> tensor<4xf32>
// CHECK:       nn.cast {{.*}} : tensor<4xf32> -> tensor<4xi64>
// CHECK:       nn.unary{{ +}}neg {{.*}} -> tensor<4xf16>
func.func @indices(%x: tensor<4xf32>) -> (tensor<4xi64>, tensor<4xi1>) {
  %0 = nn.unary abs %x : tensor<4xf32> -> tensor<4xf32>
  %1 = nn.unary floor %0 : tensor<4xf32> -> tensor<4xf32>
  %2 = nn.cast %1 : tensor<4xf32> -> tensor<4xi64>
  %3 = nn.unary neg %x : tensor<4xf32> -> tensor<4xf32>
  %4 = nn.cast %3 : tensor<4xf32> -> tensor<4xi1>
  return %2, %4 : tensor<4xi64>, tensor<4xi1>
}

// A tangent has a period, too, and so has what is left of a division or of a number without its whole part.
// CHECK-LABEL: @periods
// CHECK:       nn.unary{{ +}}neg {{.*}} -> tensor<4xf32>
// CHECK:       nn.unary{{ +}}tan {{.*}} -> tensor<4xf32>
// CHECK:       nn.unary{{ +}}abs {{.*}} -> tensor<4xf32>
// CHECK:       nn.binary{{ +}}fmod {{.*}} -> tensor<4xf32>
// CHECK:       nn.unary{{ +}}sqrt {{.*}} -> tensor<4xf32>
// CHECK:       nn.unary{{ +}}floor {{.*}} -> tensor<4xf32>
// CHECK:       nn.binary{{ +}}sub {{.*}} -> tensor<4xf32>
// CHECK:       nn.concat {{.*}} -> tensor<12xf16>
func.func @periods(%x: tensor<4xf32>) -> tensor<12xf32> {
  %one = nn.constant dense<1.0> : tensor<1xf32>
  %0 = nn.unary neg %x : tensor<4xf32> -> tensor<4xf32>
  %1 = nn.unary tan %0 : tensor<4xf32> -> tensor<4xf32>
  %2 = nn.unary abs %x : tensor<4xf32> -> tensor<4xf32>
  %3 = nn.binary fmod %2, %one : tensor<4xf32>, tensor<1xf32> -> tensor<4xf32>
  %4 = nn.unary sqrt %x : tensor<4xf32> -> tensor<4xf32>
  %5 = nn.unary floor %4 : tensor<4xf32> -> tensor<4xf32>
  %6 = nn.binary sub %4, %5 : tensor<4xf32>, tensor<4xf32> -> tensor<4xf32>
  %7 = nn.concat %1, %3, %6 axis 0 : tensor<4xf32>, tensor<4xf32>, tensor<4xf32> -> tensor<12xf32>
  return %7 : tensor<12xf32>
}

// An input is put in another order before it is rounded: one kernel does both.
// CHECK-LABEL: @orders_an_input
// CHECK:       %[[T:.*]] = nn.transpose %arg0 [1, 0] : tensor<2x3xf32> -> tensor<3x2xf32>
// CHECK:       %[[HALF:.*]] = nn.cast %[[T]] : tensor<3x2xf32> -> tensor<3x2xf16>
// CHECK:       %[[R:.*]] = nn.unary{{ +}}relu %[[HALF]] : tensor<3x2xf16> -> tensor<3x2xf16>
// CHECK:       nn.transpose %[[R]] [1, 0] : tensor<3x2xf16> -> tensor<2x3xf16>
func.func @orders_an_input(%x: tensor<2x3xf32>) -> tensor<2x3xf32> {
  %0 = nn.transpose %x [1, 0] : tensor<2x3xf32> -> tensor<3x2xf32>
  %1 = nn.unary relu %0 : tensor<3x2xf32> -> tensor<3x2xf32>
  %2 = nn.transpose %1 [1, 0] : tensor<3x2xf32> -> tensor<2x3xf32>
  return %2 : tensor<2x3xf32>
}
