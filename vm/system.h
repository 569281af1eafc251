// The system calls (design: guest/include/zk/abi.h) and the world behind them.
#pragma once

#include <zk/abi.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "vm/hash_call.h"
#include "vm/layer/layer_call.h"
#include "vm/memory.h"
#include "vm/trap.h"

namespace zkvm::vm {

inline constexpr int kDummyRegister = 32;  // what rd = x0 is decoded to; never read
inline constexpr int kRegisterCount = 33;
using Registers = std::array<uint32_t, kRegisterCount>;

// One read returns at most this many bytes: the proof has one limb for it. Guests loop, as they must
// under Linux.
inline constexpr uint32_t kMaxReadBytes = (1u << 16) - 4;

// One journal write may have at most this many: a call is one step of a segment and its words must
// fit in one table.
inline constexpr uint32_t kMaxJournalBytes = 1u << 22;

// What the guest's files are connected to.
struct Io {
  std::span<const uint8_t> input;  // file 0, padded with zeros to whole words; must stay alive
  // Receives what the guest writes to files 1 and 2; may be empty.
  std::function<void(uint32_t fd, std::span<const uint8_t> bytes)> console;
  // Hears from run() and profile() now and then how many instructions were executed; false ends them. May be empty.
  std::function<bool(uint64_t cycles)> progress = {};
};

struct RunLimits {
  uint64_t cycles =
      uint64_t{1} << 40;  // instructions, at most 2^56; and as much work() of calls beside
  uint64_t journal_bytes = 64u << 20;
  uint64_t console_bytes = uint64_t{1} << 30;
};

// A system call that will succeed.
struct SystemCall {
  enum class Kind : uint8_t { kRead, kJournal, kConsole, kExit, kLayer, kHash };
  Kind kind;
  uint32_t buffer = 0;
  uint32_t bytes = 0;   // that move: for a read what is left of the input, for exit 0
  uint32_t result = 0;  // a0 afterwards; for exit the exit code, which a0 already is
  uint32_t fd = 0;
  LayerCall layer = {};    // of kLayer, whose result is what a0 already is
  HashCall hash = {};    // of kHash, likewise
};

// Why it will not; the caller knows pc and cycle.
struct Fault {
  TrapKind kind;
  uint32_t address = 0;
  uint32_t detail = 0;
};

// How far the calls have come, but for counts of them that nothing depends on.
struct SystemState {
  uint64_t input_bytes = 0;  // read, padding included: a multiple of 4
  uint64_t journal_bytes = 0;
  uint64_t console_bytes = 0;
  uint64_t work = 0;  // of calls of layers and hashes
};

class System {
 public:
  System(Io io, const RunLimits& limits) : io_(std::move(io)), limits_(limits) {}

  // What ecall means now: reads a7 and a0 to a5, changes nothing.
  tl::expected<SystemCall, Fault> plan(const Registers& x, const Memory& memory) const;
  // REQUIRES: `call` was planned in this very state. Moves the bytes and sets a0.
  void perform(const SystemCall& call, Registers& x, Memory& memory);

  [[nodiscard]] SystemState state() const {
    return {input_position_, journal_.size(), console_bytes_, work_};
  }
  // Goes on from there; `journal`: of the execution, or longer. False, and nothing is done, if no execution on this
  // input can be there.
  [[nodiscard]] bool restore(const SystemState& state, std::span<const uint8_t> journal);

  // Word i of what a read that was planned now would deliver.
  uint32_t input_word(uint32_t i) const;

  // Bytes of the input that reads have delivered, padding not included.
  size_t input_read() const { return std::min(input_position_, io_.input.size()); }
  const std::optional<uint32_t>& exit_code() const { return exit_code_; }
  std::vector<uint8_t>& journal() { return journal_; }
  // Of each layer of the program; empty before the first.
  const std::vector<uint64_t>& layer_calls() const { return layer_calls_; }
  const std::array<HashUse, kHashes>& hashes() const { return hashes_; }

 private:
  tl::expected<SystemCall, Fault> plan_read(const Registers& x, const Memory& memory) const;
  tl::expected<SystemCall, Fault> plan_layer(const Registers& x, const Memory& memory) const;
  tl::expected<SystemCall, Fault> plan_hash(const Registers& x, const Memory& memory) const;
  bool has_time_for(uint64_t work) const;
  tl::expected<SystemCall, Fault> plan_write(const Registers& x, const Memory& memory) const;

  Io io_;
  RunLimits limits_;
  size_t input_position_ = 0;  // a multiple of 4; at most the padded length
  uint64_t console_bytes_ = 0;
  std::vector<uint8_t> journal_;
  std::vector<uint64_t> layer_calls_;
  std::array<HashUse, kHashes> hashes_ = {};
  uint64_t work_ = 0;  // of calls
  std::optional<uint32_t> exit_code_;
};

}  // namespace zkvm::vm
