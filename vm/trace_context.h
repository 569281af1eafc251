// The tracing executor's context: like FastContext, but every action writes a row. n is clk; a
// burst runs until clk reaches core.burst_end, before which neither a refresh is due nor an array
// full, so rows are written without a test.
#pragma once

#include <bit>
#include <cstring>

#include "vm/dispatch.h"
#include "vm/memory.h"
#include "vm/record.h"

namespace zkvm::vm {

struct TraceCore {
  // Each register's Access as one number: written by one store, or the next access's load of both
  // halves would have to wait for two (no store forwarding).
  std::array<uint64_t, kRegisterCount> x;
  std::array<uint8_t*, kClassCount> rows;  // where each class's next row goes
  uint32_t* times;                         // of each word of the guest's memory
  uint64_t burst_end;
  const Insn* text;
  uint32_t text_base;
  uint32_t text_words;
  Memory* memory;
  std::vector<Page>* pages;
  const Insn* stopped_at;
  uint64_t stopped_n;

  ZKVM_ALWAYS_INLINE Access get(int r) const { return std::bit_cast<Access>(x[r]); }
  ZKVM_ALWAYS_INLINE void set(int r, Access a) {
    auto packed = std::bit_cast<uint64_t>(a);
    asm("" : "+r"(packed));  // or compilers make it a store of the half that changed
    x[r] = packed;
  }

  // Saves the pages that were touched for the first time, before they change.
  void save_new_pages();
};

struct TraceContext {
  using Core = TraceCore;
  static constexpr bool kFuses = false;

  const Insn* insn;
  Core* core;
  uint8_t* memory;
  uint8_t* granules;
  uint64_t n;
  Op op;  // insn->op, but a constant where code is threaded
  bool exact;
  Exit exit = Exit::kNext;

  ZKVM_ALWAYS_INLINE TraceContext(const Insn* insn_, Core* core_, uint8_t* memory_,
                                  uint8_t* granules_, uint64_t n_, Op op_, bool exact_)
      : insn(insn_),
        core(core_),
        memory(memory_),
        granules(granules_),
        n(n_),
        op(op_),
        exact(exact_) {}

  ZKVM_ALWAYS_INLINE uint32_t rs1() const { return core->get(insn->rs1).value; }
  ZKVM_ALWAYS_INLINE uint32_t rs2() const { return core->get(insn->rs2).value; }
  ZKVM_ALWAYS_INLINE uint32_t imm() const { return insn->imm; }

  ZKVM_ALWAYS_INLINE void set(uint32_t value) {
    if (info(op).format == Format::kRegister) {
      auto& row = new_row<RegisterRow>();
      row.rs1 = access(insn->rs1, 0);
      row.rs2 = access(insn->rs2, 1);
      row.rd = write_rd(value);
    } else {
      auto& row = new_row<ImmediateRow>();
      row.rs1 = access(insn->rs1, 0);
      row.rd = write_rd(value);
    }
    go_to(insn + 1);
  }

  template <class T>
  ZKVM_ALWAYS_INLINE void load(uint32_t address) {
    if (!may_access<T>(address, false)) return;
    T value;
    std::memcpy(&value, memory + address, sizeof(T));
    auto& row = new_row<LoadRow>();
    row.rs1 = access(insn->rs1, 0);
    row.memory = access_memory(address, 1);
    row.rd = write_rd(static_cast<uint32_t>(static_cast<int32_t>(value)));
    go_to(insn + 1);
  }

  template <class T>
  ZKVM_ALWAYS_INLINE void store(uint32_t address, uint32_t value) {
    if (!may_access<T>(address, true)) return;
    auto& row = new_row<StoreRow>();
    row.rs1 = access(insn->rs1, 0);
    row.rs2 = access(insn->rs2, 1);
    row.memory = access_memory(address, 2);
    const T low = static_cast<T>(value);
    std::memcpy(memory + address, &low, sizeof(T));
    go_to(insn + 1);
  }

  ZKVM_ALWAYS_INLINE void branch(bool taken) {
    if (taken && insn->imm == kBadTarget) [[unlikely]] {
      exit = Exit::kLeave;
      return;
    }
    auto& row = new_row<BranchRow>();
    row.rs1 = access(insn->rs1, 0);
    row.rs2 = access(insn->rs2, 1);
    go_to(taken ? insn + static_cast<int32_t>(insn->imm) : insn + 1);
  }

  ZKVM_ALWAYS_INLINE void jump() {
    if (insn->imm == kBadTarget) [[unlikely]] {
      exit = Exit::kLeave;
      return;
    }
    auto& row = new_row<ImmediateRow>();
    row.rs1 = access(insn->rs1, 0);
    row.rd = write_rd(link());
    go_to(insn + static_cast<int32_t>(insn->imm));
  }

  ZKVM_ALWAYS_INLINE void jump_to(uint32_t target) {
    const uint32_t offset = target - core->text_base;
    const uint32_t index = offset >> 2 | offset << 30;  // misaligned is out of range too
    if (index >= core->text_words) [[unlikely]] {
      exit = Exit::kLeave;
      return;
    }
    auto& row = new_row<ImmediateRow>();
    row.rs1 = access(insn->rs1, 0);
    row.rd = write_rd(link());
    go_to(core->text + index);
  }

  ZKVM_ALWAYS_INLINE void system_call() { exit = Exit::kLeave; }
  ZKVM_ALWAYS_INLINE void trap(TrapKind) { exit = Exit::kLeave; }

 private:
  ZKVM_ALWAYS_INLINE uint32_t index() const { return static_cast<uint32_t>(insn - core->text); }
  ZKVM_ALWAYS_INLINE uint32_t link() const { return core->text_base + index() * 4 + 4; }
  ZKVM_ALWAYS_INLINE uint32_t time(uint32_t subtick) const {
    return static_cast<uint32_t>(n) * 4 + subtick;
  }

  template <class Row>
  ZKVM_ALWAYS_INLINE Row& new_row() {
    uint8_t*& end = core->rows[static_cast<size_t>(class_of(op))];
    Row& row = *reinterpret_cast<Row*>(end);
    end += sizeof(Row);
    row.clk = static_cast<uint32_t>(n);
    row.index = index();
    return row;
  }

  ZKVM_ALWAYS_INLINE Access access(int r, uint32_t subtick) {
    const Access before = core->get(r);
    core->set(r, {before.value, time(subtick)});
    return before;
  }

  ZKVM_ALWAYS_INLINE Access write_rd(uint32_t value) {
    const Access before = core->get(insn->rd);
    core->set(insn->rd, {value, time(2)});
    return before;
  }

  ZKVM_ALWAYS_INLINE Access access_memory(uint32_t address, uint32_t subtick) {
    Access before;
    std::memcpy(&before.value, memory + (address & ~3u), 4);
    uint32_t& last = core->times[address / 4];
    before.time = last;
    last = time(subtick);
    return before;
  }

  ZKVM_ALWAYS_INLINE void go_to(const Insn* target) {
    insn = target;
    if (++n == core->burst_end) [[unlikely]]
      exit = Exit::kLeave;
  }

  template <class T>
  ZKVM_ALWAYS_INLINE bool may_access(uint32_t address, bool write) {
    const uint8_t open = granules[address >> kLogGranuleBytes];
    const bool aligned = address % sizeof(T) == 0;
    if ((open & (write ? kOpenWrite : kOpenRead)) != 0 && aligned) [[likely]]
      return true;
    if (exact && aligned && core->memory->touch_word(address, sizeof(T), write)) {
      core->save_new_pages();
      return true;
    }
    exit = exact ? Exit::kLeave : Exit::kExact;
    return false;
  }
};

}  // namespace zkvm::vm
