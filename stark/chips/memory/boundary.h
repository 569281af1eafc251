// The two ends of a segment: takes the pc out of its machine word and starts the state chain with
// it; takes the chain's end and puts its pc back.
//
//   pc end_clk end_pc real
//
// Buses: memory 2, state 2. The chain starts at clk 1.
//
// Why it is sound: at most one row is real. Each real row takes the pc's word as of time 0, only
// the machine bank leaves a word at time 0, and it leaves each once: instructions and transfers
// leave times of 4 and more, a refresh 1,027 and more, this chip 1. So there is one state chain; it
// starts at the pc that the segment before has left. Without a real row there is no chain and no
// instruction: such a segment changes nothing, and it does not exit.
#pragma once

#include <cstdint>

#include "stark/chips/words.h"

namespace zkvm::stark::chips {

struct Boundary {
  static constexpr const char* kName = "boundary";
  static constexpr const char* kColumns = "pc end_clk end_pc real";
  template <class T>
  struct Cols {
    T pc, end_clk, end_pc, real;
  };

  template <AirBuilder B>
  static void eval(B& air, const Cols<typename B::Var>& row) {
    air.assert_bool("real", row.real);
    air.receive(kMemory, row.real, {kMachineBase + kPcWord, row.pc, 0, 0});
    air.send(kState, row.real, {1, row.pc});
    air.receive(kState, row.real, {row.end_clk, row.end_pc});
    air.send(kMemory, row.real, {kMachineBase + kPcWord, row.end_pc, 0, kEndTime});
  }

  /// Time of the pc's word at the end.
  static constexpr uint32_t kEndTime = 1;

  static void fill(Cols<Fp>& row, uint32_t pc, uint32_t end_clk, uint32_t end_pc) {
    row = {fp(pc), fp(end_clk), fp(end_pc), Fp::one()};
  }
};

}  // namespace zkvm::stark::chips
