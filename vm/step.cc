#include "vm/step.h"

#include <cstring>

#include "vm/code.h"
#include "vm/semantics.h"

namespace zkvm::vm {
namespace {

struct StepContext {
  const Program& program;
  State& state;
  Memory& memory;
  System& system;
  Decoded d;
  std::optional<Fault> fault;

  uint32_t rs1() const { return state.x[d.rs1]; }
  uint32_t rs2() const { return state.x[d.rs2]; }
  uint32_t imm() const { return d.imm; }

  void set(uint32_t value) {
    state.x[d.rd] = value;
    state.pc += 4;
  }

  template <class T>
  void load(uint32_t address) {
    if (address % sizeof(T) != 0) return fail(TrapKind::kMisalignedLoad, address, sizeof(T));
    if (!memory.touch(address, sizeof(T), false)) {
      return fail(TrapKind::kLoadUndeclared, address, sizeof(T));
    }
    T value;
    std::memcpy(&value, memory.window() + address, sizeof(T));
    set(static_cast<uint32_t>(static_cast<int32_t>(value)));
  }

  template <class T>
  void store(uint32_t address, uint32_t value) {
    if (address % sizeof(T) != 0) return fail(TrapKind::kMisalignedStore, address, sizeof(T));
    if (!memory.touch(address, sizeof(T), true)) {
      return fail(memory.region_at(address) != nullptr ? TrapKind::kStoreReadOnly
                                                       : TrapKind::kStoreUndeclared,
                  address, sizeof(T));
    }
    const T low = static_cast<T>(value);
    std::memcpy(memory.window() + address, &low, sizeof(T));
    state.pc += 4;
  }

  void branch(bool taken) {
    const uint32_t target = taken ? state.pc + d.imm : state.pc + 4;
    if (target % 4 != 0) return fail(TrapKind::kMisalignedJump, target, 0);
    state.pc = target;
  }

  void jump() { jump_to(state.pc + d.imm); }

  void jump_to(uint32_t target) {
    if (target % 4 != 0) return fail(TrapKind::kMisalignedJump, target, 0);
    state.x[d.rd] = state.pc + 4;
    state.pc = target;
  }

  void system_call() {
    const auto call = system.plan(state.x, memory);
    if (!call) return fail(call.error().kind, call.error().address, call.error().detail);
    system.perform(*call, state.x, memory);
    state.pc += 4;
  }

  void trap(TrapKind kind) { fail(kind, 0, 0); }
  void fail(TrapKind kind, uint32_t address, uint32_t detail) {
    fault = Fault{kind, address, detail};
  }
};

}  // namespace

std::optional<Trap> step(const Program& program, State& state, Memory& memory, System& system) {
  const Region* region = program.region_at(state.pc);
  if (region == nullptr || !region->execute) {
    const auto kind =
        region == nullptr ? TrapKind::kFetchUndeclared : TrapKind::kFetchNotExecutable;
    return Trap{kind, state.pc, 0, 0, state.cycles, state.x[2]};
  }
  const uint32_t word = text_word(*region, (state.pc - region->base) / 4);
  StepContext context{program, state, memory, system, decode_at(word, state.pc), std::nullopt};
  execute(context.d.op, context);
  if (context.fault) {
    const Fault& fault = *context.fault;
    const uint32_t detail = fault.kind == TrapKind::kIllegalInstruction ? word : fault.detail;
    return Trap{fault.kind, state.pc, fault.address, detail, state.cycles, state.x[2]};
  }
  ++state.cycles;
  return std::nullopt;
}

}  // namespace zkvm::vm
