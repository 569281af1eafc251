// The execution record: what a run leaves for the proof. vm/record.md is the page that explains it;
// this header is the format.
//
// A segment holds one array of rows per class of instructions, so that each chip expands its own,
// in parallel and in any order: every row stands by itself. It records what only a sequential run
// knows (values, and when each word was last accessed) and nothing that follows from that and the
// program: operands' numbers, immediates, results and addresses.
#pragma once

#include <zk/check.h>

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "vm/isa.h"
#include "vm/memory.h"
#include "vm/reservation.h"
#include "vm/system.h"

namespace zkvm::vm {

// Time. An instruction takes one tick; clk counts them from 1 in every segment. The accesses of
// tick c happen at 4 c + 0, 1, 2, a refresh at 4 c + 3. Time 0 is the segment's start.
inline constexpr uint32_t kMaxClk = 1u << 22;

// The machine's own words: x0-x31, the dummy, the journal's position in words.
inline constexpr int kJournalPosition = 33;
inline constexpr int kMachineWords = 34;

// Row i of a segment's refresh re-reads machine word i % kMachineWords at the end of tick
// (i + 1) * kRefreshTicks, so that any two accesses to a machine word are less than 2^16 apart.
inline constexpr uint32_t kRefreshTicks = 256;

// A word as an access finds it.
struct Access {
  uint32_t value;
  uint32_t time;  // of the access before, in this segment; 0: none

  bool operator==(const Access&) const = default;
};

// In every row: clk is the instruction's tick, index is (pc - text base) / 4. Accesses stand in the
// order of their times: rs1 at 4 clk, and so on; rd may be the dummy.
struct RegisterRow {  // op rd, rs1, rs2
  uint32_t clk, index;
  Access rs1, rs2, rd;
};
struct ImmediateRow {  // op rd, rs1, imm; jalr; lui, auipc and jal read x0
  uint32_t clk, index;
  Access rs1;
  Access rd;  // at 4 clk + 2
};
struct BranchRow {
  uint32_t clk, index;
  Access rs1, rs2;
};
struct LoadRow {  // memory: the whole word, also for lb and lh
  uint32_t clk, index;
  Access rs1, memory, rd;
};
struct StoreRow {  // memory: the whole word before
  uint32_t clk, index;
  Access rs1, rs2, memory;
};
struct SystemRow {  // all accesses at 4 clk + 2: they are to different words
  uint32_t clk, index;
  Access a7, a0, a1, a2;
  Access journal;     // journal writes only, else zero
  uint32_t value;     // a0 afterwards
  uint32_t transfer;  // index of its first TransferRow
  uint32_t words;     // how many there are: read and journal writes
};
struct TransferRow {  // one word of input or journal, at 4 clk + 2 of its system row
  uint32_t system;    // index of the system row
  uint32_t word;      // address / 4
  Access memory;
  uint32_t value;  // afterwards: input's word; for the journal memory.value
};
struct LayerRow {  // a call of a layer; registers at 4 clk + 2
  uint32_t clk, index;
  Access a7, a0, a1, a2;
  Access a3;       // of layers with two inputs alone
  uint32_t layer;  // in Program::layers
  uint32_t word;   // index of its first word in `layer_words`
};
struct HashRow {  // a call of a hash; registers at 4 clk + 2
  uint32_t clk, index;
  Access a7, a0, a1, a2, a3, a4, a5;
  uint32_t word;  // index of its first word in `words`
};
struct RefreshRow {
  Access word;
};

// 256 bytes of memory that the segment accessed, aligned to 256.
struct Page {
  uint32_t first_word;  // address / 4, a multiple of kGranuleWords
  std::array<uint32_t, kGranuleWords> initial, final, time;  // time: of the last access, 0: none
};

enum class SegmentEnd : uint8_t {
  kCut,   // a table is full or clk is at its limit; another segment follows
  kExit,  // the guest called exit: the last row is that system row
  kTrap,  // nothing can be proven: Tracer::trap()
};

// A growing array in reserved address space: growing moves nothing.
class RowBuffer {
 public:
  RowBuffer() = default;
  RowBuffer(size_t rows, size_t row_bytes)
      : memory_(Reservation::of(rows * row_bytes)), row_bytes_(row_bytes), end_(memory_.data()) {}

  explicit operator bool() const { return static_cast<bool>(memory_); }
  size_t size() const { return static_cast<size_t>(end_ - memory_.data()) / row_bytes_; }
  size_t capacity() const { return memory_.size() / row_bytes_; }
  uint8_t* end() const { return end_; }
  void set_end(uint8_t* end) { end_ = end; }
  void clear() { end_ = memory_.data(); }

  template <class Row>
  std::span<const Row> rows() const {
    if (!memory_) return {};
    ZK_CHECK(sizeof(Row) == row_bytes_);
    return {reinterpret_cast<const Row*>(memory_.data()), size()};
  }
  template <class Row>
  void push(const Row& row) {
    ZK_CHECK(sizeof(Row) == row_bytes_ && size() < capacity());
    *reinterpret_cast<Row*>(end_) = row;
    end_ += sizeof(Row);
  }

 private:
  Reservation memory_;
  size_t row_bytes_ = 1;
  uint8_t* end_ = nullptr;
};

// The calls of one hash. A call's words as its accesses find them: those of its blocks, at 4 clk + 1, then the
// chaining value, at 4 clk + 2.
struct HashRecord {
  RowBuffer calls, words;  // HashRow, Access
  uint64_t blocks = 0;     // of all calls
};

// The machine's words and pc between segments.
struct Boundary {
  uint32_t pc;
  std::array<uint32_t, kMachineWords> words;

  bool operator==(const Boundary&) const = default;
};

struct Segment {
  SegmentEnd end;
  Boundary initial, final;
  std::array<uint32_t, kMachineWords> times;        // of each machine word's last access
  uint32_t clk;                                     // the first tick that was not used
  uint64_t cycles;                                  // instructions
  std::array<RowBuffer, kClassCount> instructions;  // by Class; the row type is the class's
  RowBuffer transfers, refreshes;
  // Of programs with layers. A call's words, as its accesses find them: first those that it reads,
  // [quad][position], at 4 clk; then those that it writes, [word][emit], at 4 clk + 2.
  RowBuffer layer_calls, layer_words;  // LayerRow, Access
  uint64_t layer_rows = 0;             // Layer::table_rows() of all calls
  std::array<HashRecord, kHashes> hashes;  // by Hash
  uint64_t cost = 0;           // of ticks and calls, in the unit of its limits
  std::vector<Page> pages;     // in the order of their first access

  // Rows of a class: RegisterRow for kAdd kBits kShift kCompare kMul kDiv; ImmediateRow for the
  // immediate forms and kJump; BranchRow, LoadRow, StoreRow, SystemRow.
  template <class Row>
  std::span<const Row> rows(Class cls) const {
    return instructions[static_cast<size_t>(cls)].rows<Row>();
  }
};

// Calls visit.operator()<Row>() for the row type of a class; kTrap has none.
template <class Visit>
void with_row_type(Class cls, const Visit& visit) {
  switch (cls) {
    case Class::kAdd:
    case Class::kBits:
    case Class::kShift:
    case Class::kCompare:
    case Class::kMul:
    case Class::kDiv:
      return visit.template operator()<RegisterRow>();
    case Class::kAddImm:
    case Class::kBitsImm:
    case Class::kShiftImm:
    case Class::kCompareImm:
    case Class::kJump:
      return visit.template operator()<ImmediateRow>();
    case Class::kBranch:
      return visit.template operator()<BranchRow>();
    case Class::kLoadWord:
    case Class::kLoadSub:
      return visit.template operator()<LoadRow>();
    case Class::kStoreWord:
    case Class::kStoreSub:
      return visit.template operator()<StoreRow>();
    case Class::kSystem:
      return visit.template operator()<SystemRow>();
    case Class::kTrap:
      return;
  }
}

// Bytes of a class's row; 0 for kTrap, which has none.
inline size_t row_bytes(Class cls) {
  size_t bytes = 0;
  with_row_type(cls, [&]<class Row>() { bytes = sizeof(Row); });
  return bytes;
}

}  // namespace zkvm::vm
