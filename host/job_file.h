// The bytes of jobs and of parts: host/doc/jobs.md.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <vector>

#include "host/zkvm.h"
#include "stark/hash/blake3.h"
#include "stark/machine/circuit.h"
#include "stark/pcs/commit/randomness.h"

namespace zkvm {

// The spans are the caller's: of the bytes that were parsed, or of what is to be written.
struct JobFile {
  double security_bits = 0;  // of the receipt
  Regime regime = Regime::kUnique;
  stark::Digest options{};  // of all that the caller asked for: options_digest()
  stark::Randomness::Seed secret{};
  std::span<const uint8_t> elf, input;
  std::span<const uint8_t> image;  // the program's, which would take time to make again
  std::span<const uint8_t> plan;   // stark::machine::Session::plan_bytes()
};

[[nodiscard]] std::vector<uint8_t> serialise(const JobFile& job);

// Reads untrusted bytes, to the last. Errors: kMalformedJob.
[[nodiscard]] Result<JobFile> parse_job(std::span<const uint8_t> bytes);

// What parts are known by: a hash of a job's bytes, which tells nothing of them, as the secret is among them.
[[nodiscard]] stark::Digest job_id(std::span<const uint8_t> job);

// What masks come from: the secret and the program, whose image the job only claims. REQUIRES: the ELF file is the one that
// is executed.
[[nodiscard]] stark::Randomness::Seed session_seed(const stark::Randomness::Seed& secret,
                                                   std::span<const uint8_t> elf);

// Of all that a proof depends on beside the program and the input.
[[nodiscard]] stark::Digest options_digest(const ProveOptions& options);

struct PartFile {
  stark::Digest job{};  // job_id()
  uint32_t segment = 0;
  stark::machine::SharedRoots roots;
  std::span<const uint8_t> proof;
};

[[nodiscard]] std::vector<uint8_t> serialise(const PartFile& part);

// Reads untrusted bytes, to the last. Errors: kInvalidSegment.
[[nodiscard]] Result<PartFile> parse_part(std::span<const uint8_t> bytes);

}  // namespace zkvm
