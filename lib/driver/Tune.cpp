// See Tune.h.
#include "lib/driver/Tune.h"
#include "codegen/emit/Library.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/IR/Module.h"
#include <chrono>

using namespace llvm;

namespace nncc {

// A kernel that is tuned is at least so much faster than one that is not: less than that is noise, and every kernel of
// another form is code of its own.
constexpr double kLeastGain = 0.03;
// And by so many microseconds, which are several steps of the clock.
constexpr double kLeastGainUs = 0.05;
// What somebody who has no patience gets was measured once alone.
constexpr double kLeastGainAtOnce = 0.08;
// Models that are measured in turns, beside the one without tuning; their weights are all in memory.
constexpr unsigned kMostInTurns = 6;
constexpr uint64_t kMostBytesInTurns = uint64_t(1) << 30;
// How many of the best of each kernel are measured again.
constexpr unsigned kFinalists = 3;
// The share of the time that is kept for that.
constexpr double kShareOfFinal = 0.25;

size_t TuneResult::candidates() const {
  size_t sum = 0;
  for (const TunedKernel &kernel : kernels)
    sum += kernel.candidates;
  return sum;
}

std::vector<TuningEntry> TuneResult::entries() const {
  std::vector<TuningEntry> entries;
  for (const TunedKernel &kernel : kernels)
    if (kernel.tuning)
      entries.push_back({cpu, kernel.text, *kernel.tuning, kernel.us, kernel.usDefault});
  return entries;
}

namespace {

/// A candidate and how long its kernels take, as a share of what they do without tuning.
struct Tried {
  cpu::Tuning tuning;
  double share;
};

/// One choice for each kernel; none where it stays as it is.
using Choice = std::vector<std::optional<cpu::Tuning>>;

/// A model with a choice, and the least time of each of its kernels.
struct Measured {
  LoadedModel model;
  StringMap<double> least; ///< by name, microseconds
  StringMap<std::string> forms;

  double total() const {
    double sum = 0;
    for (auto &kernel : least)
      sum += kernel.second;
    return sum;
  }
};

class Tuner {
public:
  Tuner(const CompileOptions &options, mlir::ModuleOp imported, const GivenInputs &given, const TuneSettings &settings)
      : options(options), imported(imported), given(given), settings(settings), start(now()) {}

  Expected<TuneResult> run() {
    if (Error error = findKernels())
      return std::move(error);
    tried.resize(result.kernels.size());
    if (Error error = explore())
      return std::move(error);
    if (Error error = settings.isInterrupted() ? takeAtOnce() : finish())
      return std::move(error);
    return std::move(result);
  }

private:
  const CompileOptions &options;
  mlir::ModuleOp imported;
  const GivenInputs &given;
  const TuneSettings &settings;
  double start;
  TuneResult result;
  std::vector<std::vector<cpu::Tuning>> candidates; ///< of each kernel
  std::vector<std::vector<Tried>> tried;
  std::vector<std::vector<char>> inputs;
  std::optional<Measured> plain; ///< without tuning

  static double now() {
    return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
  }
  double elapsed() const { return now() - start; }

  bool isOver(double share) {
    settings.progress(elapsed());
    return settings.isInterrupted() || elapsed() > share * settings.seconds;
  }

  Error findKernels() {
    CompileOptions toForms = asideOf(options);
    toForms.stopAfter = Stage::N2;
    auto compilation = compileImported(imported.clone(), toForms);
    if (failed(compilation))
      return createStringError("the model does not compile");
    result.cpu = options.target.cpu.name;
    for (cpu::TunableKernel &kernel : cpu::findTunable(*compilation->module)) {
      TunedKernel tuned;
      tuned.text = std::move(kernel.text);
      tuned.names = std::move(kernel.names);
      result.kernels.push_back(std::move(tuned));
      candidates.push_back(std::move(kernel.candidates));
    }
    return Error::success();
  }

  Expected<Measured> load(const Choice &choice) {
    CompileOptions chosen = asideOf(options);
    chosen.progress = nullptr;
    chosen.tuning.clear();
    for (auto [kernel, tuning] : zip(result.kernels, choice))
      if (tuning)
        chosen.tuning.push_back({result.cpu, kernel.text, *tuning});
    // That a candidate does not fit is no news.
    mlir::ScopedDiagnosticHandler quiet(imported.getContext(), [](mlir::Diagnostic &diagnostic) {
      return mlir::success(diagnostic.getSeverity() == mlir::DiagnosticSeverity::Warning);
    });
    auto compilation = compileImported(imported.clone(), chosen);
    if (failed(compilation))
      return createStringError("the model does not compile with other forms of its kernels");
    auto code = emitCode(*compilation->llvmModule, compilation->plan, emitOptions(chosen));
    if (!code)
      return code.takeError();
    auto loaded = loadCode(std::move(compilation->plan), std::move(*code), chosen, settings.threads);
    if (!loaded)
      return loaded.takeError();
    Measured measured{std::move(*loaded), {}, {}};
    for (const KernelPlan &kernel : measured.model.plan.kernels)
      measured.forms[kernel.name] = kernel.form;
    if (inputs.empty()) {
      auto values = makeInputs(measured.model.plan, given, 1);
      if (!values)
        return createStringError("the inputs do not fit the model");
      inputs = std::move(*values);
    }
    return measured;
  }

  Error runOnce(Measured &measured, bool counts) {
    std::vector<std::vector<char>> outputs;
    for (const PortPlan &port : measured.model.plan.outputs)
      outputs.emplace_back(portBytes(port));
    std::vector<ArrayRef<char>> inputViews(inputs.begin(), inputs.end());
    std::vector<MutableArrayRef<char>> outputViews(outputs.begin(), outputs.end());
    auto afterKernel = [&](unsigned kernel, uint64_t ns, RunnableModel::Reader) {
      double us = std::max<uint64_t>(ns, 1) * 1e-3;
      if (counts) {
        auto [least, isNew] = measured.least.try_emplace(measured.model.plan.kernels[kernel].name, us);
        least->second = std::min(least->second, us);
      }
      return Error::success();
    };
    return measured.model.runnable->step(inputViews, outputViews, afterKernel);
  }

  /// Runs models in turns, once without counting, for so many seconds but at least five times.
  Error measure(ArrayRef<Measured *> models, double seconds) {
    constexpr unsigned leastRounds = 5, mostRounds = 200;
    double began = now();
    for (unsigned round = 0; round <= mostRounds; ++round) {
      if (round > leastRounds && (now() - began > seconds || settings.isInterrupted()))
        break;
      for (size_t i = 0; i < models.size(); ++i)
        if (Error error = runOnce(*models[(i + round) % models.size()], round > 0))
          return error;
    }
    return Error::success();
  }

  /// Microseconds of all kernels of a kind; nothing where one of them is not there, or has not got the form that was
  /// chosen, because there was no room.
  std::optional<double> timeOf(const TunedKernel &kernel, const Measured &measured,
                               const std::optional<cpu::Tuning> &tuning) const {
    double sum = 0;
    for (const std::string &name : kernel.names) {
      auto least = measured.least.find(name);
      if (least == measured.least.end())
        return std::nullopt;
      bool isWinograd = StringRef(measured.forms.lookup(name)).starts_with(cpu::Tuning::winograd);
      if (tuning && isWinograd != (tuning->form == cpu::Tuning::winograd))
        return std::nullopt;
      sum += least->second;
    }
    return sum;
  }

  /// Loads choices, at least the first of them, and measures them and the model without tuning in turns.
  Expected<std::vector<Measured>> compare(ArrayRef<Choice> choices, double share) {
    double began = now();
    if (!plain) {
      auto loaded = load(Choice(result.kernels.size()));
      if (!loaded)
        return loaded.takeError();
      plain.emplace(std::move(*loaded));
    }
    std::vector<Measured> models;
    for (const Choice &choice : choices) {
      if (!models.empty() && isOver(share))
        break;
      auto loaded = load(choice);
      if (!loaded)
        return loaded.takeError();
      models.push_back(std::move(*loaded));
    }
    plain->least.clear();
    std::vector<Measured *> turns{&*plain};
    for (Measured &model : models)
      turns.push_back(&model);
    if (Error error = measure(turns, now() - began))
      return std::move(error);
    return models;
  }

  /// How many models may be in memory beside the one without tuning.
  unsigned inTurns(const ModelPlan &plan) const {
    uint64_t bytes = plan.weightsBytes + plan.arenaBytes + 1;
    return std::clamp<uint64_t>(kMostBytesInTurns / bytes, 2, kMostInTurns + 1) - 1;
  }

  Error explore() {
    size_t most = 0;
    for (auto &ofKernel : candidates)
      most = std::max(most, ofKernel.size());
    unsigned together = 1;
    for (size_t next = 0; next < most;) {
      if (isOver(1 - kShareOfFinal)) {
        result.isWhole = false;
        return Error::success();
      }
      std::vector<Choice> choices;
      for (; choices.size() < together && next < most; ++next) {
        Choice choice(result.kernels.size());
        for (auto [chosen, ofKernel] : zip(choice, candidates))
          if (next < ofKernel.size())
            chosen = ofKernel[next];
        choices.push_back(std::move(choice));
      }
      auto models = compare(choices, 1 - kShareOfFinal);
      if (!models)
        return models.takeError();
      result.isWhole &= models->size() == choices.size();
      together = inTurns(plain->model.plan);
      for (auto [choice, measured] : zip(choices, *models))
        remember(choice, measured);
    }
    return Error::success();
  }

  void remember(const Choice &choice, const Measured &measured) {
    result.allKernels = plain->model.plan.kernels.size();
    result.usDefault = result.us = plain->total();
    for (auto [kernel, tuning, ofKernel] : zip(result.kernels, choice, tried)) {
      auto before = timeOf(kernel, *plain, std::nullopt), after = timeOf(kernel, measured, tuning);
      if (before)
        kernel.usDefault = kernel.us = *before;
      if (!tuning || !before || !after)
        continue;
      ++kernel.candidates;
      Tried now{*tuning, *after / *before};
      auto slower = find_if(ofKernel, [&](const Tried &other) { return other.share > now.share; });
      ofKernel.insert(slower, std::move(now));
      if (ofKernel.size() > kFinalists)
        ofKernel.pop_back();
    }
  }

  /// What was measured so far, where it is far enough from what it is held against.
  Error takeAtOnce() {
    for (auto [kernel, ofKernel] : zip(result.kernels, tried))
      if (!ofKernel.empty() && ofKernel.front().share < 1 - kLeastGainAtOnce &&
          kernel.usDefault * (1 - ofKernel.front().share) >= kLeastGainUs)
        take(kernel, ofKernel.front());
    return Error::success();
  }

  void take(TunedKernel &kernel, const Tried &best) {
    kernel.tuning = best.tuning;
    kernel.us = kernel.usDefault * best.share;
    result.us -= kernel.usDefault - kernel.us;
  }

  /// Measures the best of each kernel again, and what is left of them together.
  Error finish() {
    std::vector<Choice> finals;
    for (unsigned place = 0; place < kFinalists; ++place) {
      Choice choice(result.kernels.size());
      for (auto [chosen, ofKernel] : zip(choice, tried))
        if (place < ofKernel.size() && ofKernel[place].share < 1 - kLeastGain / 2)
          chosen = ofKernel[place].tuning;
      if (any_of(choice, [](auto &chosen) { return chosen.has_value(); }))
        finals.push_back(std::move(choice));
    }
    if (finals.empty())
      return Error::success();
    auto best = bestOf(finals);
    if (!best)
      return best.takeError();
    auto together = bestOf({*best});
    if (!together)
      return together.takeError();
    return Error::success();
  }

  /// Measures choices and puts the best of each kernel, where it is a gain, into the result.
  Expected<Choice> bestOf(ArrayRef<Choice> choices) {
    auto models = compare(choices, std::numeric_limits<double>::infinity());
    if (!models)
      return models.takeError();
    result.usDefault = result.us = plain->total();
    Choice best(result.kernels.size());
    for (size_t index = 0; index < result.kernels.size(); ++index) {
      TunedKernel &kernel = result.kernels[index];
      kernel.tuning.reset();
      auto before = timeOf(kernel, *plain, std::nullopt);
      if (!before)
        continue;
      kernel.usDefault = kernel.us = *before;
      Tried found{{}, 1 - kLeastGain};
      for (auto [choice, measured] : zip(choices, *models)) {
        auto after = choice[index] ? timeOf(kernel, measured, choice[index]) : std::nullopt;
        if (after && *after / *before < found.share && *before - *after >= kLeastGainUs) {
          found = {*choice[index], *after / *before};
          best[index] = choice[index];
        }
      }
      if (best[index])
        take(kernel, found);
    }
    return best;
  }
};

} // namespace

Expected<TuneResult> tune(const CompileOptions &options, mlir::OwningOpRef<mlir::ModuleOp> imported,
                          const GivenInputs &given, const TuneSettings &settings) {
  return Tuner(options, *imported, given, settings).run();
}

} // namespace nncc
