// See Onnxruntime.h.
#include "lib/driver/Onnxruntime.h"
#include "lib/driver/BuildAndLoad.h"
#include "lib/driver/Dump.h"
#include "lib/import/onnx/CutModel.h"
#include "lib/import/onnx/InputFormat.h"
#include "mlir/IR/MLIRContext.h"
#include "onnx/onnx_pb.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Program.h"

using namespace llvm;

namespace nncc {

std::string besideProgram(StringRef relative) {
  std::string self = sys::fs::getMainExecutable(nullptr, (void *)&besideProgram);
  SmallString<128> path(sys::path::parent_path(sys::path::parent_path(self)));
  sys::path::append(path, relative);
  return std::string(path);
}

Expected<std::string> findPython(StringRef asked) {
  if (!asked.empty())
    return asked.str();
  std::string ofTests = besideProgram("../.cache/venv/bin/python3");
  if (sys::fs::can_execute(ofTests))
    return ofTests;
  if (auto found = sys::findProgramByName("python3"))
    return *found;
  return createStringError("onnxruntime needs python3 in PATH, or --python=PATH");
}

/// Writes the part of a model that is compiled into a folder. Returns its path.
static Expected<std::string> writePart(StringRef model, const ImportOptions &import, const TemporaryFolder &folder) {
  mlir::MLIRContext context;
  ImportOptions ofFile = import;
  ofFile.model = nullptr; // what is compiled may be made of the file
  auto part = import::readModel(model.str(), ofFile, mlir::FileLineColLoc::get(&context, model, 0, 0));
  if (!part)
    return createStringError("'" + model + "' cannot be read any more");
  return folder.write("part.onnx", part->SerializeAsString());
}

Expected<OnnxruntimeCommand> onnxruntimeCommand(StringRef python, StringRef model, const ImportOptions &import) {
  if (Error error = requireOnnx(model, "onnxruntime"))
    return std::move(error);
  auto interpreter = findPython(python);
  if (!interpreter)
    return interpreter.takeError();
  OnnxruntimeCommand command;
  std::vector<std::string> &words = command.words;
  words = {*interpreter, besideProgram("share/nncc/onnxruntime_reference.py"), model.str()};
  if (!import.begin.empty() || !import.end.empty()) {
    auto folder = TemporaryFolder::create("nncc-part");
    auto part = folder ? writePart(model, import, *folder) : Expected<std::string>(folder.takeError());
    if (!part)
      return part.takeError();
    words.insert(words.end(), {"--part", *part});
    command.folder.emplace(std::move(*folder));
  }
  if (!import.inputFormats.empty())
    words.push_back("--cast");
  for (auto &[name, value] : import.binds) {
    words.push_back("--bind");
    words.push_back(name + "=" + value);
  }
  return command;
}

NpyArray modelInput(const PortPlan &port, ArrayRef<char> bytes, const ImportOptions &import) {
  if (port.format.empty())
    return {typeName(port.elementType), port.shape, bytes.vec()};
  InputFormat format = cantFail(InputFormat::parse(import.inputFormats.at(port.name)));
  NpyArray array{"f32", format.modelShape(port.shape), {}};
  std::vector<float> values = format.convert(bytes, array.shape);
  auto *begin = reinterpret_cast<const char *>(values.data());
  array.data.assign(begin, begin + values.size() * sizeof(float));
  return array;
}

} // namespace nncc
