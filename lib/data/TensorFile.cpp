// See TensorFile.h.
#include "lib/data/TensorFile.h"
#include "lib/data/ByteStream.h"
#include "lib/import/onnx/ModelFile.h"
#include "mlir/IR/MLIRContext.h"
#include "llvm/Support/Endian.h"
#include <cstring>

using namespace llvm;

namespace nncc {

/// The elements of a constant, little-endian, booleans as a byte each.
static std::vector<char> bytesOf(mlir::ElementsAttr value, size_t elementBytes) {
  if (auto resource = dyn_cast<mlir::DenseResourceElementsAttr>(value)) {
    ArrayRef<char> data = resource.getRawHandle().getBlob()->getData();
    return {data.begin(), data.end()};
  }
  auto dense = cast<mlir::DenseElementsAttr>(value);
  std::vector<char> bytes;
  auto add = [&](const APInt &element) {
    char text[8];
    support::endian::write64le(text, element.getZExtValue());
    bytes.insert(bytes.end(), text, text + elementBytes);
  };
  if (isa<mlir::FloatType>(dense.getElementType()))
    for (const APFloat &element : dense.getValues<APFloat>())
      add(element.bitcastToAPInt());
  else
    for (const APInt &element : dense.getValues<APInt>())
      add(element);
  return bytes;
}

Expected<NpyArray> readTensor(StringRef path, std::string &name) {
  auto file = InputFile::open(path);
  if (!file)
    return file.takeError();
  // Protobuf counts bytes in 31 bits.
  if ((*file)->size() > INT32_MAX)
    return createStringError("is no ONNX tensor: it has 2 GiB or more");
  std::vector<char> text((*file)->size());
  if (Error error = (*file)->readAt(0, text))
    return std::move(error);
  onnx::TensorProto tensor;
  if (!tensor.ParseFromArray(text.data(), text.size()))
    return createStringError("is no ONNX tensor");
  name = tensor.name();

  mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
  std::string problem;
  auto value = import::WeightReader(path.str(), &context).read(tensor, [&](const Twine &reason, const Twine &whatToDo) {
    problem = reason.str() + (whatToDo.isTriviallyEmpty() ? "" : "\nnote: " + whatToDo.str());
  });
  if (!value)
    return createStringError("holds no tensor that can be read: " + problem);
  NpyArray array;
  raw_string_ostream(array.type) << value.getElementType();
  array.shape.assign(value.getShapedType().getShape().begin(), value.getShapedType().getShape().end());
  array.data = bytesOf(value, bytesOfType(array.type));
  return array;
}

} // namespace nncc
