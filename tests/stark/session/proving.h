// Executions of small programs and of real guests, proven and verified as a receipt's verifier
// does.
#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>

#include "stark/protocol/proof.h"
#include "stark/session/session.h"
#include "stark/verifier/verifier.h"
#include "stark/witness/checker.h"
#include "tests/stark/support/proving.h"
#include "tests/vm/guest_builder.h"

namespace zkvm::stark::machine {

/// A program with its image, to be executed any number of times.
struct Guest {
  vm::Program program;
  std::unique_ptr<ProgramImage> image;

  /// `group_cells`: of its image's groups of layers; with 1 each layer is one.
  explicit Guest(vm::Program loaded, uint64_t group_cells = kGroupCells)
      : program(std::move(loaded)) {
    auto made = ProgramImage::of(program, nullptr, {}, nullptr, group_cells);
    EXPECT_TRUE(made) << made.error().message;
    image = std::make_unique<ProgramImage>(*std::move(made));
  }
  static Guest of(const std::vector<uint8_t>& elf, uint64_t group_cells = kGroupCells) {
    auto program = vm::load_elf(elf);
    EXPECT_TRUE(program) << program.error().message;
    return Guest(*std::move(program), group_cells);
  }
  static Guest of(const std::vector<uint32_t>& text, std::vector<uint8_t> data = {}) {
    return of(vm::test::ElfFile::of(text, std::move(data)).bytes());
  }
};

inline std::vector<uint8_t> read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  EXPECT_TRUE(file.good()) << path;
  return {std::istreambuf_iterator<char>(file), {}};
}

/// An error's message, or "".
template <class T>
std::string message_of(const Result<T>& result) {
  return result ? "" : result.error().message;
}

/// What the checker says of all witnesses of an execution; empty if they are right.
inline std::string check_execution(Guest& guest, const vm::Io& io, SessionOptions options) {
  if (!options.params) options.params = quick_params();
  auto session = Session::plan(guest.program, *guest.image, io, std::move(options));
  if (!session) return session.error().message;
  if (session->execution().trap) return "trap";
  std::string report;
  const auto visited =
      session->visit_witnesses([&](size_t, const Circuit& circuit, const Witness& witness) {
        if (report.empty()) report = check_witness(circuit, witness).to_string();
      });
  return report + message_of(visited);
}

/// Verifies an execution's proofs from what a receipt holds. `bits`: asked for.
inline std::string verify_execution(const Image& image, std::span<const uint8_t> journal,
                                    uint32_t exit_code, std::span<const SegmentProof> segments,
                                    double bits, double least_rate) {
  uint32_t position = 0;
  for (size_t i = 0; i < segments.size(); ++i) {
    const SegmentProof& segment = segments[i];
    SegmentClaim claim{position, {}, {}};
    for (; position < segment.journal_end; ++position) {
      uint32_t word;
      std::memcpy(&word, journal.data() + size_t{position} * 4, 4);
      claim.journal.push_back(word);
    }
    if (i + 1 == segments.size()) claim.exit_code = exit_code;
    ByteReader in(segment.proof);
    const auto params = read_params(in);
    if (!params) return "segment " + std::to_string(i) + ": " + params.error().message;
    const auto circuit = machine_circuit(image, segment.uses, nullptr, params->log_blowup);
    if (!circuit) return circuit.error().message;
    const Statement statement = segment_statement(*circuit, claim, segment.roots);
    VerifyOptions options;
    options.security_bits = bits == 0 ? 0 : bits + std::log2(static_cast<double>(segments.size()));
    options.least_rate = least_rate;
    const auto verified = verify(circuit->key(), statement, segment.proof, options);
    if (!verified) return "segment " + std::to_string(i) + ": " + verified.error().message;
  }
  return size_t{position} * 4 == journal.size() ? "" : "journal";
}

struct Proven {
  vm::RunResult execution;
  std::vector<SegmentProof> segments;
  SessionStats stats;
  Params params;
};

/// Of proofs as they are, at any security.
inline std::string verify_execution(const Image& image, const Proven& proven) {
  return verify_execution(image, proven.execution.journal, proven.execution.exit_code,
                          proven.segments, 0, 0);
}

/// Plans, proves and verifies; what fails is a failure of the test. `done`: segments that are proven, the first ones.
inline Proven prove_execution(Guest& guest, const vm::Io& io, const SessionOptions& options,
                              std::span<const SegmentProof> done = {}) {
  Proven out;
  auto session = Session::plan(guest.program, *guest.image, io, options);
  EXPECT_TRUE(session) << message_of(session);
  if (!session) return out;
  EXPECT_FALSE(session->execution().trap);
  if (session->execution().trap) return out;
  out.segments.assign(done.begin(), done.end());
  const auto proved = session->prove(
      [&](size_t index, SegmentProof proof) {
        EXPECT_EQ(index, out.segments.size());
        out.segments.push_back(std::move(proof));
        return true;
      },
      done.size());
  EXPECT_TRUE(proved) << message_of(proved);
  out.execution = session->execution();
  out.stats = session->stats();
  out.params = session->params();
  if (!proved) return out;
  EXPECT_EQ(out.segments.size(), session->segments());
  EXPECT_EQ(verify_execution(guest.image->image(), out.execution.journal, out.execution.exit_code,
                             out.segments, options.params ? 0 : options.security_bits,
                             session->least_rate()),
            "");
  return out;
}

}  // namespace zkvm::stark::machine
