// See ModelFile.h. The format is onnx.proto; newer fields than the library's classes know are in their unknown fields.
#include "lib/import/onnx/ModelFile.h"
#include "dialects/nn/ConstantData.h"
#include "lib/import/onnx/Import.h"
#include "lib/import/onnx/OtherFormats.h"
#include "mlir/IR/AsmState.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectResourceBlobManager.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MathExtras.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include <cstring>
#include <google/protobuf/io/coded_stream.h>

using namespace mlir;

namespace nncc::import {

//===-- The file ----------------------------------------------------------===//

std::unique_ptr<onnx::ModelProto> readModelFile(const std::string &path, Location loc) {
  auto fail = [&](const Twine &why, const Twine &whatToDo = "") {
    InFlightDiagnostic diagnostic = emitError(loc) << why;
    if (!whatToDo.isTriviallyEmpty())
      diagnostic.attachNote() << whatToDo;
    return nullptr;
  };
  if (llvm::sys::fs::is_directory(path))
    return fail("is a folder, not a file");
  uint64_t size = 0;
  if (std::error_code code = llvm::sys::fs::file_size(path, size))
    return fail("cannot be read: " + code.message());
  if (auto begin = llvm::MemoryBuffer::getFileSlice(path, std::min<uint64_t>(size, 512), 0))
    if (auto other = recognizeOtherFormat((*begin)->getBuffer(), size))
      return fail("not an ONNX model, but " + other->name, other->wayToOnnx);
  // Protobuf counts bytes in an int.
  if (size > (uint64_t)INT32_MAX)
    return fail("the file has " + Twine(size) + " bytes, a protobuf file ends at 2147483647",
                "save the weights as external data: onnx.save(..., save_as_external_data=True)");
  // Mapped, not read: the parser copies what it keeps, and the file is held once.
  auto file = llvm::MemoryBuffer::getFile(path, /*IsText=*/false, /*RequiresNullTerminator=*/false);
  if (!file)
    return fail("cannot be read: " + file.getError().message());
  if ((*file)->getBufferSize() == 0)
    return fail("the file is empty");
  auto model = std::make_unique<onnx::ModelProto>();
  google::protobuf::io::CodedInputStream stream((const uint8_t *)(*file)->getBufferStart(),
                                                (int)(*file)->getBufferSize());
  stream.SetTotalBytesLimit(INT32_MAX);
  if (!model->ParseFromCodedStream(&stream) || !stream.ConsumedEntireMessage())
    return fail("not an ONNX model, or damaged: the file does not parse as protobuf after " +
                Twine(stream.CurrentPosition()) + " bytes");
  if (!model->has_graph())
    return fail(model->has_ir_version() || model->opset_import_size() ? "the model has no graph"
                                                                      : "not an ONNX model: it has no graph");
  return model;
}

/// The first unknown field that is not in the list of those without a meaning for us.
template <typename Message> static int firstUnknown(const Message &message, ArrayRef<int> harmless) {
  const auto &fields = message.unknown_fields();
  for (int i = 0; i < fields.field_count(); ++i)
    if (!llvm::is_contained(harmless, fields.field(i).number()))
      return fields.field(i).number();
  return 0;
}

int unknownFieldOf(const onnx::NodeProto &node) {
  // 8 is overload (functions read it), 9 metadata_props, 10 device_configurations: onnx.proto, IR version 11.
  if (int field = firstUnknown(node, {8, 9, 10}))
    return field;
  for (const onnx::AttributeProto &attribute : node.attribute())
    if (int field = firstUnknown(attribute, {}))
      return field;
  return 0;
}

int unknownFieldOf(const onnx::TensorProto &tensor) {
  return firstUnknown(tensor, {16}); // metadata_props
}

//===-- Types and shapes --------------------------------------------------===//

namespace {
struct DataType {
  int32_t number; ///< TensorProto.DataType
  const char *name;
};
// All of IR version 11; those without an nn type are here for their names.
constexpr DataType kDataTypes[] = {{1, "f32"},
                                   {2, "ui8"},
                                   {3, "i8"},
                                   {4, "ui16"},
                                   {5, "i16"},
                                   {6, "i32"},
                                   {7, "i64"},
                                   {8, "string"},
                                   {9, "bool"},
                                   {10, "f16"},
                                   {11, "f64"},
                                   {12, "ui32"},
                                   {13, "ui64"},
                                   {14, "complex64"},
                                   {15, "complex128"},
                                   {16, "bf16"},
                                   {17, "float8e4m3fn"},
                                   {18, "float8e4m3fnuz"},
                                   {19, "float8e5m2"},
                                   {20, "float8e5m2fnuz"},
                                   {21, "uint4"},
                                   {22, "int4"},
                                   {23, "float4e2m1"},
                                   {24, "float8e8m0"},
                                   {25, "uint2"},
                                   {26, "int2"}};
} // namespace

Type elementTypeOf(int32_t dataType, MLIRContext *context) {
  Builder b(context);
  switch (dataType) {
  case 1:
    return b.getF32Type();
  case 2:
    return b.getIntegerType(8, false);
  case 3:
    return b.getI8Type();
  case 4:
    return b.getIntegerType(16, false);
  case 5:
    return b.getI16Type();
  case 6:
    return b.getI32Type();
  case 7:
    return b.getI64Type();
  case 9:
    return b.getI1Type();
  case 10:
    return b.getF16Type();
  case 11:
    return b.getF64Type();
  case 12:
    return b.getIntegerType(32, false);
  case 13:
    return b.getIntegerType(64, false);
  case 16:
    return b.getBF16Type();
  default:
    return {};
  }
}

std::string nameOfDataType(int32_t dataType) {
  for (const DataType &row : kDataTypes)
    if (row.number == dataType)
      return row.name;
  return std::to_string(dataType);
}

std::string describeUnsupported(int32_t dataType) {
  bool isKnown = llvm::any_of(kDataTypes, [&](const DataType &row) { return row.number == dataType; });
  return "element type " + nameOfDataType(dataType) + (isKnown ? " is not supported" : " is unknown");
}

std::string nameOf(Type type) {
  if (type.isInteger(1))
    return "bool";
  std::string text;
  llvm::raw_string_ostream(text) << type;
  return text;
}

std::string describeShape(ArrayRef<int64_t> shape) {
  std::string text = "[";
  for (auto [i, dim] : llvm::enumerate(shape))
    text += (i ? ", " : "") + std::to_string(dim);
  return text + "]";
}

std::optional<std::string> checkShape(ArrayRef<int64_t> shape) {
  if ((int64_t)shape.size() > kMaxRank)
    return "a tensor of " + std::to_string(shape.size()) + " dims has more than " + std::to_string(kMaxRank);
  // A 0 counts as 1, so that no product of some of the dims overflows either.
  int64_t count = 1;
  for (auto [i, dim] : llvm::enumerate(shape)) {
    if (dim < 0)
      return "dim " + std::to_string(i) + " is " + std::to_string(dim);
    if (llvm::MulOverflow(count, std::max<int64_t>(dim, 1), count))
      return "the size of " + describeShape(shape) + " overflows";
  }
  if (count > kMaxElements)
    return "the size of " + describeShape(shape) + " is more than " + std::to_string(kMaxElements) + " elements";
  return std::nullopt;
}

//===-- Weights -----------------------------------------------------------===//

static size_t bytesPerElement(Type type) { return std::max(1u, type.getIntOrFloatBitWidth() / 8); }

/// An attribute that takes a blob over.
static ElementsAttr makeResource(RankedTensorType type, StringRef name, AsmResourceBlob blob) {
  return DenseResourceElementsAttr::get(type, name.empty() ? StringRef("weights") : name, std::move(blob));
}

/// True for booleans some of which are neither 0 nor 1.
static bool needsBooleans(RankedTensorType type, ArrayRef<char> bytes) {
  return type.getElementType().isInteger(1) && llvm::any_of(bytes, [](char c) { return c & ~1; });
}

ElementsAttr makeConstant(RankedTensorType type, ArrayRef<char> bytes, StringRef name) {
  if (needsBooleans(type, bytes)) {
    std::vector<char> booleans(bytes.begin(), bytes.end());
    for (char &c : booleans)
      c = c != 0;
    return makeConstant(type, booleans, name);
  }
  if (bytes.size() > kMaxInlineBytes)
    return makeResource(type, name, HeapAsmResourceBlob::allocateAndCopyWithAlign(bytes, 16, /*dataIsMutable=*/false));
  if (type.getElementType().isInteger(1)) {
    SmallVector<bool> values(llvm::map_range(bytes, [](char c) { return c != 0; }));
    return DenseElementsAttr::get(type, ArrayRef<bool>(values));
  }
  return DenseElementsAttr::getFromRawBuffer(type, bytes);
}

ElementsAttr reshapeConstant(ElementsAttr attr, ArrayRef<int64_t> shape) {
  auto type = RankedTensorType::get(shape, attr.getElementType());
  if (auto resource = dyn_cast<DenseResourceElementsAttr>(attr))
    return DenseResourceElementsAttr::get(type, resource.getRawHandle());
  return cast<DenseElementsAttr>(attr).reshape(type);
}

WeightReader::WeightReader(const std::string &modelPath, MLIRContext *context, std::function<void(StringRef)> onFile)
    : context(context), onFile(std::move(onFile)), folder(llvm::sys::path::parent_path(modelPath)) {
  if (folder.empty())
    folder = ".";
}

/// The bytes of a typed field of n values, each narrowed to `T`.
template <typename T, typename Field> static std::vector<char> narrow(const Field &field) {
  std::vector<char> bytes(field.size() * sizeof(T));
  for (int i = 0; i < field.size(); ++i) {
    T value = (T)field.Get(i);
    std::memcpy(bytes.data() + i * sizeof(T), &value, sizeof(T));
  }
  return bytes;
}

/// The bytes of whichever typed field belongs to the data type (onnx.proto, TensorProto).
static std::vector<char> readTypedFields(const onnx::TensorProto &tensor) {
  switch (tensor.data_type()) {
  case 1:
    return narrow<float>(tensor.float_data());
  case 2:
  case 3:
  case 9:
  case 21:
  case 22:
    return narrow<uint8_t>(tensor.int32_data());
  case 4:
  case 5:
  case 10:
  case 16:
    return narrow<uint16_t>(tensor.int32_data());
  case 6:
    return narrow<int32_t>(tensor.int32_data());
  case 7:
    return narrow<int64_t>(tensor.int64_data());
  case 11:
    return narrow<double>(tensor.double_data());
  case 12:
    return narrow<uint32_t>(tensor.uint64_data());
  case 13:
    return narrow<uint64_t>(tensor.uint64_data());
  default:
    return {};
  }
}

/// The field of a TensorProto that refers to a shared tensor. ONNX has none of this number.
constexpr int kReferenceField = 0x1fffff00;

static const google::protobuf::UnknownField *referenceOf(const onnx::TensorProto &tensor) {
  const auto &fields = tensor.unknown_fields();
  for (int i = 0; i < fields.field_count(); ++i)
    if (fields.field(i).number() == kReferenceField)
      return &fields.field(i);
  return nullptr;
}

/// Calls `visit(tensor, isRepeated)` for the tensors of a graph; what is inside of functions and subgraphs may be
/// imported repeatedly.
static void forEachTensor(google::protobuf::RepeatedPtrField<onnx::NodeProto> &nodes, bool isRepeated,
                          function_ref<void(onnx::TensorProto &, bool)> visit);
static void forEachTensor(onnx::GraphProto &graph, bool isRepeated,
                          function_ref<void(onnx::TensorProto &, bool)> visit) {
  for (onnx::TensorProto &tensor : *graph.mutable_initializer())
    visit(tensor, isRepeated);
  forEachTensor(*graph.mutable_node(), isRepeated, visit);
}
static void forEachTensor(google::protobuf::RepeatedPtrField<onnx::NodeProto> &nodes, bool isRepeated,
                          function_ref<void(onnx::TensorProto &, bool)> visit) {
  for (onnx::NodeProto &node : nodes)
    for (onnx::AttributeProto &attribute : *node.mutable_attribute()) {
      if (attribute.has_t())
        visit(*attribute.mutable_t(), isRepeated);
      if (attribute.has_g())
        forEachTensor(*attribute.mutable_g(), true, visit);
      for (onnx::GraphProto &graph : *attribute.mutable_graphs())
        forEachTensor(graph, true, visit);
    }
}

void WeightReader::share(onnx::ModelProto &model) {
  auto forEach = [&](function_ref<void(onnx::TensorProto &, bool)> visit) {
    forEachTensor(*model.mutable_graph(), false, visit);
    for (onnx::FunctionProto &function : *model.mutable_functions())
      forEachTensor(*function.mutable_node(), true, visit);
  };
  // A file that uses the field itself refers to nothing.
  forEach([](onnx::TensorProto &tensor, bool) {
    if (referenceOf(tensor))
      tensor.mutable_unknown_fields()->DeleteByNumber(kReferenceField);
  });
  forEach([&](onnx::TensorProto &tensor, bool isRepeated) {
    if (!isRepeated)
      return;
    auto kept = std::make_unique<onnx::TensorProto>();
    kept->Swap(&tensor);
    tensor.set_name(kept->name());
    tensor.mutable_unknown_fields()->AddVarint(kReferenceField, shared.size());
    shared.push_back({std::move(kept), {}});
  });
}

static bool isOfNibbles(const onnx::TensorProto &tensor) {
  return tensor.data_type() == 21 || tensor.data_type() == 22;
}

/// Those integers; `external`: their bytes, where they are in another file.
static ElementsAttr readNibbles(const onnx::TensorProto &tensor, RankedTensorType type, ElementsAttr external,
                                ErrorSink error) {
  std::vector<char> bytes = readTypedFields(tensor);
  if (tensor.has_raw_data())
    bytes.assign(tensor.raw_data().begin(), tensor.raw_data().end());
  if (auto reader = external ? nn::ConstantReader::get(external) : std::nullopt) {
    bytes.clear();
    for (int64_t i = 0; i < reader->size(); ++i)
      bytes.push_back(*reader->at(i));
  }
  if (size_t expected = llvm::divideCeil(type.getNumElements(), 2); bytes.size() != expected) {
    error(describeShape(type.getShape()) + " of " + nameOfDataType(tensor.data_type()) + " needs " + Twine(expected) +
              " bytes, the file has " + Twine(bytes.size()),
          "");
    return {};
  }
  // The first of two values lies in the lower half.
  std::vector<char> values(type.getNumElements());
  for (auto [i, value] : llvm::enumerate(values)) {
    unsigned nibble = (unsigned char)bytes[i / 2] >> i % 2 * 4 & 15;
    value = (char)(tensor.data_type() == 22 && nibble > 7 ? (int)nibble - 16 : (int)nibble);
  }
  return makeConstant(type, values, tensor.name());
}

bool WeightReader::isOfNibbles(const onnx::TensorProto &tensor) const {
  const auto *reference = referenceOf(tensor);
  return import::isOfNibbles(reference ? *shared[reference->varint()].tensor : tensor);
}

ElementsAttr WeightReader::read(onnx::TensorProto &tensor, ErrorSink error) {
  if (const auto *reference = referenceOf(tensor)) {
    Shared &entry = shared[reference->varint()];
    if (!entry.value)
      entry.value = read(*entry.tensor, error);
    return entry.value;
  }
  SmallVector<int64_t> shape(tensor.dims().begin(), tensor.dims().end());
  if (auto problem = checkShape(shape)) {
    error(*problem, "");
    return {};
  }
  Type element =
      import::isOfNibbles(tensor)
          ? Type(IntegerType::get(context, 8, tensor.data_type() == 21 ? IntegerType::Unsigned : IntegerType::Signless))
          : elementTypeOf(tensor.data_type(), context);
  if (!element) {
    error(describeUnsupported(tensor.data_type()), "");
    return {};
  }
  if (int field = unknownFieldOf(tensor)) {
    error("unknown field " + Twine(field),
          "the file is of a newer ONNX; export it again with opset_version=" + Twine(kAdvisedOpset));
    return {};
  }
  if (tensor.has_segment()) {
    error("tensors in segments are not supported", "");
    return {};
  }
  auto type = RankedTensorType::get(shape, element);
  if (import::isOfNibbles(tensor)) {
    bool isExternal = tensor.data_location() == onnx::TensorProto::EXTERNAL;
    auto packed = RankedTensorType::get({(int64_t)llvm::divideCeil(type.getNumElements(), 2)},
                                        IntegerType::get(context, 8, IntegerType::Unsigned));
    ElementsAttr external = isExternal ? readExternal(tensor, packed, error) : ElementsAttr();
    return isExternal && !external ? ElementsAttr() : readNibbles(tensor, type, external, error);
  }
  if (tensor.data_location() == onnx::TensorProto::EXTERNAL)
    return readExternal(tensor, type, error);
  size_t expected = type.getNumElements() * bytesPerElement(element);
  auto checkSize = [&](size_t actual) {
    if (actual == expected)
      return true;
    error(describeShape(shape) + " of " + nameOf(element) + " needs " + Twine(expected) + " bytes, the file has " +
              Twine(actual),
          "");
    return false;
  };
  if (!tensor.has_raw_data()) {
    std::vector<char> bytes = readTypedFields(tensor);
    return checkSize(bytes.size()) ? makeConstant(type, bytes, tensor.name()) : ElementsAttr();
  }
  if (!checkSize(tensor.raw_data().size()))
    return {};
  ArrayRef<char> raw(tensor.raw_data().data(), expected);
  if (expected <= kMaxInlineBytes || needsBooleans(type, raw))
    return makeConstant(type, raw, tensor.name());
  // The attribute takes the parser's own string over: no copy of a weight is ever made.
  std::string *bytes = tensor.release_raw_data();
  auto release = [bytes](void *, size_t, size_t) { delete bytes; };
  return makeResource(type, tensor.name(),
                      AsmResourceBlob(ArrayRef<char>(bytes->data(), bytes->size()), 16, release, false));
}

std::shared_ptr<llvm::MemoryBuffer> WeightReader::openExternal(const std::string &location, ErrorSink error) {
  auto [known, isNew] = files.try_emplace(location);
  std::shared_ptr<llvm::MemoryBuffer> &file = known->second;
  if (!isNew)
    return file; // null: it was reported with the first weight that lies there
  namespace path = llvm::sys::path;
  auto outside = [&]() {
    error("'" + location + "' is outside the folder of the model", "external data is read beside the model only");
    return nullptr;
  };
  if (location.empty() || location.find('\0') != std::string::npos || path::is_absolute(location))
    return outside();
  for (auto part = path::begin(location); part != path::end(location); ++part)
    if (*part == "..")
      return outside();
  SmallString<256> joined(folder), real, realFolder;
  path::append(joined, location);
  std::error_code code = llvm::sys::fs::real_path(joined, real);
  if (!code)
    code = llvm::sys::fs::real_path(folder, realFolder);
  if (code) {
    error("cannot open '" + location + "': " + code.message(), "");
    return nullptr;
  }
  // A link may lead out of the folder.
  if (realFolder != "/" && !(StringRef(real).starts_with(realFolder) && real[realFolder.size()] == '/'))
    return outside();
  if (!llvm::sys::fs::is_regular_file(real)) {
    error("cannot open '" + location + "': not a file", "");
    return nullptr;
  }
  auto opened = llvm::MemoryBuffer::getFile(real, /*IsText=*/false, /*RequiresNullTerminator=*/false);
  if (!opened) {
    error("cannot open '" + location + "': " + opened.getError().message(), "");
    return nullptr;
  }
  file = std::move(*opened);
  if (onFile)
    onFile(llvm::sys::path::remove_leading_dotslash(joined));
  return file;
}

ElementsAttr WeightReader::readExternal(onnx::TensorProto &tensor, RankedTensorType type, ErrorSink error) {
  std::string location;
  uint64_t offset = 0, expected = type.getNumElements() * bytesPerElement(type.getElementType()), length = expected;
  for (const onnx::StringStringEntryProto &entry : tensor.external_data()) {
    if (entry.key() == "location")
      location = entry.value();
    uint64_t number = 0;
    if (entry.key() != "offset" && entry.key() != "length")
      continue;
    if (StringRef(entry.value()).getAsInteger(10, number) || number > (uint64_t)INT64_MAX) {
      error(entry.key() + " '" + entry.value() + "' of '" + location + "' is not a number of bytes below 2^63", "");
      return {};
    }
    (entry.key() == "offset" ? offset : length) = number;
  }
  auto file = openExternal(location, error);
  if (!file)
    return {};
  if (length != expected) {
    error(describeShape(type.getShape()) + " of " + nameOf(type.getElementType()) + " needs " + Twine(expected) +
              " bytes, '" + location + "' is said to have " + Twine(length),
          "");
    return {};
  }
  if (offset > file->getBufferSize() || expected > file->getBufferSize() - offset) {
    error("bytes " + Twine(offset) + " to " + Twine(offset + expected) + " of '" + location +
              "' are needed, the file has " + Twine(file->getBufferSize()),
          "");
    return {};
  }
  ArrayRef<char> bytes(file->getBufferStart() + offset, expected);
  bool isAligned = (uintptr_t)bytes.data() % bytesPerElement(type.getElementType()) == 0;
  if (expected <= kMaxInlineBytes || !isAligned || needsBooleans(type, bytes))
    return makeConstant(type, bytes, tensor.name());
  auto keepOpen = [file](void *, size_t, size_t) mutable { file.reset(); };
  return makeResource(type, tensor.name(),
                      AsmResourceBlob(bytes, bytesPerElement(type.getElementType()), std::move(keepOpen), false));
}

} // namespace nncc::import
