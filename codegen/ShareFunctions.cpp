// Compares functions op by op, and makes arguments of what differs.
#include "codegen/ShareFunctions.h"
#include "lib/support/Assert.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/IR/Constants.h"
#include "llvm/IR/IRBuilder.h"
#include "llvm/IR/InstIterator.h"
#include "llvm/IR/IntrinsicInst.h"
#include "llvm/IR/Module.h"
#include "llvm/Transforms/Utils/Local.h"
#include <map>
#include <optional>
#include <set>

using namespace llvm;
using namespace nncc;

namespace {

/// An operand of an instruction of a function, by their numbers.
using Place = std::pair<unsigned, unsigned>;

/// Words in read-only memory that only their owner sees, or null.
GlobalVariable *wordsAt(Value *pointer, const DataLayout &layout, int64_t &offset) {
  APInt bytes(64, 0);
  auto *global =
      dyn_cast<GlobalVariable>(pointer->stripAndAccumulateConstantOffsets(layout, bytes, /*AllowNonInbounds=*/true));
  offset = bytes.getSExtValue();
  if (!global || !global->isConstant() || !global->hasLocalLinkage() || !global->hasInitializer())
    return nullptr;
  auto *words = dyn_cast<ConstantDataArray>(global->getInitializer());
  return words && words->getElementType()->isIntegerTy(32) && global->getAlign().valueOrOne() <= Align(4) ? global
                                                                                                          : nullptr;
}

/// The number that a constant is in all lanes; null where 32 bits do not hold it, or it is none.
std::optional<int32_t> numberOf(const Constant *constant) {
  if (constant->getType()->isVectorTy())
    constant = constant->getSplatValue();
  if (auto *integer = dyn_cast_or_null<ConstantInt>(constant))
    return integer->getBitWidth() > 1 && integer->getValue().isSignedIntN(32)
               ? std::optional(int32_t(integer->getSExtValue()))
               : std::nullopt;
  auto *number = dyn_cast_or_null<ConstantFP>(constant);
  return number && number->getType()->isFloatTy() && !number->isNaN()
             ? std::optional(int32_t(number->getValueAPF().bitcastToAPInt().getZExtValue()))
             : std::nullopt;
}

/// A division by it is a product.
bool hasInverse(const Constant *constant) {
  auto *number = dyn_cast_or_null<ConstantFP>(constant->getType()->isVectorTy() ? constant->getSplatValue() : constant);
  return number && number->getValueAPF().getExactInverse(nullptr);
}

/// The number that another one is not to pass.
bool isBound(const Use &use) {
  auto *intrinsic = dyn_cast<IntrinsicInst>(use.getUser());
  return intrinsic && is_contained({Intrinsic::maxnum, Intrinsic::minnum}, intrinsic->getIntrinsicID()) &&
         use.getOperandNo() == 1;
}

/// True where another constant in the place of one makes no other code of an instruction.
bool takesAnyNumber(const Use &use) {
  auto *user = cast<Instruction>(use.getUser());
  if (auto *call = dyn_cast<CallBase>(user)) {
    if (call->isInlineAsm() || !call->isArgOperand(&use) ||
        call->paramHasAttr(call->getArgOperandNo(&use), Attribute::ImmArg))
      return false;
    auto *intrinsic = dyn_cast<IntrinsicInst>(call);
    return !intrinsic || isa<MinMaxIntrinsic>(intrinsic) ||
           is_contained({Intrinsic::fma, Intrinsic::fmuladd}, intrinsic->getIntrinsicID()) || isBound(use);
  }
  if (auto *step = dyn_cast<GetElementPtrInst>(user))
    return step->getSourceElementType()->isSingleValueType();
  if (user->getOpcode() == Instruction::FDiv && use.getOperandNo() == 1)
    return !hasInverse(cast<Constant>(use));
  // Shifts, products and divisions by a number are other instructions than those by any. Scalar ones are short so.
  if (user->getType()->isIntOrIntVectorTy() &&
      (user->isShift() || user->isIntDivRem() || user->getOpcode() == Instruction::Mul))
    return !user->getType()->isVectorTy() && user->getFunction()->hasMinSize();
  return isa<BinaryOperator, CmpInst, SelectInst, PHINode, LoadInst, StoreInst>(user);
}

/// What is said of a loop begins with that loop.
bool sayTheSame(const MDNode &a, const MDNode &b, unsigned kind) {
  if (kind != LLVMContext::MD_loop)
    return &a == &b;
  return std::equal(a.op_begin() + 1, a.op_end(), b.op_begin() + 1, b.op_end(),
                    [](const MDOperand &x, const MDOperand &y) { return x.get() == y.get(); });
}

/// What is said of instructions beside their operands. Where they come from is none of it.
bool sayTheSame(const Instruction &a, const Instruction &b) {
  if (!a.isSameOperationAs(&b) || a.getRawSubclassOptionalData() != b.getRawSubclassOptionalData())
    return false;
  SmallVector<std::pair<unsigned, MDNode *>> ofA, ofB;
  a.getAllMetadataOtherThanDebugLoc(ofA);
  b.getAllMetadataOtherThanDebugLoc(ofB);
  return std::equal(ofA.begin(), ofA.end(), ofB.begin(), ofB.end(), [](const auto &x, const auto &y) {
    return x.first == y.first && sayTheSame(*x.second, *y.second, x.first);
  });
}

/// True where another number in the place of a constant makes a function that may share code.
bool mayDiffer(const Use &use) {
  auto *constant = dyn_cast<Constant>(use);
  if (!constant || !takesAnyNumber(use))
    return false;
  auto *function = cast<Instruction>(use.getUser())->getFunction();
  int64_t offset;
  if (constant->getType()->isPointerTy())
    return wordsAt(use, function->getDataLayout(), offset);
  // Integers by themselves are what loops are made of.
  return numberOf(constant) && (!constant->getType()->isIntegerTy() || function->hasFnAttribute(Attribute::MinSize));
}

/// A function, with numbers for its instructions.
struct Code {
  explicit Code(Function &function) : function(&function) {
    for (Instruction &instruction : instructions(function))
      list.push_back(&instruction);
  }
  Value *at(Place place) const { return list[place.first]->getOperand(place.second); }

  Function *function;
  std::vector<Instruction *> list;
};

/// Compares functions whose blocks and opcodes are the same.
class Comparison {
public:
  Comparison(const Code &a, const Code &b) : a(a), b(b) {}

  /// True where the functions differ in numbers alone: those at `places`.
  bool run(std::vector<Place> &places);

private:
  const Code &a, &b;
  DenseMap<const Value *, const Value *> twins;
};

bool Comparison::run(std::vector<Place> &places) {
  for (auto [x, y] : zip_equal(a.function->args(), b.function->args()))
    twins[&x] = &y;
  for (auto [x, y] : zip_equal(*a.function, *b.function))
    twins[&x] = &y;
  for (auto [x, y] : zip_equal(a.list, b.list))
    twins[x] = y;
  for (unsigned i = 0; i < a.list.size(); ++i) {
    if (!sayTheSame(*a.list[i], *b.list[i]))
      return false;
    for (auto [x, y] : zip_equal(a.list[i]->operands(), b.list[i]->operands())) {
      auto twin = twins.find(x);
      if (twin == twins.end() ? x == y : twin->second == y)
        continue;
      if (twin != twins.end() || !mayDiffer(x) || !mayDiffer(y))
        return false;
      places.push_back({i, x.getOperandNo()});
    }
    if (auto *phi = dyn_cast<PHINode>(a.list[i]))
      for (auto [x, y] : zip_equal(phi->blocks(), cast<PHINode>(b.list[i])->blocks()))
        if (twins.lookup(x) != y)
          return false;
  }
  return true;
}

bool isReadByOthers(const Constant &constant, const Function &function) {
  return any_of(constant.users(), [&](const User *user) {
    auto *instruction = dyn_cast<Instruction>(user);
    return instruction ? instruction->getFunction() != &function : isReadByOthers(*cast<Constant>(user), function);
  });
}

/// Functions that differ in numbers alone.
class Group {
public:
  Group(Code first, bool hasMaxNum) : hasMaxNum(hasMaxNum), members{std::move(first)} {}

  /// False where a function is another one.
  bool take(const Code &code) {
    std::vector<Place> found;
    if (!Comparison(members.front(), code).run(found))
      return false;
    places.insert(found.begin(), found.end());
    members.push_back(code);
    return true;
  }

  /// Makes one function of all where that saves memory.
  void share(StringMap<SharedFunction> &shared);

private:
  /// Numbers that differ together; of a pointer, how far behind its words it is.
  struct Column {
    Type *type;
    std::vector<int32_t> values; ///< by member
    bool operator==(const Column &) const = default;
  };
  using Tables = std::vector<GlobalVariable *>; ///< by member

  void findColumns();
  unsigned columnOf(Type *type, std::vector<int32_t> values);
  bool savesMemory() const;
  /// The numbers of a member: those of the columns, then its tables.
  std::vector<int32_t> numbersOf(unsigned member) const;
  Function *addArgument();
  void readNumbers(Function &function);
  static void compareWith(Use &bound);

  bool hasMaxNum;
  std::vector<Code> members;
  std::set<Place> places;
  std::vector<Column> columns;
  std::vector<Tables> tables;
  std::vector<int> beginnings;          ///< by table: the column of the bytes to it, -1: `firstTable`
  std::map<Place, unsigned> tableOf;    ///< of pointers
  std::map<Place, unsigned> numberOfIt; ///< column of a number, or of the offset of a pointer
};

uint64_t wordsOf(const GlobalVariable *table) {
  return cast<ConstantDataArray>(table->getInitializer())->getNumElements();
}

unsigned Group::columnOf(Type *type, std::vector<int32_t> values) {
  Column column{type, std::move(values)};
  auto at = find(columns, column);
  if (at == columns.end())
    at = columns.insert(at, std::move(column));
  return at - columns.begin();
}

void Group::findColumns() {
  const DataLayout &layout = members.front().function->getDataLayout();
  Type *i64 = Type::getInt64Ty(members.front().function->getContext());
  for (Place place : places) {
    std::vector<int32_t> values;
    if (!members.front().at(place)->getType()->isPointerTy()) {
      for (const Code &member : members)
        values.push_back(*numberOf(cast<Constant>(member.at(place))));
      numberOfIt[place] = columnOf(members.front().at(place)->getType()->getScalarType(), std::move(values));
      continue;
    }
    Tables pointedTo;
    for (const Code &member : members) {
      int64_t offset;
      pointedTo.push_back(wordsAt(member.at(place), layout, offset));
      values.push_back(offset);
    }
    auto table = find(tables, pointedTo);
    tableOf[place] = table - tables.begin();
    if (table == tables.end())
      tables.push_back(pointedTo);
    if (!all_equal(values) || values.front() != 0)
      numberOfIt[place] = columnOf(i64, std::move(values));
  }
  // The first table begins behind all columns, and so does each behind tables of equal length.
  beginnings.assign(tables.size(), -1);
  for (unsigned table = 1; table < tables.size(); ++table) {
    beginnings[table] = columns.size();
    columns.push_back({i64, std::vector<int32_t>(members.size())});
  }
  for (unsigned member = 0; member < members.size(); ++member) {
    uint64_t at = columns.size();
    for (unsigned table = 0; table < tables.size(); ++table) {
      if (table)
        columns[beginnings[table]].values[member] = 4 * at;
      at += wordsOf(tables[table][member]);
    }
  }
}

bool Group::savesMemory() const {
  // An instruction is about 4 bytes on either architecture; a number takes as much, and is loaded by one.
  auto counts = [](const Instruction *instruction) { return !isa<PHINode>(instruction); };
  int64_t code = 4 * count_if(members.front().list, counts), calls = 8;
  int64_t saved = (members.size() - 1) * code,
          cost = members.size() * (4 * columns.size() + calls) + 4 * columns.size();
  for (const Tables &table : tables)
    for (auto [member, global] : zip(members, table)) {
      cost += isReadByOthers(*global, *member.function) ? 4 * wordsOf(global) : 0;
    }
  return saved > cost;
}

std::vector<int32_t> Group::numbersOf(unsigned member) const {
  std::vector<int32_t> numbers;
  for (const Column &column : columns)
    numbers.push_back(column.values[member]);
  for (const Tables &table : tables) {
    auto *words = cast<ConstantDataArray>(table[member]->getInitializer());
    for (unsigned i = 0; i < words->getNumElements(); ++i)
      numbers.push_back(static_cast<int32_t>(words->getElementAsInteger(i)));
  }
  return numbers;
}

/// The first member with one more argument.
Function *Group::addArgument() {
  Function *old = members.front().function;
  SmallVector<Type *> types(old->getFunctionType()->params());
  auto isPointer = [](Type *type) { return type->isPointerTy(); };
  unsigned at = find_if_not(types, isPointer) - types.begin();
  types.insert(types.begin() + at, PointerType::get(old->getContext(), 0));
  auto *made = Function::Create(FunctionType::get(old->getReturnType(), types, false), old->getLinkage(),
                                old->getAddressSpace(), "");
  old->getParent()->getFunctionList().insert(old->getIterator(), made);
  made->takeName(old);
  made->copyAttributesFrom(old);
  AttributeList attributes = old->getAttributes();
  AttrBuilder ofNumbers(old->getContext());
  ofNumbers.addAttribute(Attribute::NoAlias).addAttribute(Attribute::ReadOnly).addAttribute(Attribute::NoUndef);
  SmallVector<AttributeSet> ofArguments;
  for (unsigned i = 0; i < types.size(); ++i)
    ofArguments.push_back(i == at ? AttributeSet::get(old->getContext(), ofNumbers)
                                  : attributes.getParamAttrs(i < at ? i : i - 1));
  made->setAttributes(
      AttributeList::get(old->getContext(), attributes.getFnAttrs(), attributes.getRetAttrs(), ofArguments));
  made->setSubprogram(old->getSubprogram());
  made->splice(made->begin(), old);
  for (auto [i, argument] : enumerate(old->args())) {
    Argument *same = made->getArg(i < at ? i : i + 1);
    same->takeName(&argument);
    argument.replaceAllUsesWith(same);
  }
  made->getArg(at)->setName("numbers");
  return made;
}

void Group::readNumbers(Function &function) {
  Value *numbers = function.getArg(
      find_if_not(function.getFunctionType()->params(), [](Type *type) { return type->isPointerTy(); }) -
      function.getFunctionType()->param_begin() - 1);
  IRBuilder<> builder(&function.getEntryBlock(), function.getEntryBlock().begin());
  SmallVector<Value *> values, begins;
  for (auto [i, column] : enumerate(columns)) {
    Type *type = column.type, *loaded = type->isFloatTy() ? type : builder.getInt32Ty();
    LoadInst *value =
        builder.CreateAlignedLoad(loaded, builder.CreateConstInBoundsGEP1_64(loaded, numbers, i), Align(4));
    value->setMetadata(LLVMContext::MD_invariant_load, MDNode::get(function.getContext(), {}));
    values.push_back(type->isFloatTy() ? value : builder.CreateSExtOrTrunc(value, type));
  }
  for (int column : beginnings)
    begins.push_back(
        builder.CreateInBoundsPtrAdd(numbers, column < 0 ? builder.getInt64(4 * columns.size()) : values[column]));
  std::map<std::pair<unsigned, Type *>, Value *> splats;
  for (Place place : places) {
    Instruction *user = members.front().list[place.first];
    auto column = numberOfIt.find(place);
    Value *value = column == numberOfIt.end() ? nullptr : values[column->second];
    if (auto table = tableOf.find(place); table != tableOf.end()) {
      value = value ? builder.CreatePtrAdd(begins[table->second], value) : begins[table->second];
    } else if (auto *type = dyn_cast<VectorType>(members.front().at(place)->getType())) {
      Value *&splat = splats[{column->second, type}];
      if (!splat)
        splat = builder.CreateVectorSplat(type->getElementCount(), value);
      value = splat;
    }
    Use &use = user->getOperandUse(place.second);
    use.set(value);
    if (isBound(use) && !hasMaxNum)
      compareWith(use);
  }
}

/// Of a bound that is no constant LLVM does not know that it is no NaN: what makes sure of that takes three
/// instructions on x86, a comparison one.
void Group::compareWith(Use &bound) {
  auto *call = cast<IntrinsicInst>(bound.getUser());
  IRBuilder<> builder(call);
  Value *x = call->getArgOperand(0);
  Value *isFirst =
      call->getIntrinsicID() == Intrinsic::maxnum ? builder.CreateFCmpOGT(x, bound) : builder.CreateFCmpOLT(x, bound);
  call->replaceAllUsesWith(builder.CreateSelect(isFirst, x, bound));
  // The list of instructions still names it.
}

void Group::share(StringMap<SharedFunction> &shared) {
  if (members.size() < 2)
    return;
  findColumns();
  if (!savesMemory())
    return;
  std::string name = members.front().function->getName().str();
  for (auto [i, member] : enumerate(members))
    shared[member.function->getName()] = {name, numbersOf(i)};
  if (!columns.empty() || !tables.empty())
    readNumbers(*addArgument());
  for (Code &member : drop_begin(members, places.empty()))
    member.function->eraseFromParent();
  // One may be several tables of a member.
  SetVector<GlobalVariable *> globals;
  for (const Tables &table : tables)
    globals.insert_range(table);
  for (GlobalVariable *global : globals)
    if (global->use_empty())
      global->eraseFromParent();
}

/// What functions have in common that may share code: their ops, and a hash of the constants that may not differ. With
/// ops alone, many layers of as many lengths would be compared pair by pair.
std::string keyOf(const Function &function) {
  std::string key;
  raw_string_ostream os(key);
  function.getFunctionType()->print(os);
  os << function.getAttributes().getRawPointer();
  hash_code constants(0);
  for (const BasicBlock &block : function) {
    os << ';';
    for (const Instruction &instruction : block) {
      os << instruction.getOpcode() << ' ';
      for (const Use &use : instruction.operands())
        if (isa<Constant>(use) && !mayDiffer(use))
          constants = hash_combine(constants, use.get());
    }
  }
  os << size_t(constants);
  return key;
}

/// Computes sums with numbers and multiples anew in front of each of their uses. What is equal by chance in one layer,
/// such as the steps of its input and its output, is not in another; LLVM finds again what is.
void keepApart(Function &function) {
  for (BasicBlock &block : function)
    for (Instruction &instruction : make_early_inc_range(reverse(block))) {
      bool isStep = is_contained({Instruction::Add, Instruction::Mul}, instruction.getOpcode()) &&
                    isa<ConstantInt>(instruction.getOperand(1));
      if (!isStep || instruction.use_empty() ||
          any_of(instruction.users(), [](User *user) { return isa<PHINode>(user); }))
        continue;
      SmallVector<Use *> uses(make_pointer_range(instruction.uses()));
      for (Use *use : drop_begin(uses)) {
        Instruction *same = instruction.clone();
        same->insertBefore(cast<Instruction>(use->getUser())->getIterator());
        use->set(same);
      }
      instruction.moveBefore(cast<Instruction>(uses.front()->getUser())->getIterator());
    }
}

} // namespace

StringMap<SharedFunction> nncc::shareFunctions(Module &module, ArrayRef<StringRef> names, bool hasMaxNum) {
  StringMap<std::vector<Group>> groups;
  std::vector<std::pair<StringRef, size_t>> order; // that of the names
  SmallSetVector<Function *, 32> functions;
  for (StringRef name : names)
    if (Function *function = module.getFunction(name); function && !function->isDeclaration())
      functions.insert(function);
  for (Function *function : functions) {
    NNCC_ASSERT(function->use_empty(), "a function that is called cannot be shared");
    // What it computes of shapes, which it may not read, is no difference. A shape is unread once what asks for a part
    // of it is simplified.
    for (bool goesOn = true; goesOn;) {
      goesOn = false;
      for (BasicBlock &block : *function)
        goesOn |= SimplifyInstructionsInBlock(&block);
    }
    // Others are to be fast.
    if (function->hasMinSize())
      keepApart(*function);
    Code code(*function);
    auto [known, isNew] = groups.try_emplace(keyOf(*function));
    std::vector<Group> &alike = known->second;
    if (any_of(alike, [&](Group &group) { return group.take(code); }))
      continue;
    order.push_back({known->first(), alike.size()});
    alike.emplace_back(std::move(code), hasMaxNum);
  }
  StringMap<SharedFunction> shared;
  for (auto [key, index] : order)
    groups[key][index].share(shared);
  return shared;
}
