// See BisectPasses.h.
#include "lib/driver/BisectPasses.h"
#include "lib/driver/Elements.h"
#include "lib/driver/Table.h"
#include "mlir/IR/Action.h"
#include "mlir/Pass/Pass.h"
#include "mlir/Pass/PassManager.h"
#include "llvm/ADT/DenseMap.h"
#include <map>

using namespace llvm;

namespace nncc {

bool mayBeLeftOut(StringRef passFlag) {
  static constexpr StringLiteral flags[] = {"nncc-drop-unused-ops", "nncc-fold-constants",  "nncc-form-integers",
                                            "nncc-simplify",        "nncc-sink-transposes", "nncc-hoist-transposes",
                                            "nncc-fold-scale",      "nncc-choose-forms",    "nncc-fuse-prologues",
                                            "nncc-fuse-attention",  "nncc-fuse-chains",     "nncc-fuse-planes",
                                            "nncc-cut-kernels",     "canonicalize",         "cse"};
  return is_contained(flags, passFlag);
}

namespace {

/// Leaves out all but the first so many of the passes that may be left out, while a model is compiled in a context.
class PassLimit {
public:
  PassLimit(mlir::MLIRContext &context, size_t limit, function_ref<bool(StringRef)> isOptional)
      : context(context), limit(limit), isOptional(isOptional) {
    context.registerActionHandler([this](function_ref<void()> run, const mlir::tracing::Action &action) {
      auto *execution = dyn_cast<mlir::PassExecutionAction>(&action);
      if (!execution || isWanted(execution->getPass()))
        run();
    });
  }
  ~PassLimit() { context.registerActionHandler(nullptr); }

  /// A pass of another pass manager may lie where an earlier one did.
  void beginManager() { numbers.clear(); }
  /// Those that may be left out, as they were met.
  const std::vector<std::string> &passes() const { return met; }

private:
  /// A pass that runs on many functions is met with each of them, and is one pass.
  bool isWanted(const mlir::Pass &pass) {
    StringRef flag = pass.getArgument();
    if (!isOptional(flag))
      return true;
    auto [number, isNew] = numbers.try_emplace(&pass, met.size());
    if (isNew)
      met.push_back(flag.str());
    return number->second < limit;
  }

  mlir::MLIRContext &context;
  size_t limit;
  function_ref<bool(StringRef)> isOptional;
  DenseMap<const mlir::Pass *, size_t> numbers;
  std::vector<std::string> met;
};

using Outputs = std::vector<std::vector<char>>;
using Values = std::vector<std::vector<double>>;

/// Compiles a model with the first passes, and runs it.
class Trials {
public:
  Trials(const CompileOptions &options, const GivenInputs &given, const BisectSettings &settings)
      : options(options), given(given), settings(settings) {}

  /// Compiles with all passes first: what is wrong with the model or the inputs is said here.
  ///
  /// error  told to `sink`, or printed; `status` says whose it is
  bool begin(const MessageSink &sink) {
    auto outputs = run(SIZE_MAX, sink);
    if (outputs)
      whole = std::move(*outputs);
    return outputs.has_value();
  }

  /// The outputs with so many passes; nothing where no code can be made so.
  std::optional<Outputs> with(size_t limit) {
    return limit == passes.size() ? whole : run(limit, [](Severity, const std::string &) {});
  }

  Values valuesOf(const Outputs &outputs) const {
    Values values;
    for (auto [port, bytes] : zip(plan().outputs, outputs))
      values.push_back(toDoubles(port.elementType, bytes));
    return values;
  }
  const ModelPlan &plan() const { return first->plan; }

  int status = 1;
  std::vector<std::string> passes; ///< that may be left out
  Outputs inputs;

private:
  std::optional<Outputs> run(size_t limit, const MessageSink &sink) {
    auto context = makeContext();
    CompileOptions own = options;
    std::optional<LoadedModel> loaded;
    {
      DiagnosticPrinter printer(*context, options.model, sink);
      PassLimit limited(*context, limit, settings.isOptional);
      own.configure = [&](mlir::PassManager &manager) {
        limited.beginManager();
        return options.configure ? options.configure(manager) : mlir::success();
      };
      loaded = buildAndLoad(own, *context, printer, given);
      if (!loaded)
        status = printer.exitStatus();
      if (limit == SIZE_MAX)
        passes = limited.passes();
    }
    if (loaded && !first) {
      auto made = makeInputs(loaded->plan, given, settings.seed);
      if (!made)
        return std::nullopt;
      inputs = std::move(*made);
    }
    auto outputs = loaded ? outputsOf(*loaded) : std::nullopt;
    if (loaded && !first)
      first = std::move(loaded), firstContext = std::move(context);
    return outputs;
  }

  std::optional<Outputs> outputsOf(LoadedModel &loaded) {
    Outputs outputs;
    for (const PortPlan &port : loaded.plan.outputs)
      outputs.emplace_back(portBytes(port));
    std::vector<ArrayRef<char>> inputViews(inputs.begin(), inputs.end());
    std::vector<MutableArrayRef<char>> outputViews(outputs.begin(), outputs.end());
    auto done = loaded.runnable->run(inputViews, outputViews);
    if (done)
      return outputs;
    reportError(done.takeError());
    return std::nullopt;
  }

  const CompileOptions &options;
  const GivenInputs &given;
  const BisectSettings &settings;
  Outputs whole;
  std::unique_ptr<mlir::MLIRContext> firstContext; ///< of the types in the plan of `first`
  std::optional<LoadedModel> first;                ///< with all passes
};

/// The outputs of a reference. error: it lacks one, or has another type or shape
Expected<Values> expectedValues(const ModelPlan &plan, const ReferenceTensors &reference) {
  Values values;
  for (const PortPlan &port : plan.outputs) {
    auto array = reference.read(port.name);
    if (!array || array->type != typeName(port.elementType) || array->shape != port.shape)
      return createStringError("the reference has no output '" + port.name + "' of " +
                               describeType(port.elementType, port.shape));
    values.push_back(toDoubles(port.elementType, array->data));
  }
  return values;
}

/// Holds the outputs after a pass against the right ones.
void compare(const ModelPlan &plan, const Values &actual, const Values &expected, double rtol, PassResult &result) {
  double worst = -1;
  for (auto [port, a, b] : zip(plan.outputs, actual, expected)) {
    Accuracy accuracy;
    accuracy.add(a, b);
    result.isDiverging |= diverges(accuracy, port.elementType, rtol);
    if (accuracy.relativeError() > worst)
      worst = accuracy.relativeError(), result.error = accuracy.maxError(), result.largest = accuracy.largest();
  }
}

/// Looks for the pass behind which the outputs begin to diverge.
class Search {
public:
  /// `expected`: the right values; none: those of the first trial that gives any.
  Search(Trials &trials, std::optional<Values> expected, double rtol)
      : trials(trials), expected(std::move(expected)), rtol(rtol), steps(trials.passes.size() + 1) {
    for (auto [step, pass] : zip(drop_begin(steps), trials.passes))
      step.pass = pass;
  }

  std::vector<PassResult> throughAll() {
    for (size_t limit = 0; limit < steps.size(); ++limit)
      tryWith(limit);
    return std::move(steps);
  }

  std::vector<PassResult> byHalves() {
    size_t agreeing = 0, diverging = steps.size() - 1;
    while (!tryWith(agreeing).isCompiled) // with all passes there is code
      ++agreeing;
    if (steps[agreeing].isDiverging || !tryWith(diverging).isDiverging)
      return std::move(steps);
    while (auto middle = compiledBetween(agreeing, diverging))
      (steps[*middle].isDiverging ? diverging : agreeing) = *middle;
    return std::move(steps);
  }

private:
  /// The number of passes nearest to the middle of two others with which there is code.
  std::optional<size_t> compiledBetween(size_t first, size_t last) {
    size_t middle = first + (last - first) / 2;
    for (size_t limit = middle; limit > first; --limit)
      if (tryWith(limit).isCompiled)
        return limit;
    for (size_t limit = middle + 1; limit < last; ++limit)
      if (tryWith(limit).isCompiled)
        return limit;
    return std::nullopt;
  }

  const PassResult &tryWith(size_t limit) {
    PassResult &step = steps[limit];
    if (step.isTried)
      return step;
    step.isTried = true;
    auto made = trials.with(limit);
    step.isCompiled = made.has_value();
    if (!made)
      return step;
    Values values = trials.valuesOf(*made);
    if (!expected)
      expected = values;
    compare(trials.plan(), values, *expected, rtol, step);
    outputs.try_emplace(limit, std::move(*made));
    noteChange(limit);
    return step;
  }

  /// Says of a trial, and of the next one behind it, whether their bits are those of the one before.
  void noteChange(size_t limit) {
    auto at = outputs.find(limit), next = std::next(at);
    if (at != outputs.begin())
      steps[limit].isChanged = std::prev(at)->second != at->second;
    if (next != outputs.end())
      steps[next->first].isChanged = at->second != next->second;
  }

  Trials &trials;
  std::optional<Values> expected;
  double rtol;
  std::vector<PassResult> steps;
  std::map<size_t, Outputs> outputs; ///< of the trials with code
};

} // namespace

BisectResult bisectPasses(const CompileOptions &options, const GivenInputs &given, const BisectSettings &settings) {
  Trials trials(options, given, settings);
  BisectResult result;
  if (!trials.begin(terminalSink())) {
    result.status = trials.status;
    return result;
  }
  std::optional<Values> expected;
  if (settings.reference) {
    auto reference = settings.reference(trials.plan(), trials.inputs);
    auto values = reference ? expectedValues(trials.plan(), *reference) : Expected<Values>(reference.takeError());
    if (!values) {
      result.status = reportError(values.takeError());
      return result;
    }
    expected = std::move(*values);
  }
  Search search(trials, std::move(expected), settings.rtol);
  result.passes = settings.triesAll ? search.throughAll() : search.byHalves();
  result.status = 0;
  return result;
}

const PassResult *BisectResult::firstDivergence() const {
  auto found = find_if(passes, [](const PassResult &step) { return step.isDiverging; });
  return found == passes.end() ? nullptr : &*found;
}

void printBisection(const BisectResult &result, raw_ostream &os) {
  Table table({{"#", true}, {"pass"}, {"outputs"}, {"error", true}, {"of", true}});
  for (auto [number, step] : enumerate(result.passes)) {
    if (!step.isTried)
      continue;
    std::string name = step.pass.empty() ? "none that may be left out" : step.pass;
    if (!step.isCompiled) {
      table.add({std::to_string(number), name, "no code without passes behind it", "", ""});
      continue;
    }
    std::string what = step.isDiverging ? "DIVERGE" : step.isChanged ? "change" : "";
    table.add({std::to_string(number), name, what, numberText(step.error), numberText(step.largest)});
  }
  table.print(os, terminalColumns());
}

json::Object bisectJson(const CompileOptions &options, const BisectResult &result) {
  json::Array passes;
  for (const PassResult &step : result.passes) {
    json::Object object{{"pass", step.pass},
                        {"tried", step.isTried},
                        {"compiled", step.isCompiled},
                        {"changes", step.isChanged},
                        {"diverges", step.isDiverging}};
    if (step.isCompiled) {
      object["max_error"] = finiteOrNull(step.error);
      object["max_value"] = step.largest;
    }
    passes.push_back(std::move(object));
  }
  const PassResult *first = result.firstDivergence();
  return json::Object{{"schema", "nncc-bisect"},
                      {"version", 1},
                      {"target", options.target.name},
                      {"cpu", options.target.cpu.name},
                      {"passes", std::move(passes)},
                      {"first", first ? json::Value(first - result.passes.data()) : json::Value(nullptr)}};
}

} // namespace nncc
