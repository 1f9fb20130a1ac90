// The software bill of materials of a generated library: M.cdx.json, for those who ship it.
#include "codegen/emit/BillOfMaterials.h"
#include "codegen/emit/Manifest.h"
#include "llvm/Config/llvm-config.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/raw_ostream.h"

using namespace llvm;
using namespace nncc;

namespace {
constexpr StringLiteral kLibrary = "library", kRuntime = "nncc-runtime";
/// Of nncc and of LLVM.
constexpr StringLiteral kLicense = "Apache-2.0 WITH LLVM-exception";

class Writer {
public:
  Writer(const ModelPlan &plan, raw_ostream &os) : plan(plan), json(os, /*IndentSize=*/1) {}

  void write(ArrayRef<FileDigest> sources, ArrayRef<FileDigest> outputs) {
    json.object([&] {
      json.attribute("bomFormat", "CycloneDX");
      json.attribute("specVersion", "1.6");
      json.attribute("version", 1);
      json.attributeObject("metadata", [&] {
        json.attributeObject("tools", [&] {
          json.attributeArray("components", [&] {
            writeSoftware("application", "nncc", NNCC_VERSION);
            writeSoftware("application", "LLVM", LLVM_VERSION_STRING);
          });
        });
        json.attributeObject("component", [&] { writeProduct(outputs); });
      });
      json.attributeArray("components", [&] {
        for (auto [number, source] : enumerate(sources))
          writeFile(source, number ? "file" : "machine-learning-model", refOf(number));
        writeSoftware("library", kRuntime, NNCC_VERSION, kRuntime);
      });
      json.attributeArray("dependencies", [&] {
        json.object([&] {
          json.attribute("ref", kLibrary);
          json.attributeArray("dependsOn", [&] {
            for (size_t number = 0; number < sources.size(); ++number)
              json.value(refOf(number));
            json.value(kRuntime);
          });
        });
      });
    });
  }

private:
  const ModelPlan &plan;
  json::OStream json;

  static std::string refOf(size_t source) { return source ? "model-file-" + std::to_string(source) : "model"; }

  void writeName(StringRef type, StringRef name, StringRef ref) {
    json.attribute("type", type);
    if (!ref.empty())
      json.attribute("bom-ref", ref);
    json.attribute("name", json::fixUTF8(name));
  }

  void writeSoftware(StringRef type, StringRef name, StringRef version, StringRef ref = {}) {
    json.object([&] {
      writeName(type, name, ref);
      json.attribute("version", version);
      json.attributeArray("licenses", [&] { json.object([&] { json.attribute("expression", kLicense); }); });
    });
  }

  void writeHash(const FileDigest &file) {
    json.attributeArray("hashes", [&] {
      json.object([&] {
        json.attribute("alg", "SHA-256");
        json.attribute("content", file.sha256);
      });
    });
  }

  void writeFile(const FileDigest &file, StringRef type, StringRef ref = {}) {
    json.object([&] {
      writeName(type, file.name, ref);
      writeHash(file);
    });
  }

  /// What is shipped: the library, whose hash is its own, and the files beside it.
  void writeProduct(ArrayRef<FileDigest> outputs) {
    writeName("library", plan.name, kLibrary);
    const std::string library = libraryFileName(plan);
    for (const FileDigest &file : outputs)
      if (file.name == library)
        writeHash(file);
    json.attributeArray("properties", [&] {
      auto property = [&](StringRef name, StringRef value) {
        json.object([&] {
          json.attribute("name", name);
          json.attribute("value", json::fixUTF8(value));
        });
      };
      property("nncc:target", plan.target);
      property("nncc:cpu", plan.cpu);
      if (!plan.gpu.empty())
        property("nncc:gpu", plan.gpu);
    });
    json.attributeArray("components", [&] {
      for (const FileDigest &file : outputs)
        writeFile(file, "file");
    });
  }
};
} // namespace

std::string nncc::billOfMaterialsFileName(const ModelPlan &plan) { return plan.name + ".cdx.json"; }

void nncc::writeBillOfMaterials(const ModelPlan &plan, ArrayRef<FileDigest> sources, ArrayRef<FileDigest> outputs,
                                raw_ostream &os) {
  Writer(plan, os).write(sources, outputs);
  os << '\n';
}
