// Ops that compute values between pixels.
#ifndef NNCC_DIALECTS_NN_RESAMPLE_TD
#define NNCC_DIALECTS_NN_RESAMPLE_TD
include "dialects/nn/NNDialect.td"

def NN_ResizeMode : I32EnumAttr<"ResizeMode", "how values between pixels are found",
    [I32EnumAttrCase<"nearest", 0>, I32EnumAttrCase<"linear", 1>, I32EnumAttrCase<"cubic", 2>]> {
  let genSpecializedAttr = 0;
  let cppNamespace = "::nncc::nn";
}
def NN_ResizeModeAttr : EnumAttr<NN_Dialect, NN_ResizeMode, "resize_mode">;

def NN_ResizeOp : NN_Op<"resize", [Pure]> {
  let summary = "resamples some axes to other sizes";
  let description = [{
    Works on any axes of any layout; the axes are resampled one after the other. `scales` are output size / input size
    as the model says them. `coordinate` is one of half_pixel, pytorch_half_pixel, align_corners, asymmetric,
    half_pixel_symmetric, tf_crop_and_resize (with `roi`: starts then ends of the axes); `nearest` one of round_prefer_floor, round_prefer_ceil, floor, ceil.
    ONNX Resize, Upsample.

    ```mlir
    %y = nn.resize linear %x axes [1, 2] scales [2.0, 2.0] {coordinate = "half_pixel", nearest = "floor"} : tensor<1x5x7x3xf32> -> tensor<1x10x14x3xf32>
    ```
  }];
  let arguments = (ins NN_ResizeModeAttr:$mode, NN_Tensor:$input, DenseI64ArrayAttr:$axes, DenseF64ArrayAttr:$scales,
                       StrAttr:$coordinate, DefaultValuedStrAttr<StrAttr, "round_prefer_floor">:$nearest,
                       DefaultValuedAttr<F64Attr, "-0.75">:$cubic_coefficient, UnitAttr:$exclude_outside,
                       UnitAttr:$antialias, DefaultValuedAttr<F64Attr, "0.0">:$extrapolation,
                       OptionalAttr<DenseF64ArrayAttr>:$roi);
  let results = (outs NN_Tensor:$output);
  let assemblyFormat = "$mode $input `axes` $axes `scales` $scales attr-dict `:` type($input) `->` type($output)";
}

def NN_RoiAlignOp : NN_Op<"roi_align", [Pure]> {
  let summary = "regions of images, each in bins of one number per channel";
  let description = [{
    A region is cut into as many bins as the output has rows and columns. A bin is the mean of `samples` x `samples`
    linearly interpolated samples (0: of as many as it has pixels, rounded up), or with `max` the largest part that one
    of the four pixels around a sample has in it, as onnxruntime takes it. A sample further outside than one pixel is 0,
    one less far that at the border. No samples make 0.

    input    [N, H, W, C]   float
    boxes    [R, 4]         f32 or f64: x1, y1, x2, y2, times `scale`, minus half a pixel with `half_pixel`; without it
                            a region is of one pixel at least
    images   [R]            the image of each region; from the last one on where negative, then clamped
    output   [R, OH, OW, C]

    ONNX RoiAlign; He et al. 2017, Mask R-CNN.

    ```mlir
    %y = nn.roi_align %x at %r of %i samples 2 scale 2.5e-01 {half_pixel} : tensor<2x9x7x3xf32>, tensor<5x4xf32>, tensor<5xi64> -> tensor<5x4x6x3xf32>
    ```
  }];
  let arguments = (ins NN_Tensor:$input, NN_Tensor:$boxes, NN_IndexTensor:$images, I64Attr:$samples, F64Attr:$scale,
                       UnitAttr:$half_pixel, UnitAttr:$max);
  let results = (outs NN_Tensor:$output);
  let assemblyFormat = "$input `at` $boxes `of` $images `samples` $samples `scale` $scale attr-dict `:` type($input) `,` type($boxes) `,` type($images) `->` type($output)";
}
#endif
