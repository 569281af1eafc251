// Writes proofs of every toy circuit, honest and not, and what the C++ verifier says of each, for
// tests/oracle/verify_test.py to put before the Python verifier.
//
//     stark_oracle_cases DIRECTORY SEED MUTATIONS
//
// DIRECTORY/cases.txt has one line per case: key, statement, proof (files in DIRECTORY), level
// asked for, expected reason ("Valid" or a name of stark/protocol/error.h without its k), description.
#include <fmt/format.h>
#include <zk/check.h>

#include <algorithm>
#include <array>
#include <limits>
#include <random>

#include "stark/verifier/verifier.h"
#include "tests/oracle/case_files.h"
#include "tests/stark/support/mutator.h"
#include "tests/stark/support/proving.h"
#include "tests/stark/toys/all.h"

namespace zkvm::stark {
namespace {

using Bytes = std::vector<uint8_t>;

const char* name_of(ErrorCode code) {
  static constexpr std::array kNames = {"Truncated", "Trailing",       "Format",   "NonCanonical",
                                        "Key",       "Params",         "Tables",   "Statement",
                                        "Security",  "Multiplicities", "Nonce",    "Challenge",
                                        "BusSum",    "Constraints",    "Merkle",   "Deep",
                                        "Fold",      "Final",          "Cancelled"};
  static_assert(kNames.size() == static_cast<size_t>(ErrorCode::kCancelled) + 1);
  return kNames.at(static_cast<size_t>(code));
}

/// Few queries: the Python verifier's time is theirs.
Params few_queries(bool zk, uint8_t log_stack = 0) {
  Params params = quick_params(zk, log_stack);
  params.queries = 6;
  params.log_final = 4;  // toys are small
  return params;
}

class CaseWriter {
 public:
  explicit CaseWriter(std::string directory) : files_(std::move(directory)) {}

  /// Asks the C++ verifier and writes the case down. Gives the reason.
  std::string add(const std::string& what, const Bytes& key, const Statement& statement,
                  const Bytes& proof, double security_bits = 0) {
    const auto parsed = VerifyingKey::parse(key);
    const Result<Verified> verdict =
        parsed ? verify(*parsed, statement, proof, {.security_bits = security_bits})
               : tl::unexpected<Error>(parsed.error());
    std::string reason = verdict ? "Valid" : name_of(verdict.error().code);
    files_.add(fmt::format("{} {} {} {} {} {}", files_.file(key),
                           files_.file(statement.serialise()), files_.file(proof), security_bits,
                           reason, what));
    return reason;
  }

 private:
  test::CaseFiles files_;  // mutations of a proof share key and statement
};

struct Made {
  std::string name;
  Bytes key;
  Statement statement;
  Proof proof;
};

Made make(toys::Toy& toy, const Params& params, const std::string& name, uint8_t log_stride = 0) {
  const ToyProver prover(toy, params, log_stride);
  return {name, prover.key().serialise(), prover.statement(), prover.prove()};
}

/// Valid, in unique decoding and then in the Johnson regime, and refused at a level just above what the
/// proof has: both calculators agree.
Verified add_honest(CaseWriter& out, const Made& made) {
  const auto key = VerifyingKey::parse(made.key);
  const auto verified = check(*key, made.statement, made.proof);
  if (!verified) fmt::print(stderr, "{}: {}\n", made.name, verified.error().message);
  ZK_CHECK(verified.has_value());
  const double bits = verified->soundness.bits;
  out.add(made.name, made.key, made.statement, made.proof.serialise());
  out.add(made.name + ", level met", made.key, made.statement, made.proof.serialise(), bits - 1e-6);
  out.add(made.name + ", next level", made.key, made.statement, made.proof.serialise(),
          bits + 1e-6);
  const auto johnson =
      verify(*key, made.statement, made.proof.serialise(), {.security_bits = bits + 1e-6});
  if (!johnson) return *verified;
  ZK_CHECK(johnson->soundness.regime == Regime::kJohnson);
  const double most = johnson->soundness.bits;
  out.add(made.name + ", level met in the Johnson regime", made.key, made.statement,
          made.proof.serialise(), most - 1e-6);
  out.add(made.name + ", level missed", made.key, made.statement, made.proof.serialise(),
          most + 1e-6);
  return *verified;
}

void add_proof_mutations(CaseWriter& out, const Made& made, uint64_t seed, size_t count) {
  ProofMutator mutator(made.proof, made.proof, seed);
  for (const ProofBytes& bytes : mutator.layout())
    out.add(made.name + ", flip " + bytes.name, made.key, made.statement, mutator.flip(bytes));
  for (size_t i = 0; i < count; ++i) {
    std::string what;
    const Bytes proof = mutator.next(what);
    out.add(made.name + ", " + what, made.key, made.statement, proof);
  }
}

void add_key_mutations(CaseWriter& out, const Made& made, std::mt19937_64& random, size_t count) {
  const Bytes proof = made.proof.serialise();
  for (size_t i = 0; i < count; ++i) {
    Bytes key = made.key;
    const size_t at = random() % key.size();
    switch (random() % 4) {
      case 0:
        key.resize(at);
        break;
      case 1:
        key.insert(key.begin() + static_cast<ptrdiff_t>(at), static_cast<uint8_t>(random()));
        break;
      case 2:
        key[at] = static_cast<uint8_t>(random());
        break;
      default:
        key[at] ^= static_cast<uint8_t>(1u << (random() % 8));
    }
    out.add(fmt::format("{}, key changed at {}", made.name, at), key, made.statement, proof);
  }
}

void add_statement_mutations(CaseWriter& out, const Made& made) {
  const auto add = [&](const char* what, auto change) {
    Statement statement = made.statement;
    change(statement);
    out.add(made.name + ", " + what, made.key, statement, made.proof.serialise());
  };
  add("public interaction of no bus",
      [](Statement& s) { s.publics.push_back({999, 1, Fp::one().wire, {Fp::one().wire}}); });
  add("public interaction on bus 0",
      [](Statement& s) { s.publics.push_back({0, 1, Fp::one().wire, {Fp::one().wire}}); });
  add("root of no slot", [](Statement& s) { s.shared.push_back({77, Digest{}}); });
  for (size_t i = 0; i < made.statement.publics.size() && i < 3; ++i) {
    add("public bus", [i](Statement& s) { ++s.publics[i].bus; });
    add("public sign",
        [i](Statement& s) { s.publics[i].sign = static_cast<int8_t>(-s.publics[i].sign); });
    add("public multiplicity >= p",
        [i](Statement& s) { s.publics[i].multiplicity = Fp::kModulus; });
    add("public multiplicity p - 1",
        [i](Statement& s) { s.publics[i].multiplicity = (-Fp::one()).wire; });
    add("public value", [i](Statement& s) { s.publics[i].tuple[0] ^= 1; });
    add("public value >= p", [i](Statement& s) { s.publics[i].tuple[0] = Fp::kModulus; });
    add("public tuple too long", [i](Statement& s) { s.publics[i].tuple.push_back(0); });
    add("public tuple empty", [i](Statement& s) { s.publics[i].tuple.clear(); });
    add("public interaction dropped",
        [i](Statement& s) { s.publics.erase(s.publics.begin() + static_cast<ptrdiff_t>(i)); });
    add("public interaction twice", [i](Statement& s) { s.publics.push_back(s.publics[i]); });
  }
  for (size_t i = 0; i < made.statement.shared.size(); ++i) {
    add("shared root", [i](Statement& s) { s.shared[i].root[3] ^= 1; });
    add("shared slot", [i](Statement& s) { ++s.shared[i].slot; });
    add("shared root dropped",
        [i](Statement& s) { s.shared.erase(s.shared.begin() + static_cast<ptrdiff_t>(i)); });
  }
}

/// The reference prover: the real one stops at a witness whose quotient is not a polynomial.
void add_cheats(CaseWriter& out, toys::Toy& toy, const Params& params, const std::string& name) {
  const ToyProver prover(toy, params);
  for (const toys::Cheat& cheat : toy.cheats) {
    Witness witness = toy.witness;
    cheat.apply(witness);
    ReferenceProver reference(prover.key(), params, witness, prover.reference_slots(),
                              prover.random());
    out.add(name + ", cheat " + cheat.name, prover.key().serialise(), reference.statement(),
            reference.prove().serialise());
  }
}

/// Sends something else at one step and is honest about what it sent ever after.
class LyingProver : public ReferenceProver {
 public:
  enum class Lie {
    kCell,
    kPolynomial,
    kPlaces,  // two columns of a stack in each other's place
    kWords,   // two words of a row
    kHeight,  // a stack as if its columns were taller
    kSalt,
    kSum,
    kOpening,
    kCodeword,
    kOneValue,
    kFinal
  };
  static constexpr int kLies = static_cast<int>(Lie::kFinal) + 1;

  LyingProver(const ToyProver& prover, const toys::Toy& toy, const Params& params, Lie lie,
              uint32_t where)
      : ReferenceProver(prover.key(), params, toy.witness, prover.reference_slots(),
                        prover.random()),
        lie_(lie),
        where_(where) {}

 private:
  [[nodiscard]] bool here(uint32_t tree) const {
    return tree == shape_.tree(Phase::kMain) + where_;
  }
  void on_columns(uint32_t tree, uint32_t group, Columns& columns) override {
    if (lie_ == Lie::kCell && here(tree) && group == 0) columns[0][3] = columns[0][3] + Fp::one();
  }
  void on_polynomials(uint32_t tree, uint32_t group, Columns& coefficients) override {
    if (lie_ == Lie::kPolynomial && here(tree) && group == 0)
      coefficients[0][5] = coefficients[0][5] + Fp::one();
  }
  void on_rows(uint32_t tree, ReferenceTree& made) override {
    if (!here(tree)) return;
    auto& [log_height, columns, stacked] = made.groups.back();
    const auto restack = [&] { made.stack(shape_.log_height, shape_.params.log_blowup); };
    if (lie_ == Lie::kPlaces && columns.size() > 1) {
      std::swap(columns[0], columns[1]);
      restack();
      std::swap(columns[0], columns[1]);
    }
    if (lie_ == Lie::kWords && made.rows[0].size() > 1)
      for (auto& row : made.rows) std::swap(row[0], row[1]);
    if (lie_ == Lie::kHeight && log_height < shape_.log_height) {
      const StackedColumns& first = stacked[0];
      const auto word = stack_words(
          std::span(columns).first(std::min(1u << first.log_stack, first.restart)), log_height + 1u,
          log_height + unsigned{first.log_stack}, shape_.params.log_blowup);
      const uint32_t at = shape_.groups.back().stacked[tree][0].first_word;
      for (size_t e = 0; e < made.rows.size(); ++e) made.rows[e][at] = word[e % word.size()];
    }
    if (lie_ == Lie::kSalt)
      for (auto& row : made.rows) row.resize(row.size() - made.salts.size());
  }
  void on_sums(std::vector<Fp5>& sums) override {
    if (lie_ == Lie::kSum) change(sums[where_ % sums.size()]);
  }
  void on_openings(std::vector<Fp5>& openings) override {
    if (lie_ == Lie::kOpening) change(openings[37 * where_ % openings.size()]);
  }
  void on_codeword(size_t layer, std::vector<Fp5>& codeword) override {
    if (layer != where_) return;
    if (lie_ == Lie::kCodeword)
      for (Fp5& value : codeword) change(value);
    if (lie_ == Lie::kOneValue) change(codeword[0]);
  }
  void on_final(std::vector<Fp5>& coefficients) override {
    if (lie_ == Lie::kFinal) change(coefficients[where_ % coefficients.size()]);
  }
  static void change(Fp5& value) { value = value + Fp5::one(); }

  Lie lie_;
  uint32_t where_;
};

/// `places`: of the lies; of those about trees 0 is main, 1 what follows it, ...
void add_lies(CaseWriter& out, toys::Toy& toy, const Params& params, const std::string& name,
              const std::vector<uint32_t>& places = {0, 1, 2}) {
  const ToyProver prover(toy, params);
  for (int lie = 0; lie < LyingProver::kLies; ++lie)
    for (const uint32_t where : places) {
      LyingProver liar(prover, toy, params, static_cast<LyingProver::Lie>(lie), where);
      const Bytes proof = liar.prove().serialise();
      out.add(fmt::format("{}, lie {} at {}", name, lie, where), prover.key().serialise(),
              liar.statement(), proof);
    }
}

/// Parameters at their edges, where verifiers are most likely to differ.
void add_rates(CaseWriter& out) {
  for (const bool zk : {false, true})
    for (const auto& change : std::vector<std::function<void(Params&)>>{
             [](Params& p) { p.log_blowup = 2; },
             [](Params& p) { p.log_blowup = 4; },
             [](Params& p) { p.log_final = 0; },
             [](Params& p) { p.log_final = 12; },
             [](Params& p) { p.queries = 1; },
             [](Params& p) { p.grind_query = 0; },
             [](Params& p) { p.grind_round = 0; },
             [](Params& p) { p.log_stack = 1; },
             [](Params& p) { p.log_stack = 2; },
             [](Params& p) { p.log_stack = 4; },
             [](Params& p) { p.log_stack = p.log_blowup = 2; },
         }) {
      Params params = few_queries(zk);
      change(params);
      const std::string name =
          fmt::format("blowup 2^{}, {} queries, grinding {} and {}, final 2^{}, stacks of 2^{}",
                      params.log_blowup, params.queries, params.grind_query, params.grind_round,
                      params.log_final, params.log_stack);
      toys::Toy machine = toys::machine(9, 8);
      add_honest(out, make(machine, params, "machine: " + name));
      toys::Toy fibonacci = toys::fibonacci(8);
      add_honest(out, make(fibonacci, params, "fibonacci: " + name));
    }
  for (const uint8_t log_rows : {uint8_t{9}, uint8_t{10}}) {  // the last fold is by 2, by 4
    Params params = few_queries(true);
    params.log_final = 0;
    toys::Toy fibonacci = toys::fibonacci(log_rows);
    add_honest(out,
               make(fibonacci, params, fmt::format("fibonacci of 2^{}, to a constant", log_rows)));
  }
  for (const uint8_t log_stride : {uint8_t{1}, uint8_t{2}, uint8_t{3}}) {
    toys::Toy machine = toys::machine(9, 8);
    add_honest(
        out, make(machine, few_queries(true),
                  fmt::format("machine: fixed trees of blowup 2^{}", 1 + log_stride), log_stride));
  }
}

/// A key of some kilobytes whose tables would have millions of terms; the proof is as long as its
/// opened values are.
void add_many_terms(CaseWriter& out) {
  constexpr uint16_t kColumns = 16, kInteractions = 10, kTables = 1024;
  AffineForm all;
  for (uint16_t column = 0; column < kColumns; ++column)
    all.terms.push_back({column, Fp::one().wire});
  VerifyingKey key;
  key.tuple_width = kMaxTupleWidth;
  ChipKey& chip = key.chips.emplace_back();
  chip.name = "many terms";
  chip.main_width = kColumns;
  for (int i = 0; i < kInteractions; ++i)
    chip.interactions.push_back(
        {1, Interaction::Kind::kAnswer, 0, all, std::vector<AffineForm>(kMaxTupleWidth, all)});
  ByteWriter proof;
  proof.put_text("ZKPF");
  proof.put(uint32_t{4});
  proof.put_bytes(few_queries(false).serialise());
  proof.put_bytes(serialise(std::vector<TableSpec>(kTables, {0, 10})));
  proof.put_bytes(Bytes(size_t{kTables} * 20 * (kColumns + 5 * kInteractions / 2)));
  ZK_CHECK(out.add("too many terms", key.serialise(), {}, std::move(proof).take()) == "Tables");
}

/// A late tree whose tallest group is not the proof's and may have words enough to go without salt;
/// the greatest power that there is.
struct Weighed {
  static constexpr const char* kName = "weighed";
  static constexpr const char* kColumns = "value by_lambda[5] by_mu[5]";
  static constexpr uint16_t kLateWidth = 10;
  static constexpr uint32_t kLateDegree = kMaxLatePower;
  template <class T>
  struct Cols {
    T value;
    Ext<T> by_lambda, by_mu;
  };

  template <AirBuilder B>
  static void eval(B& air, const Cols<typename B::Var>& row) {
    air.assert_zero("lambda", row.by_lambda - row.value * air.late(kLambda, kMaxLatePower));
    air.assert_zero("mu", row.by_mu - row.value * air.late(kMu, 3));
  }
  static void make_late(const Witness&, const Table& table, const LatePowers& late, Fp* rows) {
    for (const Fp value : table.cells)
      for (const Fp5& x : {late(kLambda, kMaxLatePower) * value, late(kMu, 3) * value})
        rows = std::copy_n(x.c, Fp5::kDegree, rows);
  }
};

struct Tall {
  static constexpr const char* kName = "tall";
  static constexpr const char* kColumns = "bit";
  template <class T>
  struct Cols {
    T bit;
  };

  template <AirBuilder B>
  static void eval(B& air, const Cols<typename B::Var>& row) {
    air.assert_bool("bit", row.bit);
  }
};

void add_weighed(CaseWriter& out) {
  const Circuit circuit = toys::make_circuit(ChipList<Weighed, Tall>{}, {});
  const auto prove = [&](const Params& params, size_t tables, const std::string& name) {
    Witness witness;
    for (size_t t = 0; t < tables; ++t) {
      Table table =
          make_table<Weighed>(0, 8, std::vector<Weighed::Cols<Fp>>(t + 1, {Fp::from(7), {}, {}}));
      table.make_late = Weighed::make_late;
      witness.tables.push_back(std::move(table));
    }
    witness.tables.push_back(make_table<Tall>(1, 9, std::vector<Tall::Cols<Fp>>{}));
    witness.sort();
    ReferenceProver prover(circuit.key(), params, witness, {},
                           random_source(kTestSeed, params.log_blowup));
    return Made{name, circuit.key().serialise(), prover.statement(), prover.prove()};
  };
  for (const size_t tables : {1, 2})
    for (const uint8_t log_stack : {uint8_t{0}, uint8_t{1}, uint8_t{2}})
      add_honest(out, prove(few_queries(true, log_stack), tables,
                            fmt::format("{} weighed, stacks of 2^{}", tables, log_stack)));
  Params params = few_queries(false);
  params.log_blowup = 2;
  params.queries = 220;
  const Soundness found = add_honest(out, prove(params, 4, "the late row")).soundness;
  ZK_CHECK(std::ranges::min(found.rounds, {}, &SoundnessRound::bits).name == "late");
}

/// Keys of which a proof is refused in any case: is it for the key?
void add_late_keys(CaseWriter& out) {
  using Op = ExpressionNode::Op;
  toys::Toy toy = toys::product(8);
  const Made made = make(toy, few_queries(false), "product");
  const VerifyingKey good = *VerifyingKey::parse(made.key);
  const auto add = [&](const std::string& what, bool consistent, const VerifyingKey& key) {
    const std::string reason = out.add(fmt::format("{}, key with {}", made.name, what),
                                       key.serialise(), made.statement, made.proof.serialise());
    ZK_CHECK((reason != "Key") == consistent);
  };
  const auto changed = [&](const char* what, auto change) {
    VerifyingKey key = good;
    change(key.chips[0]);
    add(what, true, key);
  };
  changed("one late column more", [](ChipKey& chip) { ++chip.late_width; });
  changed("a late column that is main",
          [](ChipKey& chip) { ++chip.main_width, --chip.late_width; });

  const auto chip = [&](const char* what, bool consistent, uint16_t main_width, uint16_t late_width,
                        std::vector<ExpressionNode> nodes = {}, std::vector<uint16_t> next = {}) {
    VerifyingKey key = good;  // the chip has no table
    ChipKey& added = key.chips.emplace_back();
    added.name = "another";
    added.main_width = main_width;
    added.late_width = late_width;
    added.late_degree = late_width > 0 ? 1 : 0;
    added.next = std::move(next);
    added.nodes = std::move(nodes);
    add(fmt::format("another chip: {}", what), consistent, key);
  };
  chip("no main columns", false, 0, 1);
  chip("as many columns as may be", true, 1, kMaxChipColumns - 1);
  chip("a late column too many", false, 1, kMaxChipColumns);
  chip("65535 late columns", false, 1, 0xffff);
  chip("late columns are named", true, 1, 2, {{Op::kColumn, 1}, {Op::kColumn, 2}, {Op::kNext, 2}},
       {2});
  chip("no such late column", false, 1, 2, {{Op::kColumn, 3}});
  chip("no such late column on the next row", false, 1, 2, {}, {3});
  chip("a late node without late columns", false, 1, 0, {{Op::kLate, 0, 1}});
  chip("the last late node of all", true, 1, 1, {{Op::kLate, 9, kMaxLatePower}});
  chip("a third late challenge", false, 1, 1, {{Op::kLate, 10, 1}});
  chip("late challenge 51", false, 1, 1, {{Op::kLate, 255, 1}});
  chip("power 0", false, 1, 1, {{Op::kLate, 0, 0}});
  chip("power 65", false, 1, 1, {{Op::kLate, 0, kMaxLatePower + 1}});
  chip("power 255", false, 1, 1, {{Op::kLate, 0, 255}});
  chip("late nodes have degree 0", true, 1, 1,
       {{Op::kLate, 4, 2},
        {Op::kColumn, 1},
        {Op::kMul, 0, 1},
        {Op::kMul, 1, 2},
        {Op::kMul, 2, 3},
        {Op::kMul, 0, 0}});

  // The late degree of an assert of mu^3 (lambda^5 + mu^4) x is 8.
  const auto degree = [&](const char* what, bool consistent, uint32_t declared,
                          uint16_t late_width) {
    VerifyingKey key = good;
    ChipKey& added = key.chips.emplace_back();
    added.name = "another";
    added.main_width = 1;
    added.late_width = late_width;
    added.late_degree = declared;
    if (late_width > 0)
      added.nodes = {{Op::kLate, 5, 3}, {Op::kLate, 0, 5}, {Op::kLate, 6, 4}, {Op::kAdd, 1, 2},
                     {Op::kMul, 0, 3},  {Op::kColumn, 0},  {Op::kMul, 4, 5}};
    if (late_width > 0) added.asserts = {6};
    add(fmt::format("another chip: {}", what), consistent, key);
  };
  degree("the late degree of its assert", true, 8, 1);
  degree("a late degree less than its assert's", false, 7, 1);
  degree("the greatest late degree", true, kMaxLateDegree, 1);
  degree("a greater one", false, kMaxLateDegree + 1, 1);
  degree("no late degree", false, 0, 1);
  degree("a late degree without late columns", false, 1, 0);
  VerifyingKey chosen = good;
  chosen.chips[0].interactions[0].multiplicity = {0, {{4, Fp::one().wire}}};
  add("a late multiplicity", false, chosen);
}

void add_secure(CaseWriter& out) {
  const auto add = [&](toys::Toy toy, const std::string& name, uint8_t log_stack = 0) {
    toy.witness.sort();
    const auto params = secure_params(toy, log_stack);
    ZK_CHECK(params.has_value());
    const Made made = make(toy, *params, name);
    out.add(made.name, made.key, made.statement, made.proof.serialise(), kDefaultSecurityBits);
  };
  add(toys::machine(9, 12), "machine at 128 bits");
  add(toys::machine(9, 12), "machine in stacks of 2 at 128 bits", 1);
  add(toys::mixed(toys::every_height()), "tables of every height at 128 bits");
}

int run(const std::string& directory, uint64_t seed, size_t mutations) {
  CaseWriter out(directory);
  std::mt19937_64 random(seed);
  const size_t toys_and_kinds = 2 * toys::all_toys(8).size();
  const size_t share = mutations / toys_and_kinds + 1;
  for (const bool zk : {false, true}) {
    size_t turn = zk;  // stacks of 1, 2 and 4 columns, and others with masks than without
    for (toys::Toy& toy : toys::all_toys(8)) {
      const Params params = few_queries(zk, static_cast<uint8_t>(turn++ % 3));
      const Made made = make(toy, params, toy.name + (zk ? ", masked" : ", plain"));
      add_honest(out, made);
      Params ungrinded = params;  // nonces hide what lies behind them
      ungrinded.grind_query = ungrinded.grind_round = 0;
      add_proof_mutations(out, made, random(), share / 4);
      add_proof_mutations(out, make(toy, ungrinded, made.name + ", no grinding"), random(), share);
      add_key_mutations(out, made, random, share);
      add_statement_mutations(out, made);
      add_cheats(out, toy, params, made.name);
    }
  }
  for (const bool zk : {false, true}) {
    Params params = few_queries(zk, /*log_stack=*/1);
    params.log_final = 4;  // enough layers to lie in, and no last codeword that is any polynomial
    toys::Toy machine = toys::machine(9, 8);
    add_lies(out, machine, params, zk ? "machine, masked" : "machine, plain");
    toys::Toy heights = toys::mixed({8, 11, 9, 8});
    add_lies(out, heights, params, zk ? "heights, masked" : "heights, plain");
    toys::Toy apart = toys::mixed({12, 7});  // masked: short masks
    add_lies(out, apart, params, zk ? "heights apart, masked" : "heights apart, plain");
    toys::Toy shared = toys::memory(9, 8, /*shared=*/true);
    add_lies(out, shared, params, zk ? "shared memory, masked" : "shared memory, plain");
    toys::Toy product = toys::product(8);
    add_lies(out, product, params, zk ? "product, masked" : "product, plain",
             {1});  // the late tree
  }
  add_rates(out);
  add_late_keys(out);
  add_weighed(out);
  add_many_terms(out);
  add_secure(out);
  return 0;
}

}  // namespace
}  // namespace zkvm::stark

int main(int argc, char** argv) {
  if (argc != 4) {
    fmt::print(stderr, "usage: {} DIRECTORY SEED MUTATIONS\n", argv[0]);
    return 2;
  }
  return zkvm::stark::run(argv[1], std::stoull(argv[2]), std::stoull(argv[3]));
}
