// The known classes of zkVM bugs and the hazards of the arithmetization, by name: each a forgery of
// a small program's witness that an attacker would try, put right as far as that is possible. It
// must be caught, by what is named where only one thing can, and its proof must not verify.
#include <gtest/gtest.h>

#include <algorithm>

#include "stark/chips/memory/refresh.h"
#include "stark/poly/tile_matrix.h"
#include "tests/evil/workbench.h"

namespace zkvm::stark::machine::evil {
namespace {

using namespace vm::test;
using chips::kMachineBase;

constexpr uint32_t kX = s2, kY = s3, kZ = s4;  // operands and result

/// x = a, y = b, then `instruction`, then exit.
std::vector<uint32_t> program(uint32_t a, uint32_t b, uint32_t instruction) {
  return Assembler().li(kX, a).li(kY, b)(instruction).exit(3).words();
}

/// The first row of a chip.
Place first(const Forgery& forgery, std::string_view chip) { return {forgery.table(chip), 0}; }
/// A row of a chip that is padding.
Place padding(const Forgery& forgery, std::string_view chip) {
  const size_t table = forgery.table(chip);
  return {table, forgery.witness().tables[table].height() - 1};
}
/// The forgery is caught, `by` something whose name begins so; the whole witness is refused by the
/// checker, and its proof by the verifier.
void expect_caught(Workbench& bench, const std::string& by = "") {
  Forgery& forgery = *bench.forgery;
  forgery.repair_banks();
  const std::string caught = forgery.caught();
  EXPECT_FALSE(caught.empty());
  EXPECT_TRUE(caught.starts_with(by)) << caught;
  EXPECT_FALSE(check_witness(*bench.circuit, forgery.finished()).ok());
  EXPECT_NE(bench.prove_and_verify(), "");
  forgery.reset();
}

TEST(Workbench, AcceptsWhatIsRight) {
  Workbench bench(program(5, 6, add(kZ, kX, kY)));
  EXPECT_EQ(bench.prove_and_verify(), "");
  // A change that an honest prover could have made, with all that depends on it put right, passes:
  // the workbench does not call everything a forgery.
  Forgery& forgery = *bench.forgery;
  const Place refresh = padding(forgery, chips::Refresh::kName);
  forgery.set(refresh, "lo", Fp::from(3));
  forgery.repair_banks();
  EXPECT_EQ(forgery.caught(), "");
  EXPECT_TRUE(check_witness(*bench.circuit, forgery.finished()).ok());
  EXPECT_EQ(bench.prove_and_verify(), "");
}

// --- 1: results that nothing binds to the operands

TEST(Evil, Class01ResultNotBoundToOperands) {
  struct Case {
    uint32_t instruction;
    const char* chip;
    const char* column;
  };
  const Case cases[] = {
      {add(kZ, kX, kY), "add", "c[0]"},
      {r_type(0x20, 0, kZ, kX, kY), "add", "c[0]"},
      {r_type(0, 7, kZ, kX, kY), "bits", "c[0]"},
      {r_type(0, 6, kZ, kX, kY), "bits", "c[1]"},
      {r_type(0, 4, kZ, kX, kY), "bits", "c[0]"},
      {r_type(0, 2, kZ, kX, kY), "compare", "less"},
      {r_type(0, 3, kZ, kX, kY), "compare", "less"},
      {r_type(1, 0, kZ, kX, kY), "mul", "c[0]"},
      {r_type(1, 1, kZ, kX, kY), "mulh", "c[0]"},
      {r_type(1, 3, kZ, kX, kY), "mulh", "c[1]"},
      {r_type(1, 4, kZ, kX, kY), "div", "c[0]"},
      {r_type(1, 6, kZ, kX, kY), "div", "c[0]"},
  };
  for (const Case& c : cases) {
    Workbench bench(program(0x80001234, 0x1005, c.instruction));
    const Place row = first(*bench.forgery, c.chip);
    const Fp honest = bench.forgery->get(row, c.column);
    bench.forgery->set(row, c.column,
                       std::string(c.column) == "less" ? Fp::one() - honest : honest + Fp::one());
    expect_caught(bench, c.chip);
  }
}

// --- 2: division and remainder corners

// Tells of a / b another quotient and remainder, with everything inside the row made to fit.
void forge_division(Workbench& bench, uint32_t quotient, uint32_t remainder, bool is_div) {
  Forgery& forgery = *bench.forgery;
  const Place row = first(forgery, "div");
  for (int i = 0; i < 4; ++i)
    forgery.set(row, "quotient[" + std::to_string(i) + "]", Fp::from(quotient >> (8 * i) & 0xff));
  forgery.set(row, "remainder[0]", Fp::from(remainder & 0xffff));
  forgery.set(row, "remainder[1]", Fp::from(remainder >> 16));
  const uint32_t magnitude = is_div ? quotient : remainder;
  forgery.set(row, "magnitude[0]", Fp::from(magnitude & 0xffff));
  forgery.set(row, "magnitude[1]", Fp::from(magnitude >> 16));
  const bool negative = forgery.get(row, "negative") == Fp::one();
  const uint32_t c = negative ? 0 - magnitude : magnitude;
  forgery.set(row, "c[0]", Fp::from(c & 0xffff));
  forgery.set(row, "c[1]", Fp::from(c >> 16));
}

TEST(Evil, Class02DivisionCorners) {
  {  // 17 / 5 = 2, remainder 7: remainder >= divisor
    Workbench bench(program(17, 5, r_type(1, 5, kZ, kX, kY)));
    forge_division(bench, 2, 7, true);
    expect_caught(bench);
  }
  {  // 17 / 5 = 4, remainder -3
    Workbench bench(program(17, 5, r_type(1, 5, kZ, kX, kY)));
    forge_division(bench, 4, 0u - 3, true);
    expect_caught(bench);
  }
  {  // 17 / 0 = 0
    Workbench bench(program(17, 0, r_type(1, 5, kZ, kX, kY)));
    forge_division(bench, 0, 17, true);
    expect_caught(bench, "div: a / 0");
  }
  {  // "by zero" where the divisor is not: any remainder
    Workbench bench(program(17, 5, r_type(1, 7, kZ, kX, kY)));
    forge_division(bench, 2, 7, false);
    bench.forgery->set(first(*bench.forgery, "div"), "zero", Fp::one());
    expect_caught(bench, "div: b = 0");
  }
  {  // -2^31 / -1 = 2^31 - 1
    Workbench bench(program(0x80000000, 0xffffffff, r_type(1, 4, kZ, kX, kY)));
    forge_division(bench, 0x7fffffff, 1, true);
    expect_caught(bench);
  }
  {  // -7 / 2: rounded down, not towards zero
    Workbench bench(program(0u - 7, 2, r_type(1, 4, kZ, kX, kY)));
    forge_division(bench, 4, 0u - 1, true);
    expect_caught(bench);
  }
  {  // a remainder of the wrong sign
    Workbench bench(program(0u - 7, 2, r_type(1, 6, kZ, kX, kY)));
    bench.forgery->set(first(*bench.forgery, "div"), "negative", Fp::zero());
    bench.forgery->set(first(*bench.forgery, "div"), "c[0]", Fp::one());
    bench.forgery->set(first(*bench.forgery, "div"), "c[1]", Fp::zero());
    expect_caught(bench, "div: negative");
  }
}

// --- 3: multiples of p and missing limb checks

TEST(Evil, Class03MultiplesOfP) {
  {  // 0 * 0 = p = 1 + 2^16 * 32512
    Workbench bench(program(0, 0, r_type(1, 0, kZ, kX, kY)));
    const Place row = first(*bench.forgery, "mul");
    bench.forgery->set(row, "c[0]", Fp::one());
    bench.forgery->set(row, "carry[0]", Fp::from(32512));
    bench.forgery->set(row, "c[1]", Fp::from(32512));
    expect_caught(bench, "bus range14");
  }
  {  // 0x7f000001 = p is not 0
    Workbench bench(program(0x7f000001, 0, b_type(0, kX, kY, 8)));
    bench.forgery->set(first(*bench.forgery, "beq"), "equal", Fp::one());
    bench.forgery->set(first(*bench.forgery, "beq"), "inverse", Fp::zero());
    expect_caught(bench, "beq");
  }
  {  // limbs that are the sum, but not below 2^16
    Workbench bench(program(0xffff, 1, add(kZ, kX, kY)));
    const Place row = first(*bench.forgery, "add");
    bench.forgery->set(row, "c[0]", Fp::from(0x10000));
    bench.forgery->set(row, "c[1]", Fp::zero());
    expect_caught(bench, "bus range16");
  }
  {  // a negative limb
    Workbench bench(program(5, 0, add(kZ, kX, kY)));
    const Place row = first(*bench.forgery, "add");
    bench.forgery->set(row, "c[0]", Fp::from(5) - Fp::from(0x10000));
    bench.forgery->set(row, "c[1]", Fp::one());
    expect_caught(bench, "bus range16");
  }
}

// --- 4: padding and selectors

TEST(Evil, Class04PaddingAndSelectors) {
  for (const char* flag : {"or", "xor"}) {  // two operations at once
    Workbench bench(program(12, 10, r_type(0, 7, kZ, kX, kY)));
    bench.forgery->set(first(*bench.forgery, "bits"), flag, Fp::one());
    expect_caught(bench);
  }
  {  // a difference where the program says add, with the difference as result
    Workbench bench(program(12, 10, add(kZ, kX, kY)));
    const Place row = first(*bench.forgery, "add");
    bench.forgery->set(row, "subtract", Fp::one());
    bench.forgery->set(row, "c[0]", Fp::from(2));
    expect_caught(bench, "bus program");
  }
  {  // halfway between sum and difference
    Workbench bench(program(12, 10, add(kZ, kX, kY)));
    bench.forgery->set(first(*bench.forgery, "add"), "subtract", inverse(Fp::from(2)));
    expect_caught(bench, "add: subtract");
  }
  {  // a row that counts twice
    Workbench bench(program(12, 10, add(kZ, kX, kY)));
    bench.forgery->set(first(*bench.forgery, "add"), "real", Fp::from(2));
    expect_caught(bench, "add: real");
  }
  {  // a row that takes back what another did
    Workbench bench(program(12, 10, add(kZ, kX, kY)));
    bench.forgery->set(first(*bench.forgery, "add"), "real", -Fp::one());
    expect_caught(bench, "add: real");
  }
  {  // a padding row that writes a register
    Workbench bench(program(12, 10, add(kZ, kX, kY)));
    Forgery& forgery = *bench.forgery;
    const Place row = padding(forgery, "add"), live = first(forgery, "add");
    for (uint32_t col = 0; col < forgery.chip(row.table).key.columns(); ++col)
      forgery.set(row, col, forgery.get(live, col));
    expect_caught(bench, "bus");
  }
  {  // div and rem of one row
    Workbench bench(program(17, 5, r_type(1, 4, kZ, kX, kY)));
    bench.forgery->set(first(*bench.forgery, "div"), "rem", Fp::one());
    expect_caught(bench, "div");
  }
}

// --- 5: order and staleness of memory

TEST(Evil, Class05StaleMemory) {
  // z = x + y, y = 9, z = x + y again: the second sum is to find the first one's y.
  const auto text = Assembler()
                        .li(kX, 1)
                        .li(kY, 2)(add(kZ, kX, kY))(addi(kY, zero, 9))(add(kZ, kX, kY))
                        .exit(0)
                        .words();
  {
    Workbench bench(text);
    Forgery& forgery = *bench.forgery;
    const Place before{forgery.table("add"), 0}, after{forgery.table("add"), 1};
    for (const char* col : {"b[0]", "b[1]", "tb"})
      forgery.set(after, col, forgery.get(before, col));
    forgery.set(after, "c[0]", Fp::from(3));
    expect_caught(bench, "bus memory");
  }
  {  // the stale value with the fresh time
    Workbench bench(text);
    Forgery& forgery = *bench.forgery;
    const Place after{forgery.table("add"), 1};
    forgery.set(after, "b[0]", Fp::from(2));
    forgery.set(after, "c[0]", Fp::from(3));
    expect_caught(bench, "bus memory");
  }
  {  // an access that finds what it leaves itself: t_old = t_new
    Workbench bench(text);
    Forgery& forgery = *bench.forgery;
    const Place row{forgery.table("add"), 1};
    forgery.set(row, "tb", forgery.get(row, "clk") * Fp::from(4) + Fp::one());
    forgery.set(row, "b[0]", Fp::from(77));
    forgery.set(row, "c[0]", Fp::from(78));
    expect_caught(bench, "bus");
  }
  {  // two accesses that find each other's value: t_old > t_new in one of them
    Workbench bench(text);
    Forgery& forgery = *bench.forgery;
    const Place one{forgery.table("add"), 0}, two{forgery.table("add"), 1};
    const auto time = [&](Place at) { return forgery.get(at, "clk") * Fp::from(4) + Fp::one(); };
    for (const Place at : {one, two}) {
      forgery.set(at, "b[0]", Fp::from(40));
      forgery.set(at, "c[0]", Fp::from(41));
    }
    forgery.set(one, "tb", time(two));
    forgery.set(two, "tb", time(one));
    expect_caught(bench, "bus");
  }
  {  // a refresh that changes what it reads
    std::vector<uint32_t> nops(600, kNop);
    nops[0] = addi(kX, zero, 7);
    Assembler long_text;
    for (const uint32_t word : nops) long_text(word);
    Workbench bench(long_text.exit(0).words());
    bench.forgery->set(first(*bench.forgery, "refresh"), "lo", Fp::from(1));
    expect_caught(bench, "bus memory");
  }
}

// --- 6: control flow and termination

TEST(Evil, Class06ControlFlow) {
  {  // a branch that is taken and should not be
    Workbench bench(program(1, 2, b_type(0, kX, kY, 8)));
    Forgery& forgery = *bench.forgery;
    forgery.set(first(forgery, "beq"), "next_pc", forgery.get(first(forgery, "beq"), "target"));
    expect_caught(bench, "beq: next pc");
  }
  {  // a jump past its target
    Workbench bench(program(1, 2, jal(kZ, 4)));
    Forgery& forgery = *bench.forgery;
    const Place row = first(forgery, "jalr");
    forgery.set(row, "imm", forgery.get(row, "imm") + Fp::from(4));
    expect_caught(bench, "bus");
  }
  {  // a jump to the byte before its target
    Workbench bench(program(1, 2, jal(kZ, 4)));
    bench.forgery->set(first(*bench.forgery, "jalr"), "odd", Fp::one());
    expect_caught(bench, "bus state");
  }
  {  // a jump back, bit 0 being no bit
    Workbench bench(program(1, 2, jal(kZ, 4)));
    bench.forgery->set(first(*bench.forgery, "jalr"), "odd", Fp::from(4));
    expect_caught(bench, "jalr: odd");
  }
  {  // a jump that leaves the chain: to where the execution ends
    Workbench bench(program(1, 2, jal(kZ, 4)));
    Forgery& forgery = *bench.forgery;
    const Place row = first(forgery, "jalr");
    forgery.set(row, "a[0]", Fp::from(chips::kHaltPc) - forgery.get(row, "imm"));
    expect_caught(bench, "bus");
  }
  {  // a segment that starts at another pc
    Workbench bench(program(1, 2, add(kZ, kX, kY)));
    Forgery& forgery = *bench.forgery;
    const Place row = first(forgery, "boundary");
    forgery.set(row, "pc", forgery.get(row, "pc") + Fp::from(4));
    expect_caught(bench, "bus");
  }
  {  // an execution that ends where no exit is
    Workbench bench(program(1, 2, add(kZ, kX, kY)));
    Forgery& forgery = *bench.forgery;
    const Place end = first(forgery, "boundary"), add = first(forgery, "add");
    forgery.set(end, "end_pc", forgery.get(add, "pc"));
    forgery.set(end, "end_clk", forgery.get(add, "clk"));
    expect_caught(bench, "bus");
  }
  {  // a second boundary row: two executions at once
    Workbench bench(program(1, 2, add(kZ, kX, kY)));
    Forgery& forgery = *bench.forgery;
    const Place live = first(forgery, "boundary"), second{live.table, 1};
    for (uint32_t col = 0; col < 4; ++col) forgery.set(second, col, forgery.get(live, col));
    forgery.set(second, "end_clk", Fp::one());
    forgery.set(second, "end_pc", forgery.get(live, "pc"));
    expect_caught(bench, "bus memory");
  }
  {  // rows that lead to each other, apart from the chain
    Workbench bench(program(1, 2, add(kZ, kX, kY)));
    Forgery& forgery = *bench.forgery;
    const Place live = first(forgery, "add"), extra = padding(forgery, "add");
    for (uint32_t col = 0; col < forgery.chip(live.table).key.columns(); ++col)
      forgery.set(extra, col, forgery.get(live, col));
    forgery.set(extra, "clk", Fp::from(100));
    expect_caught(bench, "bus");
  }
}

// --- 7: confusion of buses, multiplicities

TEST(Evil, Class07BusesAndMultiplicities) {
  {  // an instruction of another class: the program row says add
    Workbench bench(program(6, 3, add(kZ, kX, kY)));
    Forgery& forgery = *bench.forgery;
    const Place row = first(forgery, "add");
    forgery.set(row, "pc", forgery.get(row, "pc") + Fp::from(4));
    expect_caught(bench, "bus");
  }
  {  // a row between two instructions
    Workbench bench(program(6, 3, add(kZ, kX, kY)));
    Forgery& forgery = *bench.forgery;
    const Place row = first(forgery, "add");
    forgery.set(row, "pc", forgery.get(row, "pc") + Fp::one());
    expect_caught(bench, "bus");
  }
  {  // a look-up table that answers what nobody asked for
    Workbench bench(program(6, 3, add(kZ, kX, kY)));
    Forgery& forgery = *bench.forgery;
    const Place row{forgery.table("bytes"), 77};
    Witness witness = forgery.witness();
    witness.tables[row.table].cell(77, forgery.column(row.table, "and8[2]")) += Fp::one();
    EXPECT_FALSE(check_witness(*bench.circuit, witness).ok());
  }
  {  // a load that names a machine word: the register file as memory
    Workbench bench(program(kDataBase, 0, lw(kZ, 0, kX)));
    Forgery& forgery = *bench.forgery;
    const Place row = first(forgery, "lw");
    forgery.set(row, "offset", Fp::from(4 * (kMachineBase + kX)) - Fp::from(kDataBase));
    expect_caught(bench, "bus");
  }
  {  // a load that says of RAM that it is read-only
    Workbench bench(program(kDataBase, 0, lw(kZ, 0, kX)));
    bench.forgery->set(first(*bench.forgery, "lw"), "read_only", Fp::one());
    expect_caught(bench, "bus memory");
  }
}

TEST(Evil, Class07MoreTuplesThanTheField) {
  // p rows of one bus cannot be: the verifier adds up what each table may send.
  const auto guest = Guest::of(program(1, 2, add(kZ, kX, kY)));
  const std::vector<BankUse> uses = {{kMachineBank}};
  const auto circuit = machine_circuit(guest.image->image(), uses);
  ASSERT_TRUE(circuit);
  Params params = quick_params();
  std::vector<TableSpec> tables(kMaxTables / 2, {circuit->chip("add"), kMaxLogHeight});
  for (uint16_t c = 0; c < circuit->key().chips.size(); ++c)
    if (const uint8_t log = circuit->key().chips[c].log_height; log != kFreeHeight)
      tables.push_back({c, log});
  std::ranges::sort(tables, [](const TableSpec& a, const TableSpec& b) {
    return std::pair(-a.log_height, a.chip) < std::pair(-b.log_height, b.chip);
  });
  const auto shape = make_shape(circuit->key(), params, tables);
  ASSERT_TRUE(shape) << shape.error().message;
  const auto ok = check_multiplicities(*shape, {});
  ASSERT_FALSE(ok);
  EXPECT_EQ(ok.error().code, ErrorCode::kMultiplicities);
}

// --- 9: shapes that the verifier must not accept

// Proves and verifies with some tables left out; the error, or "".
std::string without(Workbench& bench, std::initializer_list<const char*> chips) {
  Witness witness = bench.forgery->finished();
  std::erase_if(witness.tables, [&](const Table& table) {
    const std::string& name = bench.circuit->key().chips[table.chip].name;
    return std::ranges::find(chips, name) != chips.end();
  });
  return bench.prove_and_verify(witness);
}

TEST(Evil, Class09TablesLeftOut) {
  Workbench bench(program(kDataBase, 2, sw(kY, 0, kX)));
  EXPECT_EQ(without(bench, {}), "");
  EXPECT_NE(without(bench, {"bytes", "shift table", "refresh", "program", "bank 0"}),
            "");  // the slot `image`
  EXPECT_NE(without(bench, {"bank 1"}), "");
  EXPECT_NE(without(bench, {"boundary"}), "");
  EXPECT_NE(without(bench, {"system"}), "");
  EXPECT_NE(without(bench, {"addi"}), "");
  EXPECT_NE(without(bench, {"bytes"}), "");  // half a slot
}

TEST(Evil, Class09TwoBoundaryTables) {
  Workbench bench(program(kDataBase, 2, sw(kY, 0, kX)));
  Witness witness = bench.forgery->finished();
  witness.tables.push_back(witness.tables[bench.forgery->table("boundary")]);
  witness.sort();
  EXPECT_NE(bench.prove_and_verify(witness), "");
}

// --- 11: the guest's input and output

std::vector<uint32_t> reads(uint32_t bytes) {
  return Assembler().call(63, 0, kDataBase, bytes).exit(0).words();
}
std::vector<uint32_t> writes(uint32_t buffer, uint32_t bytes) {
  return Assembler().call(64, 3, buffer, bytes).call(64, 3, buffer, bytes).exit(0).words();
}

TEST(Evil, Class11InputAndOutput) {
  const std::vector<uint8_t> input(8, 0x11);
  // Tells of a read of 8 bytes another result, and what is left then.
  const auto set_result = [](Forgery& forgery, uint32_t bytes) {
    const Place row = first(forgery, "system");
    forgery.set(row, "c[0]", Fp::from(bytes));
    forgery.set(row, "gap", (Fp::from(8) - Fp::from(bytes)) * inverse(Fp::from(4)));
  };
  {  // more than was asked for
    Workbench bench(reads(8), input);
    Forgery& forgery = *bench.forgery;
    set_result(forgery, 12);
    expect_caught(bench, "bus");
  }
  {  // more than was asked for, which is said to be long
    Workbench bench(reads(8), input);
    Forgery& forgery = *bench.forgery;
    const Place row = first(forgery, "system");
    forgery.set(row, "c[0]", Fp::from(12));
    forgery.set(row, "long", Fp::one());
    forgery.set(row, "gap", Fp::from((0xfffc - 12) / 4));
    expect_caught(bench, "system: long");
  }
  {  // a buffer that is that of the words modulo p
    Workbench bench(reads(8), input);
    Forgery& forgery = *bench.forgery;
    const Place row = first(forgery, "system");
    const uint32_t buffer = kDataBase + Fp::kModulus;
    forgery.set(row, "a1[0]", Fp::from(buffer & 0xffff));
    forgery.set(row, "a1[1]", Fp::from(buffer >> 16));
    expect_caught(bench, "bus");
  }
  {  // a journal position that is found older than it was left
    Workbench bench(writes(kConstBase, 8));
    Forgery& forgery = *bench.forgery;
    const Place row{forgery.table("system"), 1};
    forgery.set(row, "gap", forgery.get(row, "gap") + Fp::one());
    expect_caught(bench, "bus memory");
  }
  {  // a count that is not of whole words
    Workbench bench(reads(8), input);
    Forgery& forgery = *bench.forgery;
    set_result(forgery, 7);
    expect_caught(bench, "bus");
  }
  {  // a transfer that skips a word
    Workbench bench(reads(8), input);
    Forgery& forgery = *bench.forgery;
    const Place row{forgery.table("transfer"), 1};
    forgery.set(row, "place", forgery.get(row, "place") + Fp::one());
    expect_caught(bench, "bus");
  }
  {  // words in another order
    Workbench bench(reads(8), input);
    Forgery& forgery = *bench.forgery;
    const Place one{forgery.table("transfer"), 0}, two{one.table, 1};
    const Fp place = forgery.get(one, "place");
    forgery.set(one, "place", forgery.get(two, "place"));
    forgery.set(two, "place", place);
    expect_caught(bench, "bus");
  }
  {  // a transfer that never ends
    Workbench bench(reads(8), input);
    Forgery& forgery = *bench.forgery;
    forgery.set({forgery.table("transfer"), 1}, "read", Fp::zero());
    expect_caught(bench, "bus");
  }
  {  // input that is no word
    Workbench bench(reads(8), input);
    Forgery& forgery = *bench.forgery;
    forgery.set(first(forgery, "transfer"), "value[0]", Fp::from(1u << 16));
    expect_caught(bench, "bus range16");
  }
  {  // input into constants
    Workbench bench(reads(8), input);
    Forgery& forgery = *bench.forgery;
    forgery.set(first(forgery, "transfer"), "read_only", Fp::one());
    expect_caught(bench, "transfer: constants");
  }
  {  // a journal that says something else than memory
    Workbench bench(writes(kConstBase, 8));
    Forgery& forgery = *bench.forgery;
    forgery.set(first(forgery, "transfer"), "value[0]", Fp::from(1));
    expect_caught(bench, "transfer: the journal");
  }
  {  // a journal position that jumps
    Workbench bench(writes(kConstBase, 8));
    Forgery& forgery = *bench.forgery;
    forgery.set({forgery.table("system"), 1}, "position", Fp::from(5));
    expect_caught(bench, "bus");
  }
  {  // a read that goes on where memory ends
    Workbench bench(reads(8), input);
    Forgery& forgery = *bench.forgery;
    const Fp end = Fp::from((kDataBase + kDataSize) / 4);
    forgery.set({forgery.table("transfer"), 0}, "place", end - Fp::one());
    forgery.set({forgery.table("transfer"), 1}, "place", end);
    forgery.set(first(forgery, "system"), "a1[0]", Fp::from((kDataBase + kDataSize - 4) & 0xffff));
    expect_caught(bench, "bus");
  }
  {  // an exit code that is not a0
    Workbench bench(program(1, 2, add(kZ, kX, kY)));
    Forgery& forgery = *bench.forgery;
    forgery.set(first(forgery, "system"), "a0[0]", Fp::from(4));
    forgery.set(first(forgery, "system"), "c[0]", Fp::from(4));
    expect_caught(bench, "bus");
  }
  {  // a store to constants, even of what is there already
    Workbench bench(program(kDataBase, 0, sw(kY, 0, kX)));
    Forgery& forgery = *bench.forgery;
    const Place row = first(forgery, "sw");
    forgery.set(row, "offset", Fp::from(kConstBase - kDataBase));
    expect_caught(bench, "bus");
  }
}

// --- 12: memory that nobody wrote

TEST(Evil, Class12UninitialisedMemory) {
  Guest guest = Guest::of(program(6, 3, r_type(1, 0, kZ, kX, kY)));
  const SessionOptions options{.params = quick_params(), .seed = Randomness::Seed{7}};
  const Proven first_proof = prove_execution(guest, {}, options);
  AlignedWords::set_poison(true);
  const Proven poisoned = prove_execution(guest, {}, options);
  AlignedWords::set_poison(false);
  ASSERT_EQ(first_proof.segments.size(), 1u);
  EXPECT_EQ(first_proof.segments[0].proof, poisoned.segments.at(0).proof);
}

}  // namespace
}  // namespace zkvm::stark::machine::evil
