#include "vm/system.h"

#include <zk/check.h>

#include <algorithm>
#include <cstring>

namespace zkvm::vm {
namespace {

constexpr int kA0 = 10, kA1 = 11, kA2 = 12, kA3 = 13, kA4 = 14, kA5 = 15, kA7 = 17;

tl::unexpected<Fault> fault(TrapKind kind, uint32_t address, uint32_t detail) {
  return tl::unexpected(Fault{kind, address, detail});
}

// Input and journal move whole words between addresses and lengths below kAddressEnd.
std::optional<Fault> check_words(uint32_t buffer, uint32_t length) {
  if (length % 4 != 0 || length >= kAddressEnd) return Fault{TrapKind::kBadLength, buffer, length};
  if (buffer % 4 != 0 || buffer >= kAddressEnd) return Fault{TrapKind::kBadBuffer, buffer, length};
  return std::nullopt;
}

}  // namespace

tl::expected<SystemCall, Fault> System::plan(const Registers& x, const Memory& memory) const {
  switch (x[kA7]) {
    case zk::abi::kSysRead:
      return plan_read(x, memory);
    case zk::abi::kSysWrite:
      return plan_write(x, memory);
    case zk::abi::kSysExit:
      return SystemCall{.kind = SystemCall::Kind::kExit, .result = x[kA0]};
    case zk::abi::kSysLayer:
    case zk::abi::kSysLayerPair:
    case zk::abi::kSysLayerWeights:
      return plan_layer(x, memory);
    case zk::abi::kSysBlake3:
    case zk::abi::kSysSha256:
      return plan_hash(x, memory);
    default:
      return fault(TrapKind::kUnknownSystemCall, 0, x[kA7]);
  }
}

// The whole buffer must be writable even when less is left to read: whether a guest's buffer is
// sound must not depend on its input.
tl::expected<SystemCall, Fault> System::plan_read(const Registers& x, const Memory& memory) const {
  const uint32_t buffer = x[kA1], length = x[kA2];
  if (x[kA0] != zk::abi::kFdInput) return fault(TrapKind::kBadFileDescriptor, 0, x[kA0]);
  if (const auto bad = check_words(buffer, length)) return tl::unexpected(*bad);
  if (!memory.allows(buffer, length, true)) return fault(TrapKind::kBadBuffer, buffer, length);
  const size_t padded = (io_.input.size() + 3) & ~size_t{3};
  const size_t left = padded - input_position_;
  const auto bytes = static_cast<uint32_t>(std::min<size_t>({length, left, size_t{kMaxReadBytes}}));
  return SystemCall{SystemCall::Kind::kRead, buffer, bytes, bytes, zk::abi::kFdInput};
}

tl::expected<SystemCall, Fault> System::plan_write(const Registers& x, const Memory& memory) const {
  const uint32_t fd = x[kA0], buffer = x[kA1], length = x[kA2];
  const bool to_journal = fd == zk::abi::kFdJournal;
  if (!to_journal && fd != zk::abi::kFdStdout && fd != zk::abi::kFdStderr) {
    return fault(TrapKind::kBadFileDescriptor, 0, fd);
  }
  if (to_journal) {
    if (const auto bad = check_words(buffer, length)) return tl::unexpected(*bad);
    if (length > kMaxJournalBytes) return fault(TrapKind::kBadLength, buffer, length);
  }
  if (!memory.allows(buffer, length, false)) return fault(TrapKind::kBadBuffer, buffer, length);
  if (to_journal && length > limits_.journal_bytes - journal_.size()) {
    return fault(TrapKind::kJournalLimit, buffer, length);
  }
  if (!to_journal && length > limits_.console_bytes - console_bytes_) {
    return fault(TrapKind::kConsoleLimit, buffer, length);
  }
  return SystemCall{to_journal ? SystemCall::Kind::kJournal : SystemCall::Kind::kConsole, buffer,
                    length, length, fd};
}

tl::expected<SystemCall, Fault> System::plan_layer(const Registers& x, const Memory& memory) const {
  const uint32_t id = x[kA0];
  const Layer* layer = memory.program().layer(id);
  if (layer == nullptr || call_number(*layer) != x[kA7])
    return fault(TrapKind::kUnknownLayer, 0, id);
  const bool two = has_second_input(*layer);
  const uint32_t in = x[kA1], b = two ? x[kA2] : 0, out = two ? x[kA3] : x[kA2];
  const LayerCall call{layer, in, out, b};
  const auto extent = [](uint64_t bytes) { return static_cast<uint32_t>(bytes); };
  if (!may_read(call, memory)) return fault(TrapKind::kBadBuffer, in, extent(layer->in_extent()));
  if (two && !may_read_b(call, memory))
    return fault(TrapKind::kBadBuffer, b, extent(second_extent(*layer)));
  if (!may_write(call, memory))
    return fault(TrapKind::kBadBuffer, out, extent(layer->out_extent()));
  if (const auto bad = bad_bias(call, memory))
    return fault(TrapKind::kBadBias, bad->address, bad->word);
  if (!has_time_for(layer->work())) return fault(TrapKind::kCycleLimit, 0, 0);
  return SystemCall{.kind = SystemCall::Kind::kLayer, .result = id, .layer = call};
}

tl::expected<SystemCall, Fault> System::plan_hash(const Registers& x, const Memory& memory) const {
  HashCall call{.cv = x[kA0], .blocks = x[kA1], .count = x[kA2], .hash = Hash::kSha256};
  if (x[kA7] == zk::abi::kSysBlake3) {
    call.hash = Hash::kBlake3;
    call.counter = uint64_t{x[kA4]} << 32 | x[kA3];
    call.modes = x[kA5];
  }
  if (call.count == 0 || call.count > kMaxHashBlocks)
    return fault(TrapKind::kBadLength, call.blocks, call.count);
  if (!may_write_cv(call, memory)) return fault(TrapKind::kBadBuffer, call.cv, kCvBytes);
  if (!may_read_blocks(call, memory))
    return fault(TrapKind::kBadBuffer, call.blocks, call.count * kHashBlockBytes);
  if (!has_time_for(call.work())) return fault(TrapKind::kCycleLimit, 0, 0);
  return SystemCall{.kind = SystemCall::Kind::kHash, .result = call.cv, .hash = call};
}

// Whether the limit on instructions allows so much work of calls more.
bool System::has_time_for(uint64_t work) const {
  return work <= limits_.cycles - std::min(limits_.cycles, work_);
}

void System::perform(const SystemCall& call, Registers& x, Memory& memory) {
  x[kA0] = call.result;
  if (call.kind == SystemCall::Kind::kExit) exit_code_ = call.result;
  if (call.kind == SystemCall::Kind::kLayer) {
    const std::vector<Layer>& layers = memory.program().layers;
    layer_calls_.resize(layers.size());
    ++layer_calls_[static_cast<size_t>(call.layer.layer - layers.data())];
    work_ += call.layer.layer->work();
    return run_layer(call.layer, memory);
  }
  if (call.kind == SystemCall::Kind::kHash) {
    HashUse& use = hashes_[static_cast<size_t>(call.hash.hash)];
    ++use.calls;
    use.blocks += call.hash.count;
    work_ += call.hash.work();
    return run_hash(call.hash, memory);
  }
  if (call.bytes == 0) return;  // the buffer may then be anywhere
  const std::span bytes(memory.window() + call.buffer, call.bytes);
  switch (call.kind) {
    case SystemCall::Kind::kExit:
    case SystemCall::Kind::kLayer:
    case SystemCall::Kind::kHash:
      return;
    case SystemCall::Kind::kRead: {
      ZK_CHECK(memory.touch(call.buffer, call.bytes, true));
      const auto input = io_.input.subspan(input_position_);  // not empty: bytes > 0 are left
      const size_t given = std::min(input.size(), bytes.size());
      std::copy_n(input.begin(), given, bytes.begin());
      std::ranges::fill(bytes.subspan(given), uint8_t{0});
      input_position_ += bytes.size();
      return;
    }
    case SystemCall::Kind::kJournal:
      ZK_CHECK(memory.touch(call.buffer, call.bytes, false));
      journal_.insert(journal_.end(), bytes.begin(), bytes.end());
      return;
    case SystemCall::Kind::kConsole:
      // Not an access of the machine: the proof does not see it, so nothing is touched.
      console_bytes_ += bytes.size();
      if (io_.console) io_.console(call.fd, bytes);
      return;
  }
}

bool System::restore(const SystemState& state, std::span<const uint8_t> journal) {
  const size_t padded = (io_.input.size() + 3) & ~size_t{3};
  if (state.input_bytes > padded || state.input_bytes % 4 != 0 ||
      state.journal_bytes > std::min<uint64_t>(journal.size(), limits_.journal_bytes) ||
      state.console_bytes > limits_.console_bytes)
    return false;
  input_position_ = state.input_bytes;
  journal_.assign(journal.begin(), journal.begin() + static_cast<ptrdiff_t>(state.journal_bytes));
  console_bytes_ = state.console_bytes;
  work_ = state.work;
  return true;
}

uint32_t System::input_word(uint32_t i) const {
  const size_t begin = input_position_ + size_t{i} * 4;
  uint32_t word = 0;
  if (begin < io_.input.size()) {
    std::memcpy(&word, io_.input.data() + begin, std::min<size_t>(4, io_.input.size() - begin));
  }
  return word;
}

}  // namespace zkvm::vm
