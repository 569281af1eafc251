// A small machine: one accumulator, a program in a fixed table, memory, public output.
//
//   chip     one row                                   buses
//   alu      add imm / jump to imm if acc != 0         state, program
//   ram      load, add from memory, store              state, program, memory, age
//   output   shows acc                                 state, program, public
//   program  fixed: pc op imm;  main: count            answers program
//   cells    main: address init final final_time       memory
//   ages     fixed: value;      main: count            answers age
//
// An instruction row takes the state (clk, pc, acc, shown) from its bus and puts the next one
// there. The verifier sends the first state and receives the last; clk makes the chain one path.
// Ages and memory are those of memory.h, with clk as time; addresses are fixed, so a cell has one
// chain.
#pragma once

#include <map>

#include "tests/stark/toys/toy.h"

namespace zkvm::stark::toys {

enum class Op : uint32_t { kAdd = 1, kJumpNonZero, kLoad, kAddFrom, kStore, kOutput };

inline constexpr Bus<4> kState{1, "state"};           // clk, pc, acc, outputs shown so far
inline constexpr Bus<3> kProgram{2, "program"};       // pc, op, imm
inline constexpr Bus<3> kMachineMemory{3, "memory"};  // address, value, time
inline constexpr Bus<1> kMachineAge{4, "age"};        // a difference of times, minus 1
inline constexpr Bus<2> kOutput{5, "output"};         // position, value

struct Alu {
  static constexpr const char* kName = "alu";
  static constexpr const char* kColumns =
      "clk pc acc shown imm is_add is_jump inverse non_zero next_pc next_acc";
  template <class T>
  struct Cols {
    T clk, pc, acc, shown, imm, is_add, is_jump, inverse, non_zero, next_pc, next_acc;
  };

  template <AirBuilder B>
  static void eval(B& air, const Cols<typename B::Var>& row) {
    const auto real = row.is_add + row.is_jump;
    air.assert_bool("is_add", row.is_add);
    air.assert_bool("is_jump", row.is_jump);
    air.assert_bool("one operation", real);

    air.assert_equal("non_zero is acc / acc", row.non_zero, row.acc * row.inverse);
    air.assert_zero("non_zero if acc is", row.acc * (1 - row.non_zero));
    air.assert_zero("inverse of zero is zero", row.inverse * (1 - row.non_zero));

    const auto jumps = row.is_jump * row.non_zero;
    air.assert_equal("next pc", row.next_pc, row.pc + real + jumps * (row.imm - row.pc - 1));
    air.assert_equal("next acc", row.next_acc, row.acc + row.is_add * row.imm);

    air.receive(kState, real, {row.clk, row.pc, row.acc, row.shown});
    air.send(
        kProgram, real,
        {row.pc,
         row.is_add * static_cast<int>(Op::kAdd) + row.is_jump * static_cast<int>(Op::kJumpNonZero),
         row.imm});
    air.send(kState, real, {row.clk + 1, row.next_pc, row.next_acc, row.shown});
  }
};

struct Ram {
  static constexpr const char* kName = "ram";
  static constexpr const char* kColumns =
      "clk pc acc shown address is_load is_add is_store old_value old_time new_value next_acc";
  template <class T>
  struct Cols {
    T clk, pc, acc, shown, address, is_load, is_add, is_store, old_value, old_time, new_value,
        next_acc;
  };

  template <AirBuilder B>
  static void eval(B& air, const Cols<typename B::Var>& row) {
    const auto real = row.is_load + row.is_add + row.is_store;
    air.assert_bool("is_load", row.is_load);
    air.assert_bool("is_add", row.is_add);
    air.assert_bool("is_store", row.is_store);
    air.assert_bool("one operation", real);

    air.assert_equal("new value", row.new_value,
                     row.old_value + row.is_store * (row.acc - row.old_value));
    air.assert_equal(
        "next acc", row.next_acc,
        row.acc + row.is_load * (row.old_value - row.acc) + row.is_add * row.old_value);

    const auto op = row.is_load * static_cast<int>(Op::kLoad) +
                    row.is_add * static_cast<int>(Op::kAddFrom) +
                    row.is_store * static_cast<int>(Op::kStore);
    air.receive(kState, real, {row.clk, row.pc, row.acc, row.shown});
    air.send(kProgram, real, {row.pc, op, row.address});
    air.send(kState, real, {row.clk + 1, row.pc + 1, row.next_acc, row.shown});
    air.receive(kMachineMemory, real, {row.address, row.old_value, row.old_time});
    air.send(kMachineMemory, real, {row.address, row.new_value, row.clk});
    air.send(kMachineAge, real, {row.clk - row.old_time - 1});
  }
};

struct Output {
  static constexpr const char* kName = "output";
  static constexpr const char* kColumns = "clk pc acc shown real";
  template <class T>
  struct Cols {
    T clk, pc, acc, shown, real;
  };

  template <AirBuilder B>
  static void eval(B& air, const Cols<typename B::Var>& row) {
    air.assert_bool("real", row.real);
    air.receive(kState, row.real, {row.clk, row.pc, row.acc, row.shown});
    air.send(kProgram, row.real, {row.pc, static_cast<int>(Op::kOutput), 0});
    air.send(kOutput, row.real, {row.shown, row.acc});
    air.send(kState, row.real, {row.clk + 1, row.pc + 1, row.acc, row.shown + 1});
  }
};

struct Program {
  static constexpr const char* kName = "program";
  static constexpr const char* kColumns = "pc op imm count";
  static constexpr SlotUse kSlots[] = {{"program", 3}};
  template <class T>
  struct Cols {
    T pc, op, imm, count;
  };

  template <AirBuilder B>
  static void eval(B& air, const Cols<typename B::Var>& row) {
    air.answer(kProgram, row.count, {row.pc, row.op, row.imm});
  }
};

struct Cells {
  static constexpr const char* kName = "cells";
  static constexpr const char* kColumns = "address init final final_time";
  static constexpr SlotUse kSlots[] = {{"addresses", 1}};
  template <class T>
  struct Cols {
    T address, init, final, final_time;
  };

  template <AirBuilder B>
  static void eval(B& air, const Cols<typename B::Var>& row) {
    air.send(kMachineMemory, 1, {row.address, row.init, 0});
    air.receive(kMachineMemory, 1, {row.address, row.final, row.final_time});
  }
};

struct MachineAges {
  static constexpr const char* kName = "ages";
  static constexpr const char* kColumns = "value count";
  static constexpr SlotUse kSlots[] = {{"ages", 1}};
  template <class T>
  struct Cols {
    T value, count;
  };

  template <AirBuilder B>
  static void eval(B& air, const Cols<typename B::Var>& row) {
    air.answer(kMachineAge, row.count, {row.value});
  }
};

using MachineChips = ChipList<Alu, Ram, Output, Program, Cells, MachineAges>;
extern template Circuit make_circuit(MachineChips, CircuitOptions);
ZKVM_SIMD_KERNELS(AssertKernels, machine_asserts);

/// Runs the machine and keeps its rows.
class MachineRun {
 public:
  struct Instruction {
    Op op;
    int imm;
  };

  // Sums n + (n - 1) + .. + 1 in cell 1, counting down in cell 0; shows n first and the sum last.
  static std::vector<Instruction> sum_program(int n) {
    return {{Op::kAdd, n},     {Op::kStore, 0},       {Op::kOutput, 0}, {Op::kLoad, 1},
            {Op::kAddFrom, 0}, {Op::kStore, 1},       {Op::kLoad, 0},   {Op::kAdd, -1},
            {Op::kStore, 0},   {Op::kJumpNonZero, 3}, {Op::kLoad, 1},   {Op::kOutput, 0}};
  }

  explicit MachineRun(const std::vector<Instruction>& program) : counts(program.size()) {
    for (pc = 0; pc < program.size(); ++clk) step(program[pc]);
  }

  std::vector<Alu::Cols<Fp>> alu;
  std::vector<Ram::Cols<Fp>> ram;
  std::vector<Output::Cols<Fp>> output;
  std::vector<uint32_t> counts;                       // per pc
  std::map<uint32_t, uint32_t> ages;                  // age -> look-ups
  std::map<uint32_t, std::pair<Fp, uint32_t>> cells;  // address -> value, time
  std::vector<Fp> shown;
  uint32_t clk = 1, pc = 0;
  Fp acc;

 private:
  static Fp field(int64_t x) { return x < 0 ? -Fp::from(-x) : Fp::from(x); }

  void step(Instruction i) {
    ++counts[pc];
    const Fp at[4] = {Fp::from(clk), Fp::from(pc), acc, Fp::from(shown.size())};
    switch (i.op) {
      case Op::kAdd:
      case Op::kJumpNonZero: {
        const bool add = i.op == Op::kAdd;
        const Fp inverse_acc = inverse(acc);
        const bool jump = !add && acc != Fp{};
        const Fp next = add ? acc + field(i.imm) : acc;
        const uint32_t next_pc = jump ? static_cast<uint32_t>(i.imm) : pc + 1;
        alu.push_back({at[0], at[1], at[2], at[3], field(i.imm), Fp::from(add), Fp::from(!add),
                       inverse_acc, acc * inverse_acc, Fp::from(next_pc), next});
        acc = next;
        pc = next_pc;
        break;
      }
      case Op::kOutput:
        output.push_back({at[0], at[1], at[2], at[3], Fp::one()});
        shown.push_back(acc);
        ++pc;
        break;
      default: {
        auto& [value, time] = cells[static_cast<uint32_t>(i.imm)];
        const Fp stored = i.op == Op::kStore ? acc : value;
        const Fp next = i.op == Op::kLoad ? value : i.op == Op::kAddFrom ? acc + value : acc;
        ram.push_back({at[0], at[1], at[2], at[3], field(i.imm), Fp::from(i.op == Op::kLoad),
                       Fp::from(i.op == Op::kAddFrom), Fp::from(i.op == Op::kStore), value,
                       Fp::from(time), stored, next});
        ++ages[clk - time - 1];
        value = stored;
        time = clk;
        acc = next;
        ++pc;
      }
    }
  }
};

/// The sum of 1..n, with tables of at least 2^min_log_height rows.
inline Toy machine(int n, uint8_t min_log_height) {
  const auto program = MachineRun::sum_program(n);
  MachineRun run(program);
  const uint8_t least = min_log_height;
  const uint8_t log_alu = log_height_for(run.alu.size(), least);
  const uint8_t log_ram = log_height_for(run.ram.size(), least);
  const uint8_t log_output = log_height_for(run.output.size(), least);
  const uint8_t log_program = log_height_for(program.size(), least);
  const uint8_t log_cells = log_height_for(4, least);
  const uint8_t log_ages = log_height_for(run.clk, least);
  const auto fixed = Slot::Kind::kFixed;
  Toy toy{"machine",
          make_circuit(
              MachineChips{},
              {.slots = {{"program", fixed}, {"addresses", fixed}, {"ages", fixed}},
               .log_heights = {{"program", log_program}, {"cells", log_cells}, {"ages", log_ages}},
               .kernels = &machine_asserts}),
          {},
          {},
          {}};

  std::vector<Program::Cols<Fp>> program_rows;
  for (uint32_t pc = 0; pc < program.size(); ++pc) {
    const int imm = program[pc].imm;
    program_rows.push_back({Fp::from(pc), Fp::from(static_cast<uint32_t>(program[pc].op)),
                            imm < 0 ? -Fp::from(-imm) : Fp::from(imm), Fp::from(run.counts[pc])});
  }
  std::vector<Cells::Cols<Fp>> cells(size_t{1} << log_cells);
  for (uint32_t a = 0; a < cells.size(); ++a) {
    const auto found = run.cells.find(a);
    cells[a] = {Fp::from(a), {}, {}, {}};
    if (found == run.cells.end()) continue;
    cells[a].final = found->second.first;
    cells[a].final_time = Fp::from(found->second.second);
  }
  std::vector<MachineAges::Cols<Fp>> ages;
  for (uint32_t i = 0; i < 1u << log_ages; ++i)
    ages.push_back({Fp::from(i), Fp::from(run.ages.contains(i) ? run.ages[i] : 0)});

  const std::map<uint16_t, uint64_t> live = {{0, run.alu.size()},    {1, run.ram.size()},
                                             {2, run.output.size()}, {3, program.size()},
                                             {4, cells.size()},      {5, ages.size()}};
  // Rows past the program's end are an operation 0 that no instruction asks for, and alu rows of
  // padding keep next_pc = pc and so on, all zero.
  toy.witness.tables.push_back(make_table<Alu>(0, log_alu, std::move(run.alu)));
  toy.witness.tables.push_back(make_table<Ram>(1, log_ram, std::move(run.ram)));
  toy.witness.tables.push_back(make_table<Output>(2, log_output, std::move(run.output)));
  toy.witness.tables.push_back(make_table<Program>(3, log_program, std::move(program_rows)));
  toy.witness.tables.push_back(make_table<Cells>(4, log_cells, std::move(cells)));
  toy.witness.tables.push_back(make_table<MachineAges>(5, log_ages, std::move(ages)));
  toy.witness.sort();
  for (const Table& table : toy.witness.tables) toy.live_rows.push_back(live.at(table.chip));

  toy.witness.publics = {
      public_interaction(kState, 1, {Fp::one(), Fp{}, Fp{}, Fp{}}),
      public_interaction(
          kState, -1, {Fp::from(run.clk), Fp::from(run.pc), run.acc, Fp::from(run.shown.size())})};
  for (uint32_t i = 0; i < run.shown.size(); ++i)
    toy.witness.publics.push_back(public_interaction(kOutput, -1, {Fp::from(i), run.shown[i]}));

  const size_t alu = table_of(toy, "alu"), ram = table_of(toy, "ram");
  toy.cheats.push_back(
      change_cell(toy, "a wrong sum", "alu", 1, "next_acc", Fp::from(1000), "next acc"));
  toy.cheats.push_back(
      change_cell(toy, "a load of another value", "ram", 1, "old_value", Fp::from(5), "memory"));
  toy.cheats.push_back(
      change_cell(toy, "a load that reads an older time", "ram", 3, "old_time", Fp{}, "memory"));
  toy.cheats.push_back({"a jump that is not taken",
                        [=](Witness& w) {
                          Table& t = w.tables[alu];
                          uint64_t r = 0;
                          while (t.cell(r, 6) == Fp{}) ++r;
                          t.cell(r, 7) = t.cell(r, 8) = Fp{};  // acc is declared to be zero
                          t.cell(r, 9) = t.cell(r, 1) + Fp::one();
                        },
                        "non_zero if acc is"});
  toy.cheats.push_back({"two operations at once",
                        [=](Witness& w) { w.tables[ram].cell(0, 5) = Fp::one(); },
                        "one operation"});
  toy.cheats.push_back({"an instruction that the program has not",
                        [=](Witness& w) {
                          Table& t = w.tables[alu];
                          t.cell(0, 4) += Fp::one();
                          t.cell(0, 10) += Fp::one();
                        },
                        "program"});
  toy.cheats.push_back({"another public output",
                        [](Witness& w) { w.publics.back().tuple[1] = Fp::from(4).wire; },
                        "output"});
  toy.cheats.push_back({"a live row in the padding",
                        [=](Witness& w) {
                          Table& t = w.tables[alu];
                          t.cell(t.height() - 1, 5) = Fp::one();
                          t.cell(t.height() - 1, 9) = Fp::one();
                        },
                        "state"});
  return toy;
}

}  // namespace zkvm::stark::toys
