// See OtherFormats.h. No magic here can be the beginning of an ONNX file: that is a protobuf field with a number below
// 26 (0x08 or 0x0a, as exporters write it), and what follows in these formats is no such file.
#include "lib/import/onnx/OtherFormats.h"
#include "llvm/Support/Endian.h"

using namespace llvm;

namespace nncc::import {
namespace {

constexpr OtherFormat kPyTorch = {"a PyTorch file",
                                  "export it with PyTorch: torch.onnx.export(model, (example_input,), \"model.onnx\")"};
constexpr OtherFormat kTensorFlowLite = {
    "a TensorFlow Lite model", "convert it with tf2onnx: python3 -m tf2onnx.convert --tflite FILE --output model.onnx"};
constexpr OtherFormat kKeras = {"a Keras model",
                                "export it with Keras: keras.models.load_model(FILE).export(\"model.onnx\", "
                                "format=\"onnx\"), or with tf2onnx.convert.from_keras"};
constexpr OtherFormat kArchive = {"a zip archive", "unpack it, or export the model that is in it to ONNX"};

/// Formats with bytes of their own at the beginning.
constexpr struct {
  StringLiteral magic;
  OtherFormat format;
} kMagics[] = {
    // HDF5 format specification, III.A
    {"\x89HDF\r\n\x1a\n",
     {"an HDF5 file, as Keras writes",
      "load it with Keras and export it: keras.models.load_model(FILE).export(\"model.onnx\", format=\"onnx\"), or "
      "with tf2onnx.convert.from_keras"}},
    // torch.save before version 1.6: the pickled number 0x1950a86a20f9469cfc6c
    {StringLiteral("\x80\x02\x8a\nl\xfc\x9c\x46\xf9 j\xa8P\x19"), kPyTorch},
    {StringLiteral("GGUF"),
     {"a GGUF file", "it holds the weights of a language model without its graph: export the model that it was made "
                     "from, for example with `optimum-cli export onnx`"}},
    {"\x93NUMPY", {"a numpy array", "the model comes first; values of inputs are given with --input NAME=FILE.npy"}},
    {"version https://git-lfs", {"a pointer of Git LFS, not the file itself", "fetch the file with `git lfs pull`"}},
    {"<!DOCTYPE", {"a web page", "download the file itself"}},
    {"<html", {"a web page", "download the file itself"}},
    {"<?xml",
     {"an XML file, as OpenVINO writes", "export the network that it was made from to ONNX with its own framework"}},
    {"\x1f\x8b", {"a gzip file", "unpack it: gunzip"}},
};

/// A zip archive, by the name of its first file (APPNOTE.TXT, 4.3.7).
OtherFormat recognizeZip(StringRef begin) {
  size_t length = begin.size() < 30 ? 0 : support::endian::read16le(begin.data() + 26);
  StringRef first = begin.substr(30, length);
  if (first.ends_with(".npy"))
    return {"a numpy archive (.npz)",
            "the model comes first; values of inputs are given with --input NAME=FILE.npy, an array in a file each"};
  // torch.save and torch.jit.save begin with NAME/data.pkl, torch.export.save with an archive format or version.
  for (StringRef name : {"/data.pkl", "/version", "/.format_version", "archive_format", "/constants.pkl", "/byteorder"})
    if (first.ends_with(name))
      return kPyTorch;
  if (first.ends_with("metadata.json") || first.ends_with("config.json") || first.ends_with(".weights.h5"))
    return kKeras;
  return kArchive;
}

} // namespace

std::optional<OtherFormat> recognizeOtherFormat(StringRef begin, uint64_t size) {
  for (const auto &[magic, format] : kMagics)
    if (begin.starts_with(magic))
      return format;
  if (begin.starts_with("PK\x03\x04"))
    return recognizeZip(begin);
  // FlatBuffers have their identifier behind the offset of the root.
  StringRef identifier = begin.substr(4, 4);
  if (identifier == "TFL3")
    return kTensorFlowLite;
  if (identifier == "ORTM")
    return OtherFormat{"a model in onnxruntime's own format (.ort)", "give the .onnx file that it was made from"};
  // A length in 8 bytes, then JSON. An ONNX file cannot have `{` there with a length in its first bytes that fits.
  if (begin.size() > 9 && begin.drop_front(8).starts_with("{\"") && support::endian::read64le(begin.data()) <= size - 8)
    return OtherFormat{"a safetensors file", "it holds weights without a graph: load them in the model's framework and "
                                             "export that, for example with torch.onnx.export or "
                                             "`optimum-cli export onnx`"};
  // Python's pickle, protocols 2 to 5.
  if (begin.size() > 1 && begin[0] == '\x80' && begin[1] >= 2 && begin[1] <= 5)
    return OtherFormat{"a Python pickle", "if it is a PyTorch model: torch.onnx.export(model, (example_input,), "
                                          "\"model.onnx\")"};
  return std::nullopt;
}

} // namespace nncc::import
