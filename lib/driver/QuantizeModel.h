// Quantizing as a part of several commands: `nncc quantize` writes the model, `--quantize` of others goes on with it.
#ifndef NNCC_LIB_DRIVER_QUANTIZEMODEL_H
#define NNCC_LIB_DRIVER_QUANTIZEMODEL_H
#include "lib/driver/CommandLine.h"
#include "lib/quantize/Quantize.h"

namespace nncc {

/// The values of an option that names a recipe.
llvm::cl::ValuesClass recipeValues(llvm::StringRef option);

/// Puts an option into `quantize` and every command that has --quantize.
struct OfQuantizing {
  template <typename Option> void apply(Option &option) const {
    option.addCategory(quantizingGroup());
    option.addCategory(quantizeCategory());
    applyToOthers(option);
  }
  template <typename Option> static void applyToOthers(Option &option) {
    for (llvm::cl::OptionCategory *category :
         {&compileCategory(), &runCategory(), &benchCategory(), &validateCategory()})
      option.addCategory(*category);
  }
};

/// What --ranges, --keep, --min-cosine, --min-sqnr, --stats and --data say.
///
/// forSize  --optimize=size
/// error  options that do not go together, files that hold no statistics: printed, nothing is returned
std::optional<quantize::QuantizeOptions> quantizeOptions(quantize::Recipe recipe, bool forSize);

/// What samples are that a model is quantized by.
enum class SampleForm {
  OfModel, ///< what the model takes, whatever the program's memory holds
  OfInput, ///< what --input says, where it says something
};

/// A model file that is quantized. Trials run on this machine, compiled as `nncc run --cpu=x86-64-v3` would, whatever
/// the model is quantized for: the same samples give the same model.
class FileQuantizer {
public:
  /// options         model, dims, shapes and bindings; onFile hears of all files that are read
  /// data            the samples; may be empty
  /// isCompiledNext  warnings of the file are left to whoever compiles what becomes of it
  FileQuantizer(const CompileOptions &options, std::string data, SampleForm form, bool isCompiledNext = false);

  /// Without a value the mistake was printed, and exitStatus() is that of the command.
  std::optional<quantize::QuantizeResult> quantize(const quantize::QuantizeOptions &choices);
  std::optional<quantize::Statistics> gatherStatistics(const quantize::QuantizeOptions &choices);
  int exitStatus() const { return status; }

private:
  std::unique_ptr<onnx::ModelProto> read();
  void dropFormats();

  CompileOptions options;
  std::map<std::string, std::string> formats; ///< of samples, by input
  std::string data;
  bool isCompiledNext;
  int status = 1;
};

/// Reads --keep of commands that do not quantize: nodes that stay f32 beside floats of 16 bits.
///
/// returns  the exit status: not 0 where there are none, or a pattern is none, which was printed
int keepIfAsked(CompileOptions &options);

/// Puts the quantized model into the place of the file where --quantize is given, and says in a line what it is.
///
/// hasOwnData  --data has a meaning for the command without --quantize
/// returns     the exit status: not 0 where the model cannot be quantized, which was printed
int quantizeIfAsked(CompileOptions &options, bool hasOwnData = false);

} // namespace nncc
#endif
