// From one instruction to the next, for the executors that run decoded text: threaded code by
// guaranteed tail calls where the compiler has them (clang, optimising), a switch in a loop
// elsewhere. Both compile vm/semantics.h with the executor's context X.
//
// X is made anew for each instruction, from the values that live in host registers, and says in
// x.exit how it went on:
//   kNext   x.insn is the next instruction
//   kLeave  run() returns; the instruction at x.insn has not been executed
//   kExact  nothing happened; execute it again with x.exact set. The hot code then holds no call,
//           and so needs no stack frame.
//
// Where X::kFuses, threaded code has a handler for each frequent pair of instructions too. It
// stands at the pair's first word, the second word keeps its own, so jumps into the middle need no
// care. If the second reads as rs1 what the first wrote, the value stays in a host register:
// through memory it would take five cycles.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>
#include <utility>

#include "vm/code.h"
#include "vm/semantics.h"

namespace zkvm::vm {

enum class Exit : uint8_t { kNext, kLeave, kExact };

#if defined(__clang__) && defined(__OPTIMIZE__)
inline constexpr bool kThreaded = true;
#define ZKVM_TAIL_CALL [[clang::musttail]] return
#else
inline constexpr bool kThreaded = false;
#define ZKVM_TAIL_CALL return
#endif

// X::Core holds x (registers) and what X needs beside; run() leaves stopped_at and stopped_n there.
// n is a counter whose meaning is X's.
template <class X>
class Dispatch {
 public:
  using Core = typename X::Core;

  // Puts the handlers of X into the code.
  static void prepare(std::span<Insn> code) {
    if constexpr (kThreaded) {
      static constexpr auto kHandlers = handlers(std::make_index_sequence<kOpCount>());
      for (Insn& insn : code) {
        insn.handler = reinterpret_cast<void (*)()>(kHandlers[static_cast<size_t>(insn.op)]);
      }
      if constexpr (X::kFuses) fuse(code);
    }
  }

  // REQUIRES: prepare() of this very X; insn points into the code.
  static void run(const Insn* insn, Core& core, uint8_t* memory, uint8_t* granules, uint64_t n) {
    if constexpr (kThreaded) {
      next(insn, &core, memory, granules, n);
    } else {
      loop(insn, &core, memory, granules, n);
    }
  }

  // The same by a switch, whatever the code was prepared for.
  static void run_unprepared(const Insn* insn, Core& core, uint8_t* memory, uint8_t* granules,
                             uint64_t n) {
    loop(insn, &core, memory, granules, n);
  }

 private:
  using Handler = void (*)(const Insn*, Core*, uint8_t*, uint8_t*, uint64_t);

  static void next(const Insn* insn, Core* core, uint8_t* memory, uint8_t* granules, uint64_t n) {
    ZKVM_TAIL_CALL reinterpret_cast<Handler>(insn->handler)(insn, core, memory, granules, n);
  }

  template <Op kOp>
  static void handle(const Insn* insn, Core* core, uint8_t* memory, uint8_t* granules, uint64_t n) {
    X x(insn, core, memory, granules, n, kOp, false);
    execute(kOp, x);
    if (x.exit == Exit::kExact) [[unlikely]] {
      ZKVM_TAIL_CALL handle_exactly<kOp>(insn, core, memory, granules, n);
    }
    if (x.exit == Exit::kLeave) [[unlikely]]
      return leave(x);
    ZKVM_TAIL_CALL reinterpret_cast<Handler>(x.insn->handler)(x.insn, core, memory, granules, x.n);
  }

  template <Op kOp>
  [[gnu::noinline]] static void handle_exactly(const Insn* insn, Core* core, uint8_t* memory,
                                               uint8_t* granules, uint64_t n) {
    X x(insn, core, memory, granules, n, kOp, true);
    execute(kOp, x);
    if (x.exit == Exit::kLeave) return leave(x);
    ZKVM_TAIL_CALL reinterpret_cast<Handler>(x.insn->handler)(x.insn, core, memory, granules, x.n);
  }

  // Frequent in compiled code, and never the last of a straight line: the second of a pair may be
  // a branch or jal as well.
  static constexpr std::array kFirstOps = {Op::kAddi, Op::kAdd,  Op::kSub, Op::kSlli, Op::kSrli,
                                           Op::kSrai, Op::kAndi, Op::kXor, Op::kAnd,  Op::kOr,
                                           Op::kLui,  Op::kLw,   Op::kLb,  Op::kLbu,  Op::kLh,
                                           Op::kLhu,  Op::kSw,   Op::kMul};
  static constexpr std::array kSecondOps = {
      Op::kAddi, Op::kAdd, Op::kSub, Op::kSlli, Op::kSrli, Op::kSrai, Op::kAndi, Op::kXor, Op::kAnd,
      Op::kOr,   Op::kLui, Op::kLw,  Op::kLb,   Op::kLbu,  Op::kLh,   Op::kLhu,  Op::kSw,  Op::kMul,
      Op::kBeq,  Op::kBne, Op::kBlt, Op::kBge,  Op::kBltu, Op::kBgeu, Op::kJal};
  static constexpr size_t kPairs = kFirstOps.size() * kSecondOps.size();

  static void fuse(std::span<Insn> code) {
    static constexpr auto kApart = pairs<false>(std::make_index_sequence<kPairs>());
    static constexpr auto kCarrying = pairs<true>(std::make_index_sequence<kPairs>());
    for (size_t i = 0; i + 1 < code.size(); ++i) {
      const auto first = std::ranges::find(kFirstOps, code[i].op);
      const auto second = std::ranges::find(kSecondOps, code[i + 1].op);
      if (first == kFirstOps.end() || second == kSecondOps.end()) continue;
      const auto pair = static_cast<size_t>(first - kFirstOps.begin()) * kSecondOps.size() +
                        static_cast<size_t>(second - kSecondOps.begin());
      // The dummy is no operand, and an instruction without rd has it as rd.
      const bool carries = code[i].rd == code[i + 1].rs1;
      code[i].handler = reinterpret_cast<void (*)()>(carries ? kCarrying[pair] : kApart[pair]);
    }
  }

  template <bool kCarries, size_t... kIndices>
  static constexpr std::array<Handler, kPairs> pairs(std::index_sequence<kIndices...>) {
    return {&handle_pair<kFirstOps[kIndices / kSecondOps.size()],
                         kSecondOps[kIndices % kSecondOps.size()], kCarries>...};
  }

  template <Op kFirst, Op kSecond, bool kCarries>
  static void handle_pair(const Insn* insn, Core* core, uint8_t* memory, uint8_t* granules,
                          uint64_t n) {
    X x(insn, core, memory, granules, n, kFirst, false);
    execute(kFirst, x);
    if (x.exit == Exit::kExact) [[unlikely]] {
      ZKVM_TAIL_CALL handle_exactly<kFirst>(insn, core, memory, granules, n);
    }
    X y(insn + 1, core, memory, granules, n, kSecond, false);
    if constexpr (kCarries) y.carry_from(x);
    execute(kSecond, y);
    if (y.exit == Exit::kExact) [[unlikely]] {
      ZKVM_TAIL_CALL handle_exactly<kSecond>(insn + 1, core, memory, granules, n);
    }
    if (y.exit == Exit::kLeave) [[unlikely]]
      return leave(y);
    ZKVM_TAIL_CALL reinterpret_cast<Handler>(y.insn->handler)(y.insn, core, memory, granules, y.n);
  }

  static void loop(const Insn* insn, Core* core, uint8_t* memory, uint8_t* granules, uint64_t n) {
    for (;;) {
      X x(insn, core, memory, granules, n, insn->op, false);
      execute(insn->op, x);
      if (x.exit == Exit::kExact) {
        x = X(insn, core, memory, granules, n, insn->op, true);
        execute(insn->op, x);
      }
      if (x.exit == Exit::kLeave) return leave(x);
      insn = x.insn;
      n = x.n;
    }
  }

  static void leave(const X& x) {
    x.core->stopped_at = x.insn;
    x.core->stopped_n = x.n;
  }

  template <size_t... kOps>
  static constexpr std::array<Handler, kOpCount> handlers(std::index_sequence<kOps...>) {
    return {&handle<static_cast<Op>(kOps)>...};
  }
};

}  // namespace zkvm::vm
