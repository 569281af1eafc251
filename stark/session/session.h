// From a program and its input to the proofs of all segments of its execution, in bounded memory.
//
// An execution runs twice. The first run counts what every segment will need: the rows of each
// chip, the banks it touches, the journal's position at its end; from that follow the parameters
// that all segments share. The second run records a segment, makes its witness, proves it, hands
// the proof out and forgets it. What lives longer are the words of the banks and, from the segment
// that leaves a bank to the next one that touches it, the tree of its words.
//
// Segments can be proven anywhere and in any order, each from the plan that the first run gives: the
// second run starts from the last checkpoint there, skips what is left before the segment, and makes the
// trees of the words that it finds again.
//
// ZERO-KNOWLEDGE: all randomness comes from one secret seed, because the tree that two segments
// share must be the same in both proofs, and these may be made at different times and places. Seeds
// of trees and proofs are hashes of the secret with all that determines witness and openings:
// image, input and plan, which has cuts, parameters, tables and the build; and with the words of the
// tree, or what the segment starts from. So two different witnesses never use one mask, and the same
// witness proven again gives the same bytes, which tell nothing new. Whoever has the seed can undo the
// masks: it is to be kept as secret as the input, and thrown away with the session by whoever gave it.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "stark/machine/circuit.h"
#include "stark/pcs/commit/randomness.h"
#include "stark/protocol/bytes.h"
#include "stark/protocol/error.h"
#include "stark/protocol/soundness.h"
#include "stark/prover/prover.h"
#include "stark/session/execution_params.h"
#include "stark/session/image/program_image.h"
#include "stark/session/rows/segment_witness.h"
#include "vm/checkpoint.h"
#include "vm/run.h"
#include "vm/system.h"
#include "vm/trace.h"

namespace zkvm::stark::machine {

struct SessionProgress {
  size_t segment = 0, segments = 0;  // the one at work; how many there are (0: not known yet)
  double part = 0;                   // of this segment's proof that is done, 0..1
  const char* stage = "";            // what comes next in it
  uint64_t cycles = 0;               // of the segments before
};

struct SessionOptions {
  uint64_t segment_cycles = 0;  // most ticks of a segment, below 2^22; 0: as memory_bytes allows
  uint64_t memory_bytes = 0;    // to stay below, if segments can be small enough; 0: half of what
                                // this process may take (host_memory.h)
  uint8_t log_blowup = 1;       // 1 to the image's; 0: the best by the weights
  Weights weights = {};         // of choose_execution_params
  double security_bits = kDefaultSecurityBits;  // of the whole execution
  Regime widest = Regime::kJohnson;             // in which it may have them
  uint64_t checkpoint_bytes =
      0;  // that plan_bytes() may have for executions that start in the midst: by them a
          // segment that is proven elsewhere needs not execute what is before it
  bool zk = true;
  std::optional<Params> params = {};    // tests only: instead of those that give security_bits
  std::optional<WideForms> forms = {};  // tests only: instead of the cheapest ones
  vm::RunLimits limits = {};
  std::optional<Randomness::Seed> seed = {};  // by default fresh; needed again to resume
  /// Called between stages; returning false cancels.
  std::function<bool(const SessionProgress&)> progress = {};
};

/// The memory that segments are cut for, in bytes.
[[nodiscard]] uint64_t segment_memory(const SessionOptions& options);

/// What heights of tables are chosen for, in an execution of so many segments.
[[nodiscard]] ProofTarget proof_target(const SessionOptions& options, size_t segments,
                                       uint8_t log_blowup);

/// How large a segment may be at most, as memory_bytes or segment_cycles say: ticks, an instruction
/// each, and calls of layers.
[[nodiscard]] vm::SegmentLimits segment_limits(const SessionOptions& options,
                                               const LayerImage& layers);

/// Layer::table_rows() that a call may have where memory_bytes are to do for a segment of its own.
[[nodiscard]] uint64_t call_rows(uint64_t memory_bytes);

/// What segments may cost where one of this cost takes so many times the memory that it may.
[[nodiscard]] uint64_t smaller_cost(uint64_t cost, double excess);

/// What plan() found out of a segment, for whoever shares the work out.
struct PlannedSegment {
  uint64_t cycles = 0;  // instructions
  uint64_t cells = 0;   // committed: what its proof takes is about in proportion
  uint64_t memory = 0;  // bytes of a process that proves it
  uint32_t journal_end = 0;
  std::vector<BankUse> uses;
  Digest tables{};  // hash of the list of tables that its proof has
};

/// What a segment hands out: beside image, journal and exit code all that its verifier needs.
struct SegmentProof {
  uint32_t journal_end = 0;   // words of the journal that are written when it ends
  std::vector<BankUse> uses;  // ascending
  SharedRoots roots;
  std::vector<uint8_t> proof;  // stark/protocol/proof.h
};

struct SessionStats {
  struct Chip {
    std::string name;
    uint64_t rows = 0;     // that hold something
    uint64_t height = 0;   // of all its tables
    uint32_t columns = 0;  // committed per row: main, and aux of its interactions
  };
  uint64_t cycles = 0;      // of the segments proven
  double tracing = 0;       // seconds, both runs
  double witness = 0;       // seconds: sorting rows, counting look-ups
  double trees = 0;         // seconds: fixed and shared trees
  ProverStats prover;       // of all segments together
  std::vector<Chip> chips;  // likewise
  uint64_t peak_rss_bytes = 0;
};

class Session {
 public:
  /// The first run. `program`, its `image` and what `io` refers to must outlive the session. A
  /// guest that traps is no error: see execution().trap. Where segments turn out too large for the
  /// memory or for a verifier, they are cut anew, shorter. Errors: kMemory, also if memory_bytes is
  /// less than the least that is possible; kFormat: a segment's tables have too many rows for a
  /// verifier, however short it is; kCancelled, those of
  /// machine_circuit and choose_params.
  [[nodiscard]] static Result<Session> plan(const vm::Program& program, ProgramImage& image,
                                            const vm::Io& io, SessionOptions options);

  /// The session that wrote this plan, in another process perhaps, of the same program, image and input. Of the options
  /// the seed (as there, or it is another session) and progress are used, all else is the plan's. These are untrusted
  /// bytes: what they say of a segment is compared with its execution before it is proven. Errors: kFormat,
  /// kTruncated, kTrailing, kParams, also for a plan of another build; kStatement: banks that the program has not.
  [[nodiscard]] static Result<Session> of_plan(const vm::Program& program, ProgramImage& image,
                                               const vm::Io& io, std::span<const uint8_t> plan,
                                               SessionOptions options);

  /// All that plan() found out. It tells journal, exit code, and of the input what heights and memory in use do; where
  /// it has checkpoints, all that was in memory then.
  [[nodiscard]] std::span<const uint8_t> plan_bytes() const { return plan_bytes_; }

  /// The execution, but for touched_blocks; of a session of_plan() exit code, cycles and journal alone.
  [[nodiscard]] const vm::RunResult& execution() const { return execution_; }
  [[nodiscard]] size_t segments() const { return plans_.size(); }
  [[nodiscard]] PlannedSegment planned(size_t index) const;
  [[nodiscard]] const Params& params() const { return params_; }
  [[nodiscard]] double least_rate() const { return least_rate_; }

  /// Proves segments first to end - 1 (at most segments() - 1), in order; `take` gets each of them, and may stop the
  /// session by returning false. REQUIRES: no trap, first <= end.
  /// Errors: kMemory, kCancelled, those of prove(); kStatement: the plan is of another execution.
  [[nodiscard]] Result<void> prove(const std::function<bool(size_t, SegmentProof)>& take,
                                   size_t first = 0, size_t end = SIZE_MAX);

  /// The roots of the trees that a segment shares with others, without its proof. REQUIRES and errors: as of prove().
  [[nodiscard]] Result<SharedRoots> roots(size_t index);

  /// The witnesses alone, for whoever checks or attacks them; each is valid during its call.
  [[nodiscard]] Result<void> visit_witnesses(
      const std::function<void(size_t, const Circuit&, Witness)>& visit);

  [[nodiscard]] const SessionStats& stats() const { return stats_; }

 private:
  struct SegmentPlan {
    uint64_t cycles = 0;
    uint64_t cost = 0;  // what it was cut by
    uint64_t record_bytes = 0;
    std::vector<uint32_t> calls;  // of layers
    uint32_t journal_end = 0;
    RowCounts rows;
    WideForms forms;
    LayerJobs jobs;
    ChipHeights heights;
    Digest tables{};  // hash of the tables that follow
    uint64_t cells = 0, memory = 0;
    std::vector<BankUse> uses;
    bool known = false;  // to be of this execution, and whole: not at first what a plan's bytes say
  };
  /// Where segments start, a few of them or all.
  struct Checkpoint {
    size_t segment;
    vm::Checkpoint state;
  };
  /// Trees of the banks' words that a segment has left for a later one: by the later one, then by
  /// the segment that left them.
  using LeftTrees = std::map<uint32_t, std::map<uint32_t, std::unique_ptr<CommittedTree>>>;

  Session(const vm::Program& program, ProgramImage& image, const vm::Io& io,
          SessionOptions options);

  struct Shapes {
    std::vector<SegmentShape> shapes;
    std::vector<size_t> of;            // by segment, the one that it has
    std::vector<ChipHeights> heights;  // by segment
    std::vector<uint64_t> job_bytes;   // by segment
  };
  /// A segment that is too large, and by how many times.
  struct Excess {
    size_t segment = 0;
    double times = 0;  // 0: none is
  };

  Result<void> first_run();
  void count(SegmentPlan& plan, const vm::Survey& survey) const;
  void keep_checkpoint(const vm::Tracer& tracer);
  Result<Shapes> shapes_for(uint8_t log_blowup, Excess& excess);
  Result<void> choose_params(Excess& excess);
  [[nodiscard]] Result<void> check_memory(const Shapes& shapes, Excess& excess);
  [[nodiscard]] uint64_t other_trees(size_t index) const;
  [[nodiscard]] std::string what_is_whole(size_t index) const;
  [[nodiscard]] bool can_be_cut(size_t index) const;
  [[nodiscard]] SegmentClaim claim_of(size_t index) const;

  void write_plan();
  Result<void> read_plan(std::span<const uint8_t> bytes);
  [[nodiscard]] bool read_checkpoints(ByteReader& in);
  [[nodiscard]] Randomness::Seed execution_seed() const;

  template <class Body>
  Result<void> second_run(size_t first, size_t end, const Body& body);
  Result<void> start_at(size_t first, size_t end, BankWords& memory);
  Result<vm::Segment*> next_segment(size_t index);
  Result<void> learn(size_t index, const vm::Segment& segment);
  Result<SegmentProof> prove_segment(size_t index, const Circuit& circuit,
                                     const vm::Segment& segment, const BankWords& memory,
                                     LeftTrees& left);
  Result<void> find_trees(size_t index, const vm::Segment& segment, const BankWords& memory,
                          LeftTrees& left);
  [[nodiscard]] std::unique_ptr<CommittedTree> left_tree(uint32_t user, uint32_t after,
                                                         const Circuit& circuit,
                                                         const vm::Segment& segment,
                                                         const BankWords& memory) const;
  void leave_trees(size_t index, const Circuit& circuit, const vm::Segment& segment,
                   const BankWords& memory, LeftTrees& left);
  [[nodiscard]] bool go_on(size_t index, double part, const char* stage) const;
  void count_tables(const Circuit& circuit, const Witness& witness, const RowCounts& rows);

  [[nodiscard]] Randomness::Seed tree_seed(size_t index, uint32_t after, const Digest& words) const;
  [[nodiscard]] Randomness::Seed proof_seed(size_t index, const Circuit& circuit,
                                            const vm::Segment& segment,
                                            const Witness& witness) const;

  const vm::Program* program_;
  ProgramImage* image_;
  vm::Io io_;
  SessionOptions options_;
  vm::SegmentLimits limits_;
  Randomness::Seed seed_{};  // of this very execution
  std::vector<uint8_t> plan_bytes_;
  vm::RunResult execution_;
  std::vector<SegmentPlan> plans_;
  std::vector<Checkpoint> checkpoints_;  // ascending
  size_t checkpoint_stride_ = 1;         // segments from one to the next
  Params params_;
  double least_rate_ = 0;
  uint8_t heights_rate_ = 1;  // what tables' heights are chosen for: not always the rate of the proofs
  std::optional<vm::Tracer> tracer_;
  size_t tracer_at_ = 0;  // the segment that it will record next
  std::unique_ptr<vm::Segment> segment_;  // at work
  bool recorded_ = false;                 // segment_ is all of the execution
  SessionStats stats_;
};

}  // namespace zkvm::stark::machine
