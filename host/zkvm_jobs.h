// A proof that is made in parts: by other processes, on other machines, in any order.
//
//   zkvm::Result<zkvm::Planned> planned = zkvm::plan(elf, input);    // executes once
//   zkvm::Result<zkvm::Job> job = zkvm::Job::open(planned->job);     // in each process
//   zkvm::Result<std::vector<uint8_t>> part = job->prove(3);         // anywhere
//   zkvm::Result<zkvm::Added> added = job->add(*part);               // where they come together
//   zkvm::Result<zkvm::Assembled> whole = job->assemble();           // whole->receipt is for zkvm::verify
//
// A job is secret: it has the program, the input, and the secret that masks come from. Who reads it
// can read the input, and take the masks off the receipt. A part tells no more than the receipt.
// host/doc/jobs.md has both formats.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "host/zkvm.h"

namespace zkvm {

struct Planned {
  Run run;                   // where it ended by a trap, there is no job
  std::vector<uint8_t> job;  // for Job::open; secret
};

// Executes the guest and writes what all parts of its proof share. Of the options, threads, resume_folder and
// measure_floors are not for a plan. Errors: those of prove().
[[nodiscard]] Result<Planned> plan(std::span<const uint8_t> elf, std::span<const uint8_t> input,
                                   const ProveOptions& options = {});

// What a segment takes.
struct JobSegment {
  uint64_t cycles = 0;  // instructions
  uint64_t cells = 0;   // committed; the time of its proof is about in proportion
  uint64_t memory = 0;  // bytes of a process that proves it, at its peak
};

struct SegmentOptions {
  uint32_t threads = 0;  // as in ProveOptions

  // Called between stages of the proof with the part of it that is done, 0..1, and what comes next. Returning false
  // ends it with kCancelled. Empty: not called.
  std::function<bool(double part, const char* stage)> progress = {};
};

// What became of a part.
struct Added {
  uint32_t segment = 0;  // the one that it proves
  // Segments that had been added and have now turned out false, by roots of memory that do not fit: to be proven again.
  std::vector<uint32_t> dropped;
};

// What ProveOptions::elsewhere is to prove.
struct Parts {
  std::span<const uint8_t> job;          // for Job::open there; secret
  std::span<const JobSegment> segments;  // all of them
  std::function<std::vector<uint32_t>()> missing;                           // as Job::missing
  std::function<Result<Added>(std::span<const uint8_t> part)> add;          // as Job::add
};

struct Assembled {
  std::vector<uint8_t> receipt;  // verified
  Verification verification;     // of it
  double verify_seconds = 0;
};

// A job that is open: one process may prove parts of it and put them together. Not thread-safe.
class Job {
 public:
  // Of untrusted bytes, which are copied. Errors: kMalformedJob, also for a job of another build of zkvm; those of
  // run().
  [[nodiscard]] static Result<Job> open(std::span<const uint8_t> job);
  Job(Job&&) noexcept;
  Job& operator=(Job&&) noexcept;
  ~Job();

  [[nodiscard]] const std::vector<JobSegment>& segments() const;
  [[nodiscard]] ImageId image_id() const;
  [[nodiscard]] int32_t exit_code() const;
  [[nodiscard]] uint64_t cycles() const;

  // Executes up to the segment, proves it, verifies that, and gives the part as bytes: in every process the same. Errors:
  // kMalformedJob: the execution is another one; kInvalidSegment: there is no such segment; kOutOfMemory, kCancelled.
  [[nodiscard]] Result<std::vector<uint8_t>> prove(uint32_t segment,
                                                   const SegmentOptions& options = {});

  // Verifies a part alone, from untrusted bytes: that it is of this job, that its proof is true, and that the roots of
  // memory at both ends are those of its neighbours, as far as these are there. Where two differ, the job finds out
  // itself which of them is false. A part that is there already is none too many. Errors: kInvalidSegment.
  [[nodiscard]] Result<Added> add(std::span<const uint8_t> part);

  // Those that have not been added, ascending.
  [[nodiscard]] std::vector<uint32_t> missing() const;

  // The receipt of all parts. Errors: kInvalidSegment, if one is missing; kInvalidReceipt: it does not verify, though
  // each part does: a defect of ours.
  [[nodiscard]] Result<Assembled> assemble() const;

 private:
  struct State;
  explicit Job(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace zkvm
