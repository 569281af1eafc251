// The fast executor's context and loop, templated over an Observer that follows the control flow.
//
// Cycles are not counted per instruction: with n chosen at entry, cycles = n / 16 + address of the
// instruction / 16 all along a straight line, and a taken jump corrects n by its distance. The
// limit is tested at taken jumps only, with a margin of the text's longest straight line; in the last
// stretch, after each instruction.
//
// An Observer has, over indices of text words:
//   enter(i), leave(i)   the fast loop starts at i, stops in front of i
//   jump(from, to, insn, x)  a taken branch, jal or jalr, and the registers
//   step(from, to, x)        one instruction that was stepped, and where it went: perhaps out of the
//                            text
#pragma once

#include <zk/check.h>

#include <algorithm>
#include <cstring>
#include <functional>
#include <span>

#include "vm/dispatch.h"
#include "vm/memory.h"
#include "vm/step.h"

namespace zkvm::vm {

template <class Observer>
struct FastCore {
  Registers x;
  const Insn* text;
  uint32_t text_base;
  uint32_t text_words;
  uint64_t limit;  // of n + address of an instruction
  Memory* memory;
  Observer* observer;
  const Insn* stopped_at;
  uint64_t stopped_n;
};

// kToTheLimit: it stops where the limit is reached, not behind it.
template <class Observer, bool kToTheLimit = false>
struct FastContext {
  using Core = FastCore<Observer>;
  static constexpr bool kFuses = !kToTheLimit;

  const Insn* insn;
  Core* core;
  uint8_t* memory;
  uint8_t* granules;
  uint64_t n;
  bool exact;
  Exit exit = Exit::kNext;
  uint32_t result = 0;  // what set() wrote
  uint32_t carried = 0;
  bool carries = false;  // rs1 is carried

  ZKVM_ALWAYS_INLINE FastContext(const Insn* insn_, Core* core_, uint8_t* memory_,
                                 uint8_t* granules_, uint64_t n_, Op, bool exact_)
      : insn(insn_), core(core_), memory(memory_), granules(granules_), n(n_), exact(exact_) {}

  ZKVM_ALWAYS_INLINE void carry_from(const FastContext& before) {
    carries = true;
    carried = before.result;
  }

  ZKVM_ALWAYS_INLINE uint32_t rs1() const { return carries ? carried : core->x[insn->rs1]; }
  ZKVM_ALWAYS_INLINE uint32_t rs2() const { return core->x[insn->rs2]; }
  ZKVM_ALWAYS_INLINE uint32_t imm() const { return insn->imm; }

  ZKVM_ALWAYS_INLINE void set(uint32_t value) {
    core->x[insn->rd] = value;
    result = value;
    go_on();
  }

  template <class T>
  ZKVM_ALWAYS_INLINE void load(uint32_t address) {
    if (!may_access<T>(address, false)) return;
    T value;
    std::memcpy(&value, memory + address, sizeof(T));
    set(static_cast<uint32_t>(static_cast<int32_t>(value)));
  }

  template <class T>
  ZKVM_ALWAYS_INLINE void store(uint32_t address, uint32_t value) {
    if (!may_access<T>(address, true)) return;
    const T low = static_cast<T>(value);
    std::memcpy(memory + address, &low, sizeof(T));
    go_on();
  }

  ZKVM_ALWAYS_INLINE void branch(bool taken) {
    if (!taken) {
      go_on();
    } else if (insn->imm == kBadTarget) [[unlikely]] {
      exit = Exit::kLeave;
    } else {
      go_to(insn + static_cast<int32_t>(insn->imm));
    }
  }

  ZKVM_ALWAYS_INLINE void jump() {
    if (insn->imm == kBadTarget) [[unlikely]] {
      exit = Exit::kLeave;
    } else {
      core->x[insn->rd] = link();
      go_to(insn + static_cast<int32_t>(insn->imm));
    }
  }

  ZKVM_ALWAYS_INLINE void jump_to(uint32_t target) {
    const uint32_t offset = target - core->text_base;
    const uint32_t index = offset >> 2 | offset << 30;  // misaligned is out of range too
    if (index >= core->text_words) [[unlikely]] {
      exit = Exit::kLeave;
    } else {
      core->x[insn->rd] = link();
      go_to(core->text + index);
    }
  }

  ZKVM_ALWAYS_INLINE void system_call() { exit = Exit::kLeave; }
  ZKVM_ALWAYS_INLINE void trap(TrapKind) { exit = Exit::kLeave; }

 private:
  ZKVM_ALWAYS_INLINE uint32_t link() const {
    return core->text_base + static_cast<uint32_t>(insn - core->text) * 4 + 4;
  }

  ZKVM_ALWAYS_INLINE void go_on() {
    ++insn;
    if constexpr (kToTheLimit) {
      if (n + reinterpret_cast<uintptr_t>(insn) >= core->limit) exit = Exit::kLeave;
    }
  }

  ZKVM_ALWAYS_INLINE void go_to(const Insn* target) {
    core->observer->jump(static_cast<uint32_t>(insn - core->text),
                         static_cast<uint32_t>(target - core->text), *insn, core->x);
    const uint64_t now = n + reinterpret_cast<uintptr_t>(insn + 1);
    n = now - reinterpret_cast<uintptr_t>(target);
    insn = target;
    if (kToTheLimit ? now >= core->limit : now > core->limit) [[unlikely]]
      exit = Exit::kLeave;
  }

  template <class T>
  ZKVM_ALWAYS_INLINE bool may_access(uint32_t address, bool write) {
    const uint8_t open = granules[address >> kLogGranuleBytes];
    const bool aligned = address % sizeof(T) == 0;
    if ((open & (write ? kOpenWrite : kOpenRead)) != 0 && aligned) [[likely]]
      return true;
    if (exact && aligned && core->memory->touch_word(address, sizeof(T), write)) return true;
    exit = exact ? Exit::kLeave : Exit::kExact;
    return false;
  }
};

inline constexpr uint64_t kProgressCycles = uint64_t{1} << 26;

// The most instructions that control can run through before it jumps or stops.
inline size_t longest_line(std::span<const Insn> code) {
  size_t longest = 0, line = 0;  // from the instruction at hand on
  for (auto insn = code.rbegin(); insn != code.rend(); ++insn) {
    const Class cls = class_of(insn->op);
    line = cls == Class::kSystem || cls == Class::kTrap ? 0 : cls == Class::kJump ? 1 : line + 1;
    longest = std::max(longest, line);
  }
  return longest;
}

// One execution. The parts that a caller wants afterwards are public.
template <class Observer>
class FastRun {
 public:
  FastRun(const Program& program, Memory& memory, System& system, Observer& observer)
      : program_(program),
        text_(program.text()),
        memory_(memory),
        system_(system),
        observer_(observer),
        code_(decode_text(text_)),
        margin_(longest_line(code_)),
        state(initial_state(program)) {
    Dispatch<FastContext<Observer>>::prepare(code_);
  }

  // To exit, trap or so many instructions in all, or until a progress function returns false, which leaves it
  // unfinished. That is called after each system call and at least every kProgressCycles.
  std::optional<Trap> run(uint64_t cycle_limit,
                          const std::function<bool(uint64_t)>& progress = {}) {
    cycle_limit = pause_at_ = std::min(cycle_limit, kMostCycles);
    while (!system_.exit_code()) {
      if (progress) {
        if (!progress(state.cycles)) return std::nullopt;
        pause_at_ = std::min(cycle_limit, state.cycles + kProgressCycles + margin_);
      }
      advance();
      if (state.cycles >= pause_at_ && pause_at_ < cycle_limit) continue;
      if (state.cycles >= cycle_limit) {
        return Trap{TrapKind::kCycleLimit, state.pc, 0, 0, state.cycles};
      }
      const uint32_t pc = state.pc;
      if (auto trap = step(program_, state, memory_, system_)) return trap;
      observer_.step(index_of(pc), index_of(state.pc), state.x);
    }
    return std::nullopt;
  }

  // Until so many instructions were executed in all, or in front of one that is a call or cannot be.
  void run_to(uint64_t cycles) {
    pause_at_ = std::min(cycles, kMostCycles);
    while (text_.contains(state.pc)) {
      advance();
      if (state.cycles >= pause_at_) return;
      const uint32_t pc = state.pc;
      if (code_[index_of(pc)].op == Op::kEcall) return;
      if (step(program_, state, memory_, system_)) return;
      observer_.step(index_of(pc), index_of(state.pc), state.x);
    }
  }

 private:
  // n counts in sixteenths; more instructions are out of anyone's reach.
  static constexpr uint64_t kMostCycles = uint64_t{1} << 56;

  uint32_t index_of(uint32_t pc) const { return (pc - text_.base) / 4; }

  // As far as it can: to pause_at_, or in front of an instruction that only step() knows.
  void advance() {
    // Between two tests of the limit so many instructions are executed at most.
    if (pause_at_ > margin_ && state.cycles < pause_at_ - margin_) run_fast<false>();
    if (state.cycles < pause_at_) run_fast<true>();
  }

  template <bool kToTheLimit>
  void run_fast() {
    if (!text_.contains(state.pc)) return;
    const Insn* start = code_.data() + index_of(state.pc);
    FastCore<Observer> core{.x = state.x,
                            .text = code_.data(),
                            .text_base = text_.base,
                            .text_words = text_.size / 4,
                            .limit = (pause_at_ - (kToTheLimit ? 0 : margin_)) * sizeof(Insn),
                            .memory = &memory_,
                            .observer = &observer_,
                            .stopped_at = nullptr,
                            .stopped_n = 0};
    observer_.enter(index_of(state.pc));
    const uint64_t n = state.cycles * sizeof(Insn) - reinterpret_cast<uintptr_t>(start);
    if constexpr (kToTheLimit) {
      Dispatch<FastContext<Observer, true>>::run_unprepared(start, core, memory_.window(),
                                                            memory_.granules(), n);
    } else {
      Dispatch<FastContext<Observer>>::run(start, core, memory_.window(), memory_.granules(), n);
    }
    const auto stopped = static_cast<uint32_t>(core.stopped_at - code_.data());
    observer_.leave(stopped);
    state.x = core.x;
    state.pc = text_.base + stopped * 4;
    state.cycles = (core.stopped_n + reinterpret_cast<uintptr_t>(core.stopped_at)) / sizeof(Insn);
  }

  const Program& program_;
  const Region& text_;
  Memory& memory_;
  System& system_;
  uint64_t pause_at_ = 0;  // cycles before which run_fast comes back
  Observer& observer_;
  std::vector<Insn> code_;
  size_t margin_;

 public:
  State state;
};

}  // namespace zkvm::vm
