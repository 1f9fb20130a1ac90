// See Samples.h.
#include "lib/data/Samples.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include <optional>

using namespace llvm;

namespace nncc {

namespace {

using Files = std::vector<std::string>;

const char *nameOf(SampleKind kind) { return kind == SampleKind::Inputs ? "input" : "output"; }

/// What lies in a folder, numbers within names by their value. error: it cannot be read
Expected<Files> listFolder(StringRef folder) {
  Files files;
  std::error_code code;
  for (sys::fs::directory_iterator entry(folder, code), end; !code && entry != end; entry.increment(code))
    files.push_back(entry->path());
  if (code)
    return createStringError("'" + folder + "' cannot be read: " + code.message());
  llvm::sort(files, [](StringRef a, StringRef b) {
    int order = a.compare_numeric(b);
    return order ? order < 0 : a < b;
  });
  return files;
}

Files withExtension(const Files &files, StringRef extension) {
  Files found;
  llvm::copy_if(files, std::back_inserter(found), [&](StringRef file) { return hasExtension(file, extension); });
  return found;
}

/// The input_N.pb, or output_N.pb, among files.
Files tensorsOf(const Files &files, SampleKind kind) {
  Files found;
  llvm::copy_if(withExtension(files, ".pb"), std::back_inserter(found),
                [&](StringRef file) { return sys::path::filename(file).starts_with(std::string(nameOf(kind)) + "_"); });
  return found;
}

bool isNamedAs(StringRef name, const SamplePort &port) {
  return name == port.name || (!port.identifier.empty() && name == port.identifier);
}

/// The files of each part of a set.
Expected<std::vector<Files>> findParts(StringRef path, ArrayRef<SamplePort> ports, SampleKind kind) {
  if (!sys::fs::exists(path))
    return createStringError("'" + path + "' does not exist");
  if (!sys::fs::is_directory(path)) {
    if (!isArrayFile(path))
      return createStringError(
          "'" + path +
          "' is no data set\nnote: sets are .npz, .npy and .png files, folders of them, and folders "
          "test_data_set_N with input_0.pb, ...");
    return std::vector<Files>{{path.str()}};
  }
  auto files = listFolder(path);
  if (!files)
    return files.takeError();
  if (Files tensors = tensorsOf(*files, kind); !tensors.empty())
    return std::vector<Files>{std::move(tensors)};

  std::vector<Files> parts;
  for (const std::string &file : *files)
    if (sys::path::filename(file).starts_with("test_data_set_") && sys::fs::is_directory(file)) {
      auto inside = listFolder(file);
      if (!inside)
        return inside.takeError();
      parts.push_back(tensorsOf(*inside, kind));
      if (parts.back().empty())
        return createStringError("'" + file + "' has no " + nameOf(kind) + "_0.pb");
    }
  if (!parts.empty())
    return parts;

  Files arrays = withExtension(*files, ".npy");
  auto isWritten = [&](const SamplePort &port) {
    return any_of(arrays, [&](StringRef file) { return isNamedAs(sys::path::stem(file), port); });
  };
  bool isNumbered = kind == SampleKind::Outputs &&
                    any_of(*files, [](StringRef file) { return sys::path::filename(file) == "outputs.json"; });
  if (!arrays.empty() && (isNumbered || all_of(ports, isWritten)))
    return std::vector<Files>{std::move(arrays)};
  for (StringRef extension : {".npz", ".png"})
    if (arrays.empty())
      arrays = withExtension(*files, extension);
  if (arrays.empty())
    return createStringError("the folder '" + path + "' has no samples of the " + nameOf(kind) +
                             "s\nnote: it may have .npz, .npy or .png files, or folders test_data_set_N with " +
                             nameOf(kind) + "_0.pb, ...");
  for (std::string &file : arrays)
    parts.push_back({std::move(file)});
  return parts;
}

Expected<std::vector<StoredArray>> readArrays(ArrayRef<std::string> files) {
  std::vector<StoredArray> arrays;
  for (const std::string &file : files) {
    auto inside = readArrayFile(file);
    if (!inside)
      return inside.takeError();
    llvm::move(*inside, std::back_inserter(arrays));
  }
  return arrays;
}

/// The array of a port among those of a part.
///
/// position  of the port among those that are looked for
const StoredArray *findArray(ArrayRef<StoredArray> arrays, ArrayRef<SamplePort> ports, size_t position,
                             SampleKind kind) {
  const SamplePort &port = ports[position];
  auto find = [&](function_ref<bool(const StoredArray &)> is) {
    const StoredArray *found = find_if(arrays, is);
    return found == arrays.end() ? nullptr : found;
  };
  if (auto *found = find([&](const StoredArray &array) { return isNamedAs(array.name, port); }))
    return found;
  // numpy.savez() names what it is given without a name; files of ONNX's test data and of `nncc run` are numbered.
  std::string byPosition = "arr_" + std::to_string(position), byIndex = std::to_string(port.index);
  if (auto *found = find([&](const StoredArray &array) {
        StringRef file = array.file;
        return array.name == byPosition || (file.consume_front(nameOf(kind)) && file == "_" + byIndex) ||
               (kind == SampleKind::Outputs && array.name == array.file && array.file == byIndex);
      }))
    return found;
  return ports.size() == 1 && arrays.size() == 1 ? arrays.begin() : nullptr;
}

Error noArray(StringRef path, ArrayRef<StoredArray> arrays, const SamplePort &port, SampleKind kind) {
  std::string names;
  for (const StoredArray &array : arrays.take_front(8))
    names += (names.empty() ? "" : ", ") + array.describe();
  if (arrays.size() > 8)
    names += ", ... (" + std::to_string(arrays.size()) + ")";
  StringRef name = port.identifier.empty() ? port.name : port.identifier;
  return createStringError("'" + path + "' has no array for " + nameOf(kind) + " '" + port.name + "'\nnote: it has " +
                           names + "\nnote: arrays are called as the " + nameOf(kind) + "s, for example numpy.savez(" +
                           "'set.npz', " + name + "=...)");
}

std::string describe(const SamplePort &port) {
  return StoredArray{port.name, "", port.type, port.shape, {}}.describe();
}

/// Whether an array has the channels of a port behind its pixels.
bool isOfImages(const StoredArray &array, const SamplePort &port) {
  ArrayRef<int64_t> has(array.shape), wanted(port.shape);
  return has.size() > 2 && wanted.size() == 4 && has.back() == wanted[1] &&
         has.drop_back().take_back(2) == wanted.take_back(2);
}

/// How many samples an array has for a port.
///
/// error  the elements are of another type, or the shape is that of no number of samples
Expected<uint64_t> countSamples(const StoredArray &array, const SamplePort &port, SampleKind kind) {
  std::string both = array.describe() + ", " + nameOf(kind) + " " + describe(port);
  if (array.type != port.type) {
    std::string name = numpyTypeName(port.type);
    return createStringError("the array is " + both +
                             (name.empty() ? "" : "\nnote: convert it with array.astype(numpy." + name + ")") +
                             (array.type == "ui8" && port.type == "f32" && kind == SampleKind::Inputs
                                  ? "\nnote: or let nncc convert it: --input " + port.name + "=u8," +
                                        (isOfImages(array, port) ? "nhwc" : "nchw") +
                                        "; samples of --quantize are converted by quantize and validate alone"
                                  : ""));
  }
  ArrayRef<int64_t> has(array.shape), wanted(port.shape);
  if (has == wanted || (!wanted.empty() && wanted[0] == 1 && has == wanted.drop_front()))
    return 1;
  if (has.size() == wanted.size() + 1 && has.drop_front() == wanted)
    return has[0];
  if (!wanted.empty() && has.size() == wanted.size() && has.drop_front() == wanted.drop_front() && wanted[0] > 0 &&
      has[0] % wanted[0] == 0)
    return has[0] / wanted[0];
  return createStringError("the array is " + both + ": that is no number of samples\nnote: samples lie one behind " +
                           "another in the first dim, in front of the " + nameOf(kind) +
                           "'s shape or within its first " + "dim");
}

Error inFile(StringRef file, Error error) { return createStringError("'" + file + "': " + toString(std::move(error))); }

uint64_t bytesOfSample(const SamplePort &port) {
  uint64_t bytes = bytesOfType(port.type);
  for (int64_t dim : port.shape)
    bytes *= dim;
  return bytes;
}

} // namespace

Expected<std::vector<Samples::Column>> Samples::openPart(const Part &part, uint64_t &samples) const {
  auto arrays = readArrays(part.files);
  if (!arrays)
    return arrays.takeError();
  StringRef name = part.files.size() == 1 ? StringRef(part.files[0]) : StringRef(path);
  std::vector<Column> columns;
  const Column *longest = nullptr;
  for (size_t i = 0; i < ports.size(); ++i) {
    const StoredArray *array = findArray(*arrays, ports, i, kind);
    if (!array)
      return noArray(name, *arrays, ports[i], kind);
    auto count = countSamples(*array, ports[i], kind);
    if (!count)
      return inFile(name, count.takeError());
    columns.push_back({*array, *count, nullptr, {}});
  }
  for (const Column &column : columns)
    if (column.samples != 1) {
      if (longest && longest->samples != column.samples)
        return inFile(
            name, createStringError("the arrays have unequal numbers of samples: " + std::to_string(longest->samples) +
                                    " in " + longest->array.describe() + ", " + std::to_string(column.samples) +
                                    " in " + column.array.describe()));
      longest = &column;
    }
  samples = longest ? longest->samples : 1;
  return columns;
}

Expected<Samples> Samples::open(StringRef path, ArrayRef<SamplePort> ports, SampleKind kind) {
  Samples set;
  set.path = path.str();
  set.ports = ports.vec();
  set.kind = kind;
  auto parts = findParts(path, ports, kind);
  if (!parts)
    return parts.takeError();
  for (Files &files : *parts) {
    Part part{std::move(files), 0};
    auto columns = set.openPart(part, part.samples);
    if (!columns)
      return columns.takeError();
    set.total += part.samples;
    set.parts.push_back(std::move(part));
  }
  if (!set.total)
    return createStringError("'" + path + "' has no samples");
  return set;
}

Expected<bool> Samples::next(std::vector<std::vector<char>> &values) {
  while (part < parts.size() && sample == parts[part].samples) {
    columns.clear();
    ++part, sample = 0;
  }
  if (part == parts.size())
    return false;
  if (columns.empty()) {
    uint64_t samples = 0;
    auto opened = openPart(parts[part], samples);
    if (!opened)
      return opened.takeError();
    if (samples != parts[part].samples)
      return createStringError("'" + path + "' changed while it was read");
    columns = std::move(*opened);
  }
  values.resize(ports.size());
  for (auto [port, column, bytes] : zip(ports, columns, values)) {
    bool isFirst = !column.stream;
    if (isFirst) {
      auto stream = column.array.read();
      if (!stream)
        return inFile(path, stream.takeError());
      column.stream = std::move(*stream);
    }
    if (!isFirst && column.samples == 1) {
      bytes = column.whole;
      continue;
    }
    bytes.resize(bytesOfSample(port));
    if (Error error = column.stream->read(bytes))
      return inFile(path, std::move(error));
    if (column.samples == 1)
      column.whole = bytes;
  }
  // With the last sample, not behind it: nobody has to ask for more than there are.
  if (++sample == parts[part].samples)
    for (Column &column : columns)
      if (Error error = column.stream->finish())
        return inFile(path, std::move(error));
  return true;
}

std::vector<std::string> Samples::files() const {
  std::vector<std::string> all;
  for (const Part &part : parts)
    all.insert(all.end(), part.files.begin(), part.files.end());
  return all;
}

void Samples::rewind() {
  part = sample = 0;
  columns.clear();
}

bool holdsTestOutputs(StringRef path) {
  auto files = listFolder(path);
  if (!files) {
    consumeError(files.takeError());
    return false;
  }
  return any_of(*files, [](StringRef file) {
    StringRef name = sys::path::filename(file);
    return name == "output_0.pb" || (name.starts_with("test_data_set_") && sys::fs::exists(file + "/output_0.pb"));
  });
}

Expected<std::vector<std::vector<int64_t>>> sampleShapes(StringRef path, ArrayRef<SamplePort> ports, SampleKind kind) {
  auto parts = findParts(path, ports, kind);
  if (!parts)
    return parts.takeError();
  const Files &first = parts->front();
  auto arrays = readArrays(first);
  if (!arrays)
    return arrays.takeError();
  std::vector<std::vector<int64_t>> shapes;
  for (auto [i, port] : enumerate(ports)) {
    const StoredArray *array = findArray(*arrays, ports, i, kind);
    if (!array)
      return noArray(first.size() == 1 ? StringRef(first[0]) : path, *arrays, port, kind);
    ArrayRef<int64_t> shape(array->shape);
    // ONNX's test data is one sample to a file.
    bool isOne = hasExtension(first.front(), ".pb");
    std::vector<int64_t> &sample = shapes.emplace_back(array->shape);
    if (shape.size() == port.shape.size() + 1)
      sample.erase(sample.begin());
    else if (shape.size() + 1 == port.shape.size())
      sample.insert(sample.begin(), 1);
    else if (!isOne && !shape.empty() && shape.size() == port.shape.size())
      sample[0] = port.shape[0] < 0 ? 1 : port.shape[0];
  }
  return shapes;
}

} // namespace nncc
