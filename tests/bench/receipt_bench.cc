// Verifying a receipt of one segment, all of it on one thread; the receipts are proven here.
//
//   verify/GUEST   bytes: of the receipt
//   floor/GUEST    as many BLAKE3 compressions as the receipt has blocks, from the nearest cache:
//                  no verifier can take less
//   guest/GUEST    the verifier as a guest (tests/stark/guest), on the VM; cycles: its instructions, blocks: of
//                  BLAKE3 that the machine compresses for it
//
// Median and best: --benchmark_repetitions=11 --benchmark_report_aggregates_only.
#include <benchmark/benchmark.h>
#include <zk/check.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <map>
#include <string>

#include "host/receipt.h"
#include "host/verify.h"
#include "host/zkvm.h"
#include "stark/hash/blake3_kernels.h"
#include "stark/protocol/bytes.h"
#include "vm/elf.h"
#include "vm/run.h"

namespace zkvm {
namespace {

std::vector<uint8_t> read(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  ZK_CHECK(file.good());
  return {std::istreambuf_iterator<char>(file), {}};
}

struct Guest {
  const char* name;
  const char* elf;
  size_t digit_bytes;  // of the first digits as input; 0: the number of rounds instead
};
constexpr Guest kGuests[] = {{"hello", "hello", 32},
                             {"sha256", "preimage_sha256", 2048},
                             {"mlp", "mnist_mlp_plain", 784},
                             {"lenet5", "mnist_lenet5_plain", 784},
                             {"integer", "bench_integer", 0}};

const Proved& proved(const Guest& guest) {
  static std::map<std::string, Proved> all;
  const auto at = all.find(guest.name);
  if (at != all.end()) return at->second;
  std::vector<uint8_t> input = {38, 0, 0, 0};  // rounds: 4.1 million cycles, one segment
  if (guest.digit_bytes > 0) {
    input = read(ZKVM_DIGITS);
    input.resize(guest.digit_bytes);
  }
  auto result = prove(read(std::string(ZKVM_GUESTS "/") + guest.elf + ".elf"), input);
  ZK_CHECK(result.has_value() && result->segments == 1);
  return all.emplace(guest.name, *std::move(result)).first->second;
}

void bench_verify(benchmark::State& state, const Guest& guest) {
  const Proved& of = proved(guest);
  for (auto _ : state) {
    const auto ok = verify(of.receipt, of.image_id);
    if (!ok) state.SkipWithError(ok.error().message.c_str());
  }
  state.counters["bytes"] = static_cast<double>(of.receipt.size());
}

void bench_floor(benchmark::State& state, const Guest& guest) {
  const size_t blocks = proved(guest).receipt.size() / 64;
  alignas(64) static uint32_t message[2 * stark::kDigestPackWords], cv[2 * stark::kDigestPackWords];
  for (auto _ : state) {
    stark::blake3_kernels().compress_chain(message, blocks / (2 * stark::kPackLanes), cv);
    benchmark::DoNotOptimize(cv);
  }
}

/// What the verifier's guest reads of a receipt of one segment: key, statement and proof.
std::vector<uint8_t> guest_input(const Proved& of) {
  const auto receipt = parse_receipt(of.receipt);
  ZK_CHECK(receipt && receipt->segments.size() == 1);
  const auto image = parse_image(*receipt);
  const auto task = segment_task(*image, *receipt, 0);
  ZK_CHECK(task.has_value());
  const std::vector<uint8_t> key = task->circuit.key().serialise(), statement = task->statement.serialise();
  stark::ByteWriter input;
  for (const std::span<const uint8_t> part : {std::span(key), std::span(statement), receipt->segments[0].proof}) {
    input.put(static_cast<uint32_t>(part.size()));
    input.put_bytes(part);
    while (input.size() % 4 != 0) input.put(uint8_t{0});
  }
  return {input.view().begin(), input.view().end()};
}

void bench_guest(benchmark::State& state, const Guest& guest) {
  const std::vector<uint8_t> input = guest_input(proved(guest));
  const auto program = vm::load_elf(read(ZKVM_GUESTS "/test_verifier.elf"));
  ZK_CHECK(program.has_value());
  for (auto _ : state) {
    const auto run = vm::run(*program, {.input = input, .console = {}});
    if (!run || run->trap) {
      state.SkipWithError("the guest refuses the proof");
      continue;
    }
    state.counters["cycles"] = static_cast<double>(run->cycles);
    state.counters["blocks"] = static_cast<double>(run->hashes[0].blocks);
  }
}

}  // namespace
}  // namespace zkvm

int main(int argc, char** argv) {
  for (const zkvm::Guest& guest : zkvm::kGuests) {
    const auto add = [&](const std::string& what, auto bench) {
      benchmark::RegisterBenchmark((what + "/" + guest.name).c_str(),
                                   [=](benchmark::State& state) { bench(state, guest); })
          ->ComputeStatistics(
              "best",
              [](const std::vector<double>& times) { return *std::ranges::min_element(times); })
          ->Unit(benchmark::kMillisecond);
    };
    add("verify", zkvm::bench_verify);
    add("floor", zkvm::bench_floor);
    add("guest", zkvm::bench_guest);
  }
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
}
