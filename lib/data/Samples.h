// The samples of a data set, one after another, for what runs a model on many of them. Files are read as they are
// needed, so that a set of any size costs the memory of one sample.
#ifndef NNCC_LIB_DATA_SAMPLES_H
#define NNCC_LIB_DATA_SAMPLES_H
#include "lib/data/ArrayFile.h"

namespace nncc {

/// An input or output of a model, as its samples are looked for.
struct SamplePort {
  std::string name;       ///< in the ONNX file
  std::string identifier; ///< the C identifier made of it, by which an array may be called as well; may be empty
  std::string type;       ///< as NpyArray::type
  /// Of one sample. -1: left open, for sampleShapes() alone.
  std::vector<int64_t> shape;
  /// Its number among the inputs, or the outputs, of the file: input_N.pb.
  unsigned index = 0;
};

enum class SampleKind { Inputs, Outputs };

/// A data set, which is one of
///
///     set.npz                        an array for each input, by the input's name
///     x.npy                          the array of the only input
///     DIR/NAME.npy ...               an array for each input
///     image.png                      the image of the only input, [1, height, width, channels]
///     DIR/*.npy, DIR/*.npz, *.png    files of samples, in the order of their names, numbers by their value
///     DIR/input_0.pb, output_0.pb    a sample as ONNX's test data has it
///     DIR/test_data_set_0, ...       a folder of those for each sample
///
/// An array has the samples in its first dim: [N, ...] for an input of [...] or [1, ...], [N * B, ...] for one of
/// [B, ...]. One of exactly the input's shape, or without its first dim of 1, is one sample, and stands for every
/// sample where other inputs have more.
class Samples {
public:
  /// Finds the arrays of the ports, and checks their types and shapes. Nothing else of them is read.
  ///
  /// error  no data set, no array for a port, another type or shape, inputs with unequal numbers of samples, no samples
  static llvm::Expected<Samples> open(llvm::StringRef path, llvm::ArrayRef<SamplePort> ports,
                                      SampleKind kind = SampleKind::Inputs);

  /// The files that hold them.
  std::vector<std::string> files() const;

  /// How many there are, at least one.
  uint64_t count() const { return total; }

  /// Reads the next sample.
  ///
  /// values   [ports] the bytes of each, row-major and little-endian
  /// returns  false behind the last one
  /// error    a file that is damaged or that changed since it was opened
  llvm::Expected<bool> next(std::vector<std::vector<char>> &values);

  /// Begins with the first sample again.
  void rewind();

private:
  /// Files that hold samples together: one file, or the folder of NAME.npy or input_N.pb.
  struct Part {
    std::vector<std::string> files;
    uint64_t samples;
  };
  /// What a part has for a port.
  struct Column {
    StoredArray array;
    uint64_t samples;
    std::unique_ptr<ByteStream> stream; ///< none before the first sample
    std::vector<char> whole;            ///< the bytes of one that stands for every sample, once they are read
  };

  llvm::Expected<std::vector<Column>> openPart(const Part &part, uint64_t &samples) const;

  std::string path;
  std::vector<SamplePort> ports;
  SampleKind kind = SampleKind::Inputs;
  std::vector<Part> parts;
  uint64_t total = 0;

  // Where reading is.
  size_t part = 0;
  uint64_t sample = 0; ///< within the part
  std::vector<Column> columns;
};

/// Whether a folder is ONNX's test data with right outputs: it has an output_0.pb, or folders test_data_set_N with one.
bool holdsTestOutputs(llvm::StringRef path);

/// The shape of one sample for each port, from the first file of a set: what the dims are that a model leaves open. The
/// first dim of an array counts samples; where a model's first dim is open it is 1.
///
/// ports  shapes with -1 for open dims
/// error  as of Samples::open(), but for types and for dims that are not open: those are not looked at
llvm::Expected<std::vector<std::vector<int64_t>>> sampleShapes(llvm::StringRef path, llvm::ArrayRef<SamplePort> ports,
                                                               SampleKind kind = SampleKind::Inputs);

} // namespace nncc
#endif
