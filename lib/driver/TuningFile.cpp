// See TuningFile.h.
#include "lib/driver/TuningFile.h"
#include "dialects/nn/KernelForms.h"
#include "lib/support/Json.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/MemoryBuffer.h"
#include <cmath>
#include <set>

using namespace llvm;

namespace nncc {

namespace {

/// Reads one document; every problem names the place where it is.
class Reader {
public:
  explicit Reader(StringRef path) : path(path) {}

  Expected<std::vector<TuningEntry>> read(const json::Value &document) {
    const json::Object *top = document.getAsObject();
    if (!top || top->getString("schema") != StringRef("nncc-tuning"))
      return problem("it is no object with the schema nncc-tuning");
    if (top->getInteger("version") != 1)
      return problem("its version is not 1, the one that this nncc reads");
    for (auto &[key, value] : *top)
      if (!is_contained({"schema", "version", "measured", "kernels"}, StringRef(key)))
        return problem("it has '" + StringRef(key) + "', which is nothing of a tuning file");
    if (const json::Value *measured = top->get("measured"); measured && !isCounts(measured->getAsObject()))
      return problem("measured is no pair of integers 'kernels' and 'candidates'");
    const json::Array *kernels = top->getArray("kernels");
    if (!kernels)
      return problem("it has no list 'kernels'");
    std::vector<TuningEntry> entries;
    std::set<std::pair<std::string, std::string>> known;
    for (auto [index, value] : enumerate(*kernels)) {
      auto entry = readEntry(value, index);
      if (!entry)
        return entry.takeError();
      if (!known.insert({entry->cpu, entry->kernel}).second)
        return problem("kernels[" + Twine(index) + "] speaks of a kernel that has been there: " + entry->kernel);
      entries.push_back(std::move(*entry));
    }
    return entries;
  }

  Error problem(const Twine &what) {
    return createStringError("'" + path + "' is no tuning file: " + what +
                             "\nnote: `nncc tune MODEL.onnx -o FILE.json` writes one");
  }

private:
  StringRef path;

  static bool isCounts(const json::Object *measured) {
    return measured && measured->size() == 2 && measured->getInteger("kernels") && measured->getInteger("candidates");
  }

  Expected<TuningEntry> readEntry(const json::Value &value, size_t index) {
    std::string at = ("kernels[" + Twine(index) + "]").str();
    const json::Object *object = value.getAsObject();
    auto cpu = object ? object->getString("cpu") : std::nullopt;
    auto kernel = object ? object->getString("kernel") : std::nullopt;
    auto form = object ? object->getString("form") : std::nullopt;
    if (!cpu || !kernel || !form)
      return problem(at + " has no text 'cpu', 'kernel' and 'form'");
    TuningEntry entry{cpu->str(), kernel->str(), {}};
    entry.tuning.form = form->str();
    bool isDirect = *form == cpu::Tuning::direct;
    if (!isDirect && *form != cpu::Tuning::winograd)
      return problem(at + ".form is '" + *form + "', not direct or winograd");
    auto numbers = entry.tuning.numbers();
    for (auto &[key, item] : *object) {
      StringRef name = key;
      if (name == "cpu" || name == "kernel" || name == "form")
        continue;
      if (name == "us" || name == "us_default") {
        if (!item.getAsNumber())
          return problem(at + "." + name + " is no number");
        continue;
      }
      size_t number = find(cpu::Tuning::numberNames, name) - std::begin(cpu::Tuning::numberNames);
      if (number == numbers.size())
        return problem(at + " has '" + name + "', which is nothing that is tuned");
      bool isOfDirect = number < cpu::Tuning::numbersOfDirect;
      if (isOfDirect != isDirect)
        return problem(at + "." + name + " is no number of the form " + *form);
      auto read = item.getAsInteger();
      if (!read || *read < 0 || *read > INT32_MAX)
        return problem(at + "." + name + " is no integer from 0 to 2147483647");
      *numbers[number] = *read;
    }
    return entry;
  }
};

} // namespace

Expected<std::vector<TuningEntry>> readTuning(StringRef path) {
  auto file = MemoryBuffer::getFile(path, /*IsText=*/false, /*RequiresNullTerminator=*/false);
  if (!file)
    return createStringError("cannot read '" + path + "': " + file.getError().message());
  Reader reader(path);
  auto document = parseJson((*file)->getBuffer());
  if (!document)
    return reader.problem(toString(document.takeError()));
  return reader.read(*document);
}

json::Object tuningJson(ArrayRef<TuningEntry> entries, size_t kernels, size_t candidates) {
  json::Array list;
  auto rounded = [](double us) { return std::round(us * 100) / 100; };
  for (TuningEntry entry : entries) {
    json::Object object{{"cpu", entry.cpu},
                        {"kernel", entry.kernel},
                        {"form", entry.tuning.form},
                        {"us", rounded(entry.us)},
                        {"us_default", rounded(entry.usDefault)}};
    for (auto [name, number] : zip(cpu::Tuning::numberNames, entry.tuning.numbers()))
      if (*number)
        object[name] = **number;
    list.push_back(std::move(object));
  }
  return json::Object{{"schema", "nncc-tuning"},
                      {"version", 1},
                      {"measured", json::Object{{"kernels", int64_t(kernels)}, {"candidates", int64_t(candidates)}}},
                      {"kernels", std::move(list)}};
}

void attachTuning(mlir::ModuleOp module, ArrayRef<TuningEntry> entries, StringRef cpu) {
  mlir::Builder b(module.getContext());
  SmallVector<mlir::Attribute> ofCpu;
  SetVector<StringRef> cpus;
  for (const TuningEntry &entry : entries) {
    cpus.insert(entry.cpu);
    if (entry.cpu != cpu)
      continue;
    mlir::NamedAttrList attrs(entry.tuning.getAttr(module.getContext()));
    attrs.set("kernel", b.getStringAttr(entry.kernel));
    ofCpu.push_back(attrs.getDictionary(module.getContext()));
  }
  if (!ofCpu.empty())
    module->setAttr(nn::kTuningAttr, b.getArrayAttr(ofCpu));
  else if (!cpus.empty())
    mlir::emitWarning(module.getLoc()) << "the tuning file is for " << join(cpus, ", ") << ", not for " << cpu;
}

} // namespace nncc
