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
#pragma once

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

 private:
  using Handler = void (*)(const Insn*, Core*, uint8_t*, uint8_t*, uint64_t);

  static void next(const Insn* insn, Core* core, uint8_t* memory, uint8_t* granules, uint64_t n) {
    ZKVM_TAIL_CALL reinterpret_cast<Handler>(insn->handler)(insn, core, memory, granules, n);
  }

  template <Op kOp>
  static void handle(const Insn* insn, Core* core, uint8_t* memory, uint8_t* granules, uint64_t n) {
    X x(insn, core, memory, granules, n, false);
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
    X x(insn, core, memory, granules, n, true);
    execute(kOp, x);
    if (x.exit == Exit::kLeave) return leave(x);
    ZKVM_TAIL_CALL reinterpret_cast<Handler>(x.insn->handler)(x.insn, core, memory, granules, x.n);
  }

  static void loop(const Insn* insn, Core* core, uint8_t* memory, uint8_t* granules, uint64_t n) {
    for (;;) {
      X x(insn, core, memory, granules, n, false);
      execute(insn->op, x);
      if (x.exit == Exit::kExact) {
        x = X(insn, core, memory, granules, n, true);
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
