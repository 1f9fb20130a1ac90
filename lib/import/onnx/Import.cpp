// The way from an ONNX file to a module at stage N1: read the file, fix the shapes of the inputs, walk the graph, check
// the outputs. The walk is Graph.cpp, an operator's meaning is in the file of its family.
#include "lib/import/onnx/Import.h"
#include "lib/import/onnx/Bind.h"
#include "lib/import/onnx/CutModel.h"
#include "lib/import/onnx/Deciding.h"
#include "lib/import/onnx/Graph.h"
#include "lib/import/onnx/InputFormat.h"
#include "lib/import/onnx/ModelFile.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "llvm/ADT/StringExtras.h"
#include <numeric>

using namespace mlir;

namespace nncc {
using namespace import;

namespace {

/// Whether a dim has a name of its own. Some exporters write a sign that it is open, the same one for every such dim of
/// a file: the dims are not of one size.
bool isNamed(const onnx::TensorShapeProto::Dimension &dim) {
  StringRef name = dim.dim_param();
  return !name.empty() && name != "?" && name != "-1" && name != "None";
}

/// Reads an input's or output's declaration. `type` is empty for what is no tensor.
OnnxValueInfo describe(const onnx::ValueInfoProto &value) {
  OnnxValueInfo info;
  info.name = value.name();
  const onnx::TypeProto &type = value.type();
  if (!type.has_tensor_type()) {
    info.type = type.has_sequence_type()   ? "sequence"
                : type.has_map_type()      ? "map"
                : type.has_optional_type() ? "optional"
                                           : "";
    info.hasShape = false;
    return info;
  }
  info.type = nameOfDataType(type.tensor_type().elem_type());
  info.hasShape = type.tensor_type().has_shape();
  for (const auto &[i, dim] : llvm::enumerate(type.tensor_type().shape().dim())) {
    OnnxDim &out = info.dims.emplace_back();
    if (dim.has_dim_value() && dim.dim_value() != -1) // some exporters write -1 for a dim without a name
      out.size = dim.dim_value();
    else
      out.key = isNamed(dim) ? dim.dim_param() : info.name + "." + std::to_string(i);
  }
  return info;
}

std::string describeDims(ArrayRef<OnnxDim> dims) {
  std::string text = "[";
  for (auto [i, dim] : llvm::enumerate(dims))
    text += (i ? ", " : "") + (dim.key.empty() ? std::to_string(dim.size) : dim.key);
  return text + "]";
}

/// The declared inputs that the caller has to give: initializers may be listed as inputs too (IR version 3).
std::vector<OnnxValueInfo> realInputs(const onnx::GraphProto &graph) {
  llvm::StringSet<> weights;
  for (const auto &weight : graph.initializer())
    weights.insert(weight.name());
  std::vector<OnnxValueInfo> inputs;
  for (const auto &input : graph.input())
    if (!weights.contains(input.name()))
      inputs.push_back(describe(input));
  return inputs;
}

/// Imports one file. Each step reports what is wrong and the next one runs only when it could tell more.
class Importer {
public:
  Importer(onnx::ModelProto &model, StringRef path, const ImportOptions &options, MLIRContext &context)
      : model(model), options(options), builder(&context), graph(model, path.str(), builder, options.onFile) {}

  FailureOr<OwningOpRef<ModuleOp>> run() {
    OwningOpRef<ModuleOp> module = ModuleOp::create(builder, builder.getUnknownLoc());
    if (!readOpsets() || !checkOptions() || !bindDims())
      return fail();
    builder.setInsertionPointToEnd(module->getBody());
    main = func::FuncOp::create(builder, builder.getUnknownLoc(), "main", builder.getFunctionType({}, {}));
    builder.setInsertionPointToEnd(main.addEntryBlock());
    if (!makeInputs())
      return fail();
    if (model.graph().output_size() == 0) {
      graph.error("the graph has no outputs");
      return fail();
    }
    if (failed(graph.importGraph(*model.mutable_graph(), scope)) || !makeOutputs())
      return fail();
    dropUnused();
    return module;
  }

private:
  LogicalResult fail() {
    if (!graph.hasErrors())
      graph.error("the model could not be imported");
    graph.finishErrors();
    return failure();
  }

  bool readOpsets() {
    for (const auto &opset : model.opset_import())
      scope.opsets[opset.domain() == "ai.onnx" ? "" : opset.domain()] = opset.version();
    auto own = scope.opsets.find("");
    if (own == scope.opsets.end()) {
      bool needsOne = llvm::any_of(
          model.graph().node(), [](const auto &node) { return node.domain().empty() || node.domain() == "ai.onnx"; });
      if (needsOne)
        graph.error("the model does not say which opset of ONNX it uses");
    } else if (own->second < kOldestOpset) {
      graph.error("opset " + Twine(own->second) + " is not supported",
                  "nncc reads opsets " + Twine(kOldestOpset) + " to " + Twine(kNewestOpset) +
                      "; export again with opset_version=" + Twine(kAdvisedOpset));
    } else if (own->second > kNewestOpset) {
      graph.warning("opset " + Twine(own->second) + " is newer than the newest that nncc knows, " + Twine(kNewestOpset),
                    "operators are read as of opset " + Twine(kNewestOpset) +
                        "; compare the results, or export again with opset_version=" + Twine(kAdvisedOpset));
    }
    return !graph.hasErrors();
  }

  /// Refuses names that the model does not have.
  bool checkOptions() {
    inputs = realInputs(model.graph());
    llvm::StringSet<> names;
    for (const auto &input : model.graph().input())
      if (!names.insert(input.name()).second)
        graph.error("input '" + Twine(input.name()) + "' is declared twice");
    names.clear();
    SmallVector<std::string> keys, inputNames;
    for (const OnnxValueInfo &input : inputs) {
      names.insert(input.name);
      inputNames.push_back(input.name);
      for (const OnnxDim &dim : input.dims)
        if (!dim.key.empty() && !llvm::is_contained(keys, dim.key))
          keys.push_back(dim.key);
    }
    for (const auto &[name, size] : options.dims) {
      if (!llvm::is_contained(keys, name))
        graph.error("--dim " + Twine(name) + "=" + Twine(size) + ": the model has no dim of this name",
                    keys.empty() ? "all its dims are fixed" : "it has " + llvm::join(keys, ", "));
      else if (size < 1 || size > kMaxElements)
        graph.error("--dim " + Twine(name) + "=" + Twine(size) + ": the size must be a whole number from 1 to " +
                    Twine(kMaxElements));
    }
    for (const auto &[name, value] : options.binds)
      if (!names.contains(name))
        graph.error("--bind " + Twine(name) + "=" + value + ": the model has no input of this name",
                    inputNames.empty() ? "it has no inputs" : "it has " + llvm::join(inputNames, ", "));
    for (const auto &[name, text] : options.inputFormats) {
      if (!names.contains(name))
        graph.error("--input " + Twine(name) + "=" + text + ": the model has no input of this name",
                    inputNames.empty() ? "it has no inputs" : "it has " + llvm::join(inputNames, ", "));
      else if (options.binds.count(name))
        graph.error("--input " + Twine(name) + "=" + text + ": the input is a constant by --bind");
      if (auto format = InputFormat::parse(text))
        formats[name] = std::move(*format);
      else
        badFormat(name, format.takeError());
    }
    for (const auto &[name, layout] : options.outputLayouts) {
      if (llvm::none_of(model.graph().output(), [&](const auto &output) { return output.name() == name; })) {
        std::vector<std::string> outputs;
        for (const auto &output : model.graph().output())
          outputs.push_back(output.name());
        graph.error("--output-layout " + Twine(name) + "=" + layout + ": the model has no output of this name",
                    "it has " + llvm::join(outputs, ", "));
      }
      if (layout != "nhwc" && layout != "nchw")
        graph.error("--output-layout " + Twine(name) + "=" + layout + ": the layout is neither nhwc nor nchw");
    }
    for (const auto &[name, shape] : options.inputShapes)
      if (!names.contains(name))
        graph.error("there is no input '" + Twine(name) + "', for which a shape or a file is given",
                    inputNames.empty() ? "it has no inputs" : "it has " + llvm::join(inputNames, ", "));
    return !graph.hasErrors();
  }

  /// Collects the sizes of symbolic dims from --dim and from the shapes of given files.
  bool bindDims() {
    sizes = options.dims;
    for (OnnxValueInfo &input : inputs) {
      auto given = options.inputShapes.find(input.name);
      if (given == options.inputShapes.end())
        continue;
      auto format = formats.find(input.name);
      std::vector<int64_t> shape = format == formats.end() ? given->second : format->second.modelShape(given->second);
      if (!input.hasShape) {
        input.hasShape = true;
        for (int64_t size : shape)
          input.dims.push_back({size, ""});
      }
      // modelShape() returns a shape that no memory of the format has as it is.
      bool isOfFormat = format == formats.end() || format->second.memoryShape(shape) == given->second;
      bool fits = isOfFormat && shape.size() == input.dims.size();
      for (size_t i = 0; i < shape.size() && fits; ++i) {
        const OnnxDim &dim = input.dims[i];
        fits &= dim.key.empty() ? dim.size == shape[i] : sizes.try_emplace(dim.key, shape[i]).first->second == shape[i];
      }
      if (!fits)
        graph.error("input '" + input.name + "' is " + describeExpected(input) + ", " + describeShape(given->second) +
                    " is given");
    }
    return !graph.hasErrors();
  }

  /// The shape that an input has in the program's memory, and in the model where that is another one.
  std::string describeExpected(const OnnxValueInfo &input) const {
    std::string inModel = describeDims(input.dims) + " in the model";
    auto format = formats.find(input.name);
    if (format == formats.end())
      return inModel;
    std::string as = " in memory as " + format->second.text() + " (" + inModel + ")";
    if (format->second.pixels) {
      bool isKnown = llvm::all_of(input.dims, [](const OnnxDim &dim) { return dim.key.empty(); });
      std::vector<int64_t> shape;
      for (const OnnxDim &dim : input.dims)
        shape.push_back(dim.size);
      return (isKnown ? describeShape(format->second.memoryShape(shape)) : "pixels") + as;
    }
    std::vector<int64_t> order(input.dims.size());
    std::iota(order.begin(), order.end(), 0);
    SmallVector<OnnxDim> dims;
    for (int64_t at : format->second.memoryShape(order))
      dims.push_back(input.dims[at]);
    return describeDims(dims) + as;
  }

  /// Makes an argument of @main for every input that is not bound to a constant.
  bool makeInputs() {
    for (const OnnxValueInfo &input : inputs) {
      const onnx::TypeProto *proto = nullptr;
      for (const auto &declared : model.graph().input())
        if (declared.name() == input.name)
          proto = &declared.type();
      if (!proto->has_tensor_type()) {
        graph.error("input '" + input.name + "' is " +
                    (input.type.empty()         ? "a value without a type"
                     : input.type == "optional" ? "an optional"
                                                : "a " + input.type) +
                    ", only tensors are supported");
        continue;
      }
      Type element = elementTypeOf(proto->tensor_type().elem_type(), builder.getContext());
      if (!element) {
        graph.error("input '" + input.name + "': " + describeUnsupported(proto->tensor_type().elem_type()));
        continue;
      }
      if (auto bound = options.binds.find(input.name); bound != options.binds.end()) {
        std::string problem;
        if (auto path = boundFile(bound->second); path && options.onFile)
          options.onFile(*path);
        ElementsAttr value = readBoundValue(bound->second, input, element, problem);
        if (value)
          scope.values[input.name] = nn::ConstantOp::create(builder, builder.getUnknownLoc(), value);
        else
          graph.error("--bind " + Twine(input.name) + "=" + bound->second + ": " + problem);
        continue;
      }
      if (auto shape = shapeOf(input)) {
        Value value = makeInput(input.name, RankedTensorType::get(*shape, element));
        scope.values[input.name] = value;
        graph.nameInput(value, input.name);
        inputNames.push_back(input.name);
      }
    }
    return !graph.hasErrors();
  }

  /// The first line of an error says what is wrong, a second one what to do.
  void badFormat(const std::string &name, llvm::Error problem) {
    std::string text = llvm::toString(std::move(problem));
    auto [reason, whatToDo] = StringRef(text).split('\n');
    graph.error("--input " + Twine(name) + "=" + options.inputFormats.at(name) + ": " + reason, whatToDo);
  }

  /// An argument of @main, and what it is to the model.
  Value makeInput(const std::string &name, RankedTensorType type) {
    Block &block = main.getBody().front();
    auto format = formats.find(name);
    if (format == formats.end())
      return block.addArgument(type, builder.getUnknownLoc());
    if (llvm::Error problem = format->second.check(type)) {
      badFormat(name, std::move(problem));
      return {};
    }
    Value memory = block.addArgument(format->second.memoryType(type), builder.getUnknownLoc());
    Location location = NameLoc::get(builder.getStringAttr("input " + name));
    Value value = format->second.convert(builder, location, memory, type);
    if (value != memory)
      nn::setOrigin(value, {name, {}});
    return value;
  }

  std::optional<SmallVector<int64_t>> shapeOf(const OnnxValueInfo &input) {
    if (!input.hasShape) {
      graph.error("input '" + input.name + "' has no shape in the model",
                  "give one with --shape " + input.name + "=N,N,..., or fix its value with --bind " + input.name +
                      "=VALUE");
      return std::nullopt;
    }
    SmallVector<int64_t> shape;
    SmallVector<std::string> unknown;
    for (auto [i, dim] : llvm::enumerate(input.dims)) {
      auto size = sizes.find(dim.key);
      if (dim.key.empty())
        shape.push_back(dim.size);
      else if (size != sizes.end())
        shape.push_back(size->second);
      else if (!llvm::is_contained(unknown, dim.key))
        unknown.push_back(dim.key);
      if (dim.key.empty() && dim.size < 0) {
        graph.error("input '" + input.name + "': dim " + Twine(i) + " is " + Twine(dim.size));
        return std::nullopt;
      }
    }
    if (!unknown.empty()) {
      std::string list =
          unknown.size() == 1 ? unknown[0] : llvm::join(ArrayRef(unknown).drop_back(), ", ") + " and " + unknown.back();
      graph.error("input '" + input.name + "' has the shape " + describeDims(input.dims) + ": the size of " + list +
                      " is not known",
                  "give sizes with --dim " + llvm::join(unknown, "=N --dim ") + "=N");
      return std::nullopt;
    }
    if (auto problem = checkShape(shape)) {
      graph.error("input '" + input.name + "': " + *problem);
      return std::nullopt;
    }
    return shape;
  }

  /// Returns the graph's outputs and checks what the file says about them.
  bool makeOutputs() {
    SmallVector<Value> results;
    SmallVector<std::string> outputNames;
    for (const auto &proto : model.graph().output()) {
      if (GraphImporter::findSequence(scope, proto.name())) {
        graph.error("output '" + Twine(proto.name()) + "' is a sequence, only tensors are supported",
                    "make its tensors outputs of the graph, or join them by ConcatFromSequence");
        continue;
      }
      Value value = graph.lookup(scope, proto.name());
      auto type = cast<RankedTensorType>(value.getType());
      OnnxValueInfo declared = describe(proto);
      Type element = elementTypeOf(proto.type().tensor_type().elem_type(), builder.getContext());
      if (element && element != type.getElementType())
        graph.error("output '" + declared.name + "' is declared as " + nameOf(element) + ", the graph computes " +
                    nameOf(type.getElementType()));
      bool fits = !declared.hasShape || (int64_t)declared.dims.size() == type.getRank();
      for (size_t i = 0; declared.hasShape && fits && i < declared.dims.size(); ++i)
        fits &=
            !declared.dims[i].key.empty() || declared.dims[i].size <= 0 || declared.dims[i].size == type.getDimSize(i);
      if (!fits)
        graph.warning("output '" + declared.name + "' is declared as " + describeDims(declared.dims) +
                          ", the graph computes " + describeShape(type.getShape()),
                      "the library has the computed shape");
      results.push_back(inMemory(proto.name(), value));
      outputNames.push_back(proto.name());
    }
    func::ReturnOp::create(builder, builder.getUnknownLoc(), results);
    main.setType(builder.getFunctionType(main.getBody().getArgumentTypes(), ValueRange(results).getTypes()));
    for (auto [i, name] : llvm::enumerate(inputNames))
      main.setArgAttr(i, nn::kNameAttr, builder.getStringAttr(name));
    for (auto [i, name] : llvm::enumerate(outputNames))
      main.setResultAttr(i, nn::kNameAttr, builder.getStringAttr(name));
    return !graph.hasErrors();
  }

  /// An output as --output-layout wants it to lie in memory.
  Value inMemory(const std::string &name, Value value) {
    auto layout = options.outputLayouts.find(name);
    if (layout == options.outputLayouts.end())
      return value;
    auto type = cast<RankedTensorType>(value.getType());
    if (type.getRank() != 4) {
      graph.error("--output-layout " + Twine(name) + "=" + layout->second + ": the output is " +
                  describeShape(type.getShape()) + ", layouts are for 4 dims");
      return value;
    }
    SmallVector<int64_t> perm =
        layout->second == "nhwc" ? SmallVector<int64_t>{0, 2, 3, 1} : SmallVector<int64_t>{0, 3, 1, 2};
    Value transposed = nn::TransposeOp::create(builder, builder.getUnknownLoc(), value, perm);
    nn::setOrigin(transposed, {name, perm});
    return transposed;
  }

  /// Erases what was only needed to find shapes.
  void dropUnused() {
    for (Operation &op : llvm::make_early_inc_range(llvm::reverse(main.getBody().front())))
      if (isOpTriviallyDead(&op))
        op.erase();
  }

  onnx::ModelProto &model;
  const ImportOptions &options;
  OpBuilder builder;
  GraphImporter graph;
  Scope scope;
  func::FuncOp main;
  std::vector<OnnxValueInfo> inputs;
  std::map<std::string, int64_t> sizes;
  std::map<std::string, InputFormat> formats;
  std::vector<std::string> inputNames;
};

/// Counts operators and bytes of weights, subgraphs included.
void describeGraph(const onnx::GraphProto &graph, OnnxModelInfo &info) {
  for (const onnx::TensorProto &weight : graph.initializer())
    info.weightBytes += weight.ByteSizeLong();
  for (const onnx::NodeProto &node : graph.node()) {
    bool isOwn = node.domain().empty() || node.domain() == "ai.onnx";
    ++info.ops[isOwn ? node.op_type() : node.domain() + "." + node.op_type()];
    ++info.nodes;
    for (const onnx::AttributeProto &attribute : node.attribute())
      if (attribute.has_g())
        describeGraph(attribute.g(), info);
  }
}

} // namespace

std::optional<std::pair<std::string, std::vector<int64_t>>> ImportOptions::parseShape(StringRef text) {
  auto [input, sizes] = text.rsplit('=');
  if (input.empty() || input.size() == text.size())
    return std::nullopt;
  std::vector<int64_t> shape;
  SmallVector<StringRef> words;
  if (sizes.consume_front("[") && !sizes.consume_back("]"))
    return std::nullopt;
  if (!sizes.trim().empty())
    sizes.split(words, ',');
  for (StringRef word : words)
    if (word.trim().getAsInteger(10, shape.emplace_back()) || shape.back() < 1)
      return std::nullopt;
  return std::pair(input.str(), std::move(shape));
}

FailureOr<OwningOpRef<ModuleOp>> importOnnx(StringRef path, const ImportOptions &options, MLIRContext &context) {
  context.loadDialect<func::FuncDialect, nn::NNDialect>();
  auto model = readModel(path.str(), options, FileLineColLoc::get(&context, path, 0, 0));
  if (!model)
    return failure();
  return Importer(*model, path, options, context).run();
}

FailureOr<OnnxModelInfo> readOnnxModelInfo(StringRef path, const ImportOptions &options, MLIRContext &context) {
  auto model = readModel(path.str(), options, FileLineColLoc::get(&context, path, 0, 0));
  if (!model)
    return failure();
  OnnxModelInfo info;
  info.producer = model->producer_name();
  info.irVersion = model->ir_version();
  for (const auto &opset : model->opset_import())
    info.opsets[opset.domain() == "ai.onnx" ? "" : opset.domain()] = opset.version();
  info.inputs = realInputs(model->graph());
  for (const auto &output : model->graph().output())
    info.outputs.push_back(describe(output));
  info.deciding = decidingInputs(model->graph());
  describeGraph(model->graph(), info);
  return info;
}

} // namespace nncc
