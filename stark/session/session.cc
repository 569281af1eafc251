#include "stark/session/session.h"

#include <fmt/format.h>
#include <sys/resource.h>
#include <tbb/parallel_for.h>
#include <zk/check.h>

#include <algorithm>
#include <bit>
#include <chrono>
#include <cmath>
#include <cstring>
#include <functional>
#include <iterator>
#include <ranges>
#include <set>
#include <type_traits>

#include "stark/chips/buses.h"
#include "stark/protocol/bytes.h"
#include "stark/session/build_digest.h"
#include "stark/session/execution_params.h"
#include "stark/session/host_memory.h"
#include "stark/session/proof_estimate.h"
#include "stark/session/proof_memory.h"
#include "stark/session/rows/chip_kernels.h"
#include "stark/session/rows/table_heights.h"

namespace zkvm::stark::machine {
namespace {

/// What a segment's proof takes of memory at blowup 2: measured, and rounded up. Trace and LDE are
/// 1 + 2^b matrices; codewords and trees grow by 2^b. Where segments are cut first: what they take in
/// truth, proof_memory.h says.
constexpr uint64_t kBytesPerTick = 1024;
constexpr uint64_t kBytesPerProof = 256u << 20;
constexpr uint32_t kLeastTicks = 1u << 16;
constexpr uint64_t kMaxJournalWords = vm::RunLimits{}.journal_bytes / 4;
constexpr uint64_t kLeastCost = kLeastTicks * kCellsPerTick;

/// Raised when the same key and tables come to hold other rows (how rows are sorted into tables,
/// what fill() chooses), or when the protocol comes to open them elsewhere. Two witnesses must never
/// share masks, and two sets of queries neither.
constexpr uint64_t kWitnessVersion = 7;

/// Of a checkpoint in a plan, and of each granule of memory that it has.
constexpr size_t kCheckpointBytes = 4 + 4 + 4 * vm::kRegisterCount + 3 * 8 + 4;
constexpr size_t kGranuleBytes = 4 + vm::kGranuleBytes;

uint64_t peak_rss() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<uint64_t>(usage.ru_maxrss) * 1024;
}

/// Adds the time until it goes out of scope.
class Stopwatch {
 public:
  explicit Stopwatch(double& seconds) : seconds_(seconds) {}
  Stopwatch(const Stopwatch&) = delete;
  ~Stopwatch() {
    const auto taken = std::chrono::steady_clock::now() - start_;
    seconds_ += std::chrono::duration<double>(taken).count();
  }

 private:
  double& seconds_;
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

tl::unexpected<Error> no_memory(const vm::Error& error) {
  return fail(ErrorCode::kMemory, error.message);
}

/// Of all proofs that these options allow, as log2 of the blowup.
uint8_t lowest_rate(const SessionOptions& options) {
  if (options.params) return options.params->log_blowup;
  return options.log_blowup != 0 ? options.log_blowup : options.weights.lowest_rate;
}

/// The segments that find what these uses leave.
std::set<uint32_t> later_users(std::span<const BankUse> uses) {
  std::set<uint32_t> out;
  for (const BankUse& use : uses)
    if (use.after) out.insert(*use.after);
  return out;
}

template <class Pod>
std::span<const uint8_t> bytes_of(std::span<const Pod> of) {
  static_assert(std::has_unique_object_representations_v<Pod>);
  return {reinterpret_cast<const uint8_t*>(of.data()), of.size_bytes()};
}

/// Of all that a segment's execution follows from beside the program: where it starts, the memory that it finds, what it
/// reads of the input.
Digest hash_of_start(const vm::Segment& segment) {
  Blake3 hash;
  hash.update(bytes_of(std::span(&segment.initial, 1)));
  hash.update(bytes_of(std::span<const vm::Page>(segment.pages)));
  hash.update(bytes_of(segment.transfers.rows<vm::TransferRow>()));
  return hash.finish();
}

/// Of the words that these banks of RAM hold after a segment; of the machine's own, if it is among them.
Digest hash_of_words(const ProgramImage& image, std::span<const BankUse> uses,
                     const BankWords& memory, const vm::Segment& segment) {
  std::map<uint16_t, std::vector<uint32_t>> words;
  Blake3 hash;
  for (const BankUse& use : uses) {
    if (use.bank == kMachineBank) {  // the first one, if it is there
      hash.update(bytes_of(std::span<const uint32_t>(segment.final.words)));
      hash.update(bytes_of(std::span<const uint32_t>(&segment.final.pc, 1)));
    } else {
      const auto before = memory.of(use.bank);
      words[use.bank] = {before.begin(), before.end()};
    }
  }
  take_over(image, segment, words);
  for (const auto& [bank, of_bank] : words)
    hash.update(bytes_of(std::span<const uint32_t>(of_bank)));
  return hash.finish();
}

/// A seed from labelled parts. Each part but the last has a length that does not vary.
class SeedHash {
 public:
  explicit SeedHash(std::string_view label) { add(label.data(), label.size()); }
  SeedHash& add(std::span<const uint8_t> bytes) {
    hash_.update(bytes);
    return *this;
  }
  SeedHash& add(const Digest& digest) {
    hash_.update_words(digest);
    return *this;
  }
  SeedHash& add(uint64_t number) {
    ByteWriter bytes;
    bytes.put(number);
    return add(bytes.view());
  }
  [[nodiscard]] Randomness::Seed seed() const {
    const Digest digest = hash_.finish();
    Randomness::Seed out;
    static_assert(sizeof(out) == sizeof(digest));
    std::memcpy(out.data(), digest.data(), out.size());
    return out;
  }

 private:
  void add(const char* text, size_t size) {
    hash_.update({reinterpret_cast<const uint8_t*>(text), size});
  }
  Blake3 hash_;
};

}  // namespace

Session::Session(const vm::Program& program, ProgramImage& image, const vm::Io& io,
                 SessionOptions options)
    : program_(&program), image_(&image), io_(io), options_(std::move(options)) {}

Result<Session> Session::plan(const vm::Program& program, ProgramImage& image, const vm::Io& io,
                              SessionOptions options) {
  Session session(program, image, io, std::move(options));
  session.limits_ = segment_limits(session.options_, image.layers());
  for (;;) {
    if (auto ok = session.first_run(); !ok) return propagate(ok);
    if (session.execution_.trap) return session;
    std::vector<std::vector<BankUse>*> uses;
    for (SegmentPlan& plan : session.plans_) uses.push_back(&plan.uses);
    link_banks(uses);
    Excess excess;
    auto ok = session.choose_params(excess);
    if (ok) return session;
    if (excess.times == 0 || !session.can_be_cut(excess.segment)) return propagate(ok);
    uint64_t& limit = session.limits_.cost;
    const uint64_t found = session.plans_[excess.segment].cost;
    const uint64_t smaller = smaller_cost(std::min(limit, found), excess.times);
    if (smaller >= limit) return propagate(ok);
    limit = smaller;
    session.plans_.clear();
    session.checkpoints_.clear();
    session.checkpoint_stride_ = 1;
    session.io_.console = {};  // it has had it all
  }
}

ProofTarget proof_target(const SessionOptions& options, size_t segments, uint8_t log_blowup) {
  // Beyond the default level unique decoding, with more queries, may be the only one to reach it.
  const bool johnson = options.security_bits <= kDefaultSecurityBits;
  return {log_blowup,
          std::min({options.widest, widest_regime(segments),
                    johnson ? Regime::kJohnson : Regime::kUnique}),
          options.security_bits + std::log2(static_cast<double>(segments)),
          1 / std::max(options.weights.bytes_per_cell, 1.0 / 3200)};
}

// ------------------------------------------------------------------------------------------ plan

Result<void> Session::first_run() {
  const Stopwatch watch(stats_.tracing);
  auto tracer = vm::Tracer::of(*program_, io_, options_.limits, limits_);
  if (!tracer) return no_memory(tracer.error());
  uint64_t cycles = 0;
  std::vector<uint64_t> counts(program_->text().size / 4);
  uint64_t most_pages = 0;  // a record's room for pages stays as large as it once was
  vm::Survey survey;
  while (tracer->next(survey)) {
    most_pages = std::max(most_pages, survey.pages);
    SegmentPlan& plan = plans_.emplace_back();
    plan.cycles = survey.cycles;
    plan.cost = survey.cost;
    plan.record_bytes = record_memory(*program_, survey, most_pages);
    plan.calls = survey.layer_calls;
    plan.journal_end = survey.journal_end;
    plan.uses = touched_banks(*image_, survey);
    count(plan, survey);
    plan.known = true;
    std::ranges::transform(counts, survey.counts, counts.begin(), std::plus{});
    if (options_.checkpoint_bytes != 0 && survey.end == vm::SegmentEnd::kCut)
      keep_checkpoint(*tracer);
    cycles += plan.cycles;
    if (options_.progress && !options_.progress({.stage = "execution", .cycles = cycles}))
      return fail(ErrorCode::kCancelled, "cancelled");
  }
  execution_ = tracer->result();
  execution_.counts = std::move(counts);
  return {};
}

/// At the start of the segment that comes next. Where they are too many bytes in all, every other one goes.
void Session::keep_checkpoint(const vm::Tracer& tracer) {
  if (plans_.size() % checkpoint_stride_ != 0) return;
  auto state = tracer.checkpoint(options_.checkpoint_bytes / kGranuleBytes);
  const bool fits = state.has_value();
  if (fits) checkpoints_.push_back({plans_.size(), std::move(*state)});
  const auto bytes = [this] {
    uint64_t sum = 0;
    for (const Checkpoint& checkpoint : checkpoints_)
      sum += kCheckpointBytes + kGranuleBytes * checkpoint.state.granules.size();
    return sum;
  };
  for (bool less = !fits; less || bytes() > options_.checkpoint_bytes; less = false) {
    checkpoint_stride_ *= 2;
    std::erase_if(checkpoints_, [this](const Checkpoint& checkpoint) {
      return checkpoint.segment % checkpoint_stride_ != 0;
    });
  }
}

void Session::count(SegmentPlan& plan, const vm::Survey& survey) const {
  const std::vector<const vm::Layer*> calls = called_layers(image_->layers(), survey);
  plan.forms = options_.forms ? *options_.forms : choose_forms(calls);
  plan.jobs = layer_jobs(calls, plan.forms);
  plan.rows = count_rows(*image_, survey, plan.jobs);
}

/// The shapes of all segments, with tables of the heights for proofs of this rate.
Result<Session::Shapes> Session::shapes_for(uint8_t log_blowup, Excess& excess) {
  Shapes out;
  out.heights.resize(plans_.size());
  out.job_bytes.resize(plans_.size());
  HeightSearch search(proof_target(options_, plans_.size(), log_blowup));
  const auto shape_of = [&](size_t i) -> Result<SegmentShape> {
    const auto circuit =
        machine_circuit(image_->image(), plans_[i].uses, nullptr, lowest_rate(options_));
    if (!circuit) return propagate(circuit);
    out.heights[i] = chip_heights(*circuit, plans_[i].rows, search, plans_[i].jobs);
    out.job_bytes[i] = jobs_memory(*circuit, plans_[i].jobs);
    SegmentShape shape{.key = circuit->key(),
                       .tables = place_tables(*circuit, out.heights[i]),
                       .publics = segment_publics(claim_of(i)).size()};
    shape.cells = committed_cells(*circuit, shape.tables);
    return shape;
  };
  constexpr size_t kAtATime = 64;  // shapes, most of which are the same
  std::vector<std::optional<Result<SegmentShape>>> made(kAtATime);
  for (size_t i = 0; i < plans_.size(); ++i) {
    if (i % kAtATime == 0)
      tbb::parallel_for(i, std::min(i + kAtATime, plans_.size()),
                        [&](size_t j) { made[j % kAtATime] = shape_of(j); });
    Result<SegmentShape>& shape = *made[i % kAtATime];
    if (!shape) return propagate(shape);
    uint64_t rows = 0;
    for (const TableSpec& table : shape->tables) rows += uint64_t{1} << table.log_height;
    if (rows > chips::kMaxRows) {
      excess = {i, static_cast<double>(rows) / chips::kMaxRows};
      return fail(
          ErrorCode::kFormat,
          fmt::format("segment {}: of {} instructions, which touch {} MiB of memory: expected "
                      "at most {} rows in its tables, found {}",
                      i, plans_[i].cycles, plans_[i].uses.size() * kBankWords * 4 >> 20,
                      chips::kMaxRows, rows));
    }
    const auto same = std::ranges::find_if(out.shapes, [&](const SegmentShape& other) {
      return other.tables == shape->tables && other.key == shape->key;
    });
    out.of.push_back(static_cast<size_t>(same - out.shapes.begin()));
    if (same == out.shapes.end()) {
      out.shapes.push_back(std::move(*shape));
    } else {
      same->publics = std::max(same->publics, shape->publics);
      ++same->count;
    }
  }
  return out;
}

Result<void> Session::choose_params(Excess& excess) {
  std::map<uint8_t, Shapes> made;  // by the rate that they are for
  const auto make = [&](uint8_t log_blowup) -> Result<std::vector<SegmentShape>> {
    heights_rate_ = log_blowup;
    if (!made.contains(log_blowup)) {
      auto shapes = shapes_for(log_blowup, excess);
      if (!shapes) return propagate(shapes);
      made.emplace(log_blowup, std::move(*shapes));
    }
    return made.at(log_blowup).shapes;
  };
  Params wish;
  wish.zk = options_.zk;
  wish.log_blowup = options_.log_blowup;
  std::optional<Error> too_large;
  for (;;) {
    if (options_.params) {
      params_ = *options_.params;
      if (auto ok = make(params_.log_blowup); !ok) return propagate(ok);
    } else {
      const auto common = choose_execution_params(make, wish, options_.security_bits,
                                                  options_.weights, options_.widest);
      // Many segments at rate 1/2 may be out of reach: then shorter ones, at the lower rate.
      if (!common) return tl::unexpected<Error>(too_large ? *too_large : common.error());
      params_ = common->params;
      least_rate_ = common->least_rate;
    }
    auto ok = check_memory(made.at(heights_rate_), excess);
    if (ok) break;
    // Rather long receipts than shorter segments.
    if (wish.log_blowup != 0 || params_.log_blowup == 1) return ok;
    wish.log_blowup = 1;
    too_large = ok.error();
  }
  Shapes& shapes = made.at(heights_rate_);
  for (size_t i = 0; i < plans_.size(); ++i) {
    const SegmentShape& shape = shapes.shapes[shapes.of[i]];
    plans_[i].heights = std::move(shapes.heights[i]);
    plans_[i].tables = blake3_hash(serialise(shape.tables));
    plans_[i].cells = shape.cells;
  }
  write_plan();
  return {};
}

/// Fixed and shared trees that are kept while this segment is proven, beside those that it reads.
uint64_t Session::other_trees(size_t index) const {
  constexpr uint64_t kVolume = 26'000'000;
  constexpr uint64_t kBankWordsLeft = 2;  // columns
  std::set<uint32_t> volumes, own;
  uint64_t left = 0;
  for (size_t i = 0; i < plans_.size(); ++i)
    for (const BankUse& use : plans_[i].uses) {
      if (i < index && use.after && *use.after > index) left += kBankWordsLeft;
      if (use.bank == kMachineBank) continue;
      if (const auto volume = image_->banks()[use.bank].volume) {
        volumes.insert(*volume);
        if (i == index) own.insert(*volume);
      }
    }
  const uint64_t words = left * kBankWords * (1 + (uint64_t{1} << params_.log_blowup));
  uint64_t groups = 0;
  const uint8_t made_for = image_->image().made_for(params_.log_blowup);
  for (size_t g = 0; image_->keeps_all_groups() && g < image_->layers().groups(); ++g)
    if (std::ranges::find(plans_[index].uses, layers_bank(g), &BankUse::bank) ==
        plans_[index].uses.end())
      groups += fixed_tree_memory(image_->layers().slot_rows(g), made_for);
  return kVolume * (volumes.size() - own.size()) + 4 * words + groups;
}

/// The call that alone is a segment nearly, which cannot be cut; else nothing.
std::string Session::what_is_whole(size_t index) const {
  const SegmentPlan& plan = plans_[index];
  if (plan.calls.size() != 1 || 2 * plan.cycles * kCellsPerTick > plan.cost) return {};
  return fmt::format("the call of layer {}", program_->layers[plan.calls[0]].name);
}

bool Session::can_be_cut(size_t index) const {
  return options_.segment_cycles == 0 && std::min(limits_.cost, plans_[index].cost) > kLeastCost &&
         what_is_whole(index).empty();
}

Result<void> Session::check_memory(const Shapes& made, Excess& excess) {
  MemoryUse use{.segments = plans_.size(),
                .proof_bytes = execution_.journal.size(),
                .program_bytes = program_bytes(*program_),
                .layer_lists = image_->layers().memory()};
  std::vector<Shape> shapes;
  for (const SegmentShape& segment : made.shapes) {
    auto shape = make_shape(segment.key, params_, segment.tables);
    if (!shape) return propagate(shape);
    use.proof_bytes += segment.count * estimate_proof_bytes(*shape);
    shapes.push_back(std::move(*shape));
  }
  std::vector<uint64_t> segments;  // bytes of each, while it is proven
  for (size_t i = 0; i < plans_.size(); ++i)
    segments.push_back(prover_memory(shapes[made.of[i]], made.job_bytes[i]) +
                       plans_[i].record_bytes);
  // By default half of the machine's; what cannot be cut may take all of it.
  const uint64_t all = options_.memory_bytes ? options_.memory_bytes : machine_memory();
  uint64_t limit = segment_memory(options_), most = 0, fixed = 0;
  for (const bool keep : {true, false}) {
    image_->keep_all_groups(keep);
    most = 0;
    for (size_t i = 0; i < plans_.size(); ++i) {
      use.other_trees = other_trees(i);
      use.largest_segment = segments[i];
      const uint64_t needed = estimate_memory(use);
      plans_[i].memory = needed;
      if (needed <= most) continue;
      excess.segment = i;
      most = needed;
      use.largest_segment = 0;
      fixed = estimate_memory(use);
    }
    if (!can_be_cut(excess.segment)) limit = all;
    if (most <= limit) return {};
  }
  excess.times =
      limit <= fixed ? 8 : static_cast<double>(most - fixed) / static_cast<double>(limit - fixed);
  const std::string whole = what_is_whole(excess.segment);
  return fail(ErrorCode::kMemory,
              fmt::format("memory: expected at least {} MiB for {}, found {} MiB", (most >> 20) + 1,
                          whole.empty() ? fmt::format("segments of at most {} instructions",
                                                      plans_[excess.segment].cycles)
                                        : whole + ", which no segment splits",
                          limit >> 20));
}

uint64_t segment_memory(const SessionOptions& options) {
  return options.memory_bytes ? options.memory_bytes : machine_memory() / 2;
}

uint64_t smaller_cost(uint64_t cost, double excess) {
  const double smaller = static_cast<double>(cost) / std::clamp(1.05 * excess, 1.05, 3.0);
  return std::max(kLeastCost, static_cast<uint64_t>(smaller));
}

vm::SegmentLimits segment_limits(const SessionOptions& options, const LayerImage& layers) {
  vm::SegmentLimits out;
  out.costs = call_costs(layers);
  if (options.segment_cycles != 0) {
    out.clk = static_cast<uint32_t>(std::clamp<uint64_t>(options.segment_cycles, 4, vm::kMaxClk));
    out.layer_rows = out.clk;
    return out;
  }
  const uint64_t memory = segment_memory(options);
  const uint64_t bytes_per_tick = kBytesPerTick << (std::max<uint8_t>(options.log_blowup, 1) - 1);
  const uint64_t affordable = (memory - std::min(memory, kBytesPerProof)) / bytes_per_tick;
  const uint64_t ticks = std::max<uint64_t>(affordable, kLeastTicks);
  out.clk = static_cast<uint32_t>(std::min<uint64_t>(ticks, vm::kMaxClk));
  // Calls take less memory than instructions of as many cells: how much less, the session finds out.
  out.cost = 4 * ticks * kCellsPerTick;
  return out;
}

uint64_t call_rows(uint64_t memory_bytes) {
  // Measured at rate 1/2, of all kinds of layers, and rounded up.
  constexpr uint64_t kBytesPerRow = 3072, kBytesOfOthers = 160u << 20;
  constexpr uint64_t kLeastRows = 1u << 14;
  const uint64_t rows = (memory_bytes - std::min(memory_bytes, kBytesOfOthers)) / kBytesPerRow;
  return std::clamp<uint64_t>(rows, kLeastRows, vm::kMaxLayerRows);
}

SegmentClaim Session::claim_of(size_t index) const {
  SegmentClaim claim;
  claim.journal_begin = index == 0 ? 0 : plans_[index - 1].journal_end;
  claim.journal.resize(plans_[index].journal_end - claim.journal_begin);
  std::memcpy(claim.journal.data(), execution_.journal.data() + size_t{claim.journal_begin} * 4,
              claim.journal.size() * 4);
  if (index + 1 == plans_.size()) claim.exit_code = execution_.exit_code;
  return claim;
}

// ----------------------------------------------------------------------------------------- prove

Result<void> Session::prove(const std::function<bool(size_t, SegmentProof)>& take, size_t first,
                            size_t end) {
  ZK_CHECK(!plan_bytes_.empty());  // and with it the seed was chosen
  LeftTrees left;
  return second_run(first, end,
                    [&](size_t i, const Circuit& circuit, const vm::Segment& segment,
                        const BankWords& memory) -> Result<void> {
                      auto proof = prove_segment(i, circuit, segment, memory, left);
                      if (!proof) return propagate(proof);
                      if (!take(i, std::move(*proof)))
                        return fail(ErrorCode::kCancelled, "cancelled");
                      return {};
                    });
}

Result<SharedRoots> Session::roots(size_t index) {
  SharedRoots out;
  LeftTrees left;
  auto ok = second_run(index, index + 1,
                       [&](size_t i, const Circuit& circuit, const vm::Segment& segment,
                           const BankWords& memory) -> Result<void> {
                         if (auto found = find_trees(i, segment, memory, left); !found)
                           return found;
                         leave_trees(i, circuit, segment, memory, left);
                         return {};
                       });
  if (!ok) return propagate(ok);
  const auto self = static_cast<uint32_t>(index);
  for (const auto& [before, tree] : left[self]) out.before[before] = tree->root();
  for (const auto& [after, trees] : left)
    if (after != self) out.after[after] = trees.at(self)->root();
  return out;
}

Result<void> Session::visit_witnesses(
    const std::function<void(size_t, const Circuit&, Witness)>& visit) {
  ZK_CHECK(!execution_.trap);
  return second_run(0, SIZE_MAX, [&](size_t i, const Circuit& circuit, const vm::Segment& segment,
                                     const BankWords& memory) -> Result<void> {
    visit(i, circuit,
          segment_witness({*program_, *image_}, circuit, plans_[i].uses, memory, segment,
                          plans_[i].heights, plans_[i].forms, segment_publics(claim_of(i))));
    return {};
  });
}

template <class Body>
Result<void> Session::second_run(size_t first, size_t end, const Body& body) {
  ZK_CHECK(!execution_.trap && first <= end);
  end = std::min(end, plans_.size());
  if (first >= end) return {};
  BankWords memory(*image_);
  auto ok = start_at(first, end, memory);
  for (size_t i = first; ok && i < end; ++i) {
    const auto segment = next_segment(i);
    if (!segment) {
      ok = propagate(segment);
      break;
    }
    const std::vector<BankUse>& uses = plans_[i].uses;
    memory.open(uses);
    const auto circuit = machine_circuit(image_->image(), uses, &chip_kernels, params_.log_blowup);
    ok = circuit ? body(i, *circuit, **segment, memory) : Result<void>(propagate(circuit));
    memory.close(uses, **segment);
  }
  if (!ok) tracer_.reset();  // wherever it is
  if (ok && plans_.size() == 1) {
    recorded_ = true;
    tracer_.reset();
  }
  return ok;
}

/// Goes to the start of a segment, with the banks' words that it finds, and those that later ones before `end` will. From
/// where the tracer is, if that is before: who proves one segment after another executes no instruction twice.
Result<void> Session::start_at(size_t first, size_t end, BankWords& memory) {
  if (recorded_) return {};
  const Stopwatch watch(stats_.tracing);
  const auto later = std::ranges::upper_bound(checkpoints_, first, {}, &Checkpoint::segment);
  const Checkpoint* start = later == checkpoints_.begin() ? nullptr : &*std::prev(later);
  if (!tracer_ || tracer_at_ > first || (start != nullptr && tracer_at_ < start->segment)) {
    vm::Io io{.input = io_.input, .console = {}};  // the console has had it all
    if (options_.progress)  // a copy: the tracer may outlive this very object, which can be moved
      io.progress = [report = options_.progress, first, all = plans_.size()](uint64_t) {
        return report({.segment = first, .segments = all, .stage = "execution"});
      };
    auto tracer = vm::Tracer::of(*program_, io, options_.limits, limits_);
    if (!tracer) return no_memory(tracer.error());
    tracer_ = std::move(*tracer);
    tracer_at_ = 0;
    if (start != nullptr) {
      if (auto ok = tracer_->restore(start->state, execution_.journal); !ok)
        return fail(ErrorCode::kStatement,
                    "the plan is of another execution: " + ok.error().message);
      tracer_at_ = start->segment;
    }
    if (segment_ == nullptr) segment_ = std::make_unique<vm::Segment>();
  }
  uint64_t cycles = 0;
  for (size_t i = tracer_at_; i < first; ++i) cycles += plans_[i].cycles;
  tracer_at_ = first;
  if (const auto ok = tracer_->skip(cycles); !ok) {
    if (ok.error().code == vm::ErrorCode::kCancelled)
      return fail(ErrorCode::kCancelled, "cancelled");
    return fail(ErrorCode::kStatement, "the plan is of another execution: " + ok.error().message);
  }
  for (size_t i = 0; i < first; ++i)
    for (const BankUse& use : plans_[i].uses)
      if (use.after && *use.after >= first && *use.after < end)
        memory.read(use.bank, tracer_->memory());
  return {};
}

/// Records segment `index`, where the tracer is.
Result<vm::Segment*> Session::next_segment(size_t index) {
  if (recorded_) return segment_.get();
  {
    const Stopwatch watch(stats_.tracing);
    const auto more = tracer_->next(*segment_);
    if (!more) return no_memory(more.error());
    if (!*more)
      return fail(ErrorCode::kStatement,
                  fmt::format("the plan is of another execution: it ends before segment {}", index));
    ++tracer_at_;
  }
  if (!plans_[index].known) {
    if (auto ok = learn(index, *segment_); !ok) return propagate(ok);
  }
  ZK_CHECK(segment_->cycles == plans_[index].cycles);  // the VM is deterministic
  return segment_.get();
}

/// What the plan's bytes don't say of a segment; what they say is compared.
Result<void> Session::learn(size_t index, const vm::Segment& segment) {
  SegmentPlan& plan = plans_[index];
  const auto other = [index](const char* what) {
    return fail(ErrorCode::kStatement,
                fmt::format("the plan is of another execution: the {} of segment {}", what, index));
  };
  const uint32_t begin = index == 0 ? 0 : plans_[index - 1].journal_end;
  const bool last = index + 1 == plans_.size();
  if (segment.cycles != plan.cycles) return other("instructions");
  if (segment.end != (last ? vm::SegmentEnd::kExit : vm::SegmentEnd::kCut)) return other("end");
  const vm::RunResult run = tracer_->result();
  if (last && run.exit_code != execution_.exit_code) return other("exit code");
  if (segment.initial.words[vm::kJournalPosition] != begin ||
      segment.final.words[vm::kJournalPosition] != plan.journal_end ||
      !std::ranges::equal(
          std::span(run.journal).subspan(size_t{begin} * 4),
          std::span(execution_.journal).subspan(size_t{begin} * 4, size_t{plan.journal_end - begin} * 4)))
    return other("journal");
  const auto same = [](const BankUse& a, const BankUse& b) {
    return a.bank == b.bank && a.constant == b.constant;
  };
  const vm::Survey survey = vm::survey_of(*program_, segment);
  if (!std::ranges::equal(touched_banks(*image_, survey), plan.uses, same)) return other("memory");
  count(plan, survey);
  const auto circuit =
      machine_circuit(image_->image(), plan.uses, nullptr, lowest_rate(options_));
  if (!circuit) return propagate(circuit);
  HeightSearch search(proof_target(options_, plans_.size(), heights_rate_));
  plan.heights = chip_heights(*circuit, plan.rows, search, plan.jobs);
  const std::vector<TableSpec> tables = place_tables(*circuit, plan.heights);
  if (blake3_hash(serialise(tables)) != plan.tables) return other("tables");
  if (const auto shape = make_shape(circuit->key(), params_, tables); !shape)
    return propagate(shape);
  plan.known = true;
  return {};
}

Result<SegmentProof> Session::prove_segment(size_t index, const Circuit& circuit,
                                            const vm::Segment& segment, const BankWords& memory,
                                            LeftTrees& left) {
  const SegmentPlan& plan = plans_[index];
  if (!go_on(index, 0, "witness")) return fail(ErrorCode::kCancelled, "cancelled");
  Witness witness;
  {
    const Stopwatch watch(stats_.witness);
    witness = segment_witness({*program_, *image_}, circuit, plan.uses, memory, segment,
                              plan.heights, plan.forms, segment_publics(claim_of(index)));
  }
  SegmentProof out{plan.journal_end, plan.uses, {}, {}};
  SlotTrees trees;
  {
    const Stopwatch watch(stats_.trees);
    if (auto ok = find_trees(index, segment, memory, left); !ok) return propagate(ok);
    leave_trees(index, circuit, segment, memory, left);
    const auto self = static_cast<uint32_t>(index);
    trees = image_->fixed_trees(circuit, plan.uses, params_.log_blowup);
    for (const auto& [before, tree] : left[self]) {
      trees[circuit.slot(before_slot(before))] = tree.get();
      out.roots.before[before] = tree->root();
    }
    for (const uint32_t after : later_users(plan.uses)) {
      const CommittedTree& tree = *left[after].at(self);
      trees[circuit.slot(after_slot(after))] = &tree;
      out.roots.after[after] = tree.root();
    }
  }
  ProverOptions options;
  options.params = params_;
  options.seed = proof_seed(index, circuit, segment, witness);
  options.progress = [&](double part, const char* stage) { return go_on(index, part, stage); };
  count_tables(circuit, witness, plan.rows);
  const auto proof = stark::prove(circuit, std::move(witness), trees, options, &stats_.prover);
  if (!proof) return propagate(proof);
  out.proof = proof->serialise();

  left.erase(static_cast<uint32_t>(index));
  stats_.cycles += plan.cycles;
  stats_.peak_rss_bytes = peak_rss();
  return out;
}

/// The trees of the words that a segment finds: those that this session hasn't made when it proved who left them.
Result<void> Session::find_trees(size_t index, const vm::Segment& segment, const BankWords& memory,
                                 LeftTrees& left) {
  const auto self = static_cast<uint32_t>(index);
  // What was left is what is found: nobody has used these banks in between.
  vm::Segment before{};
  before.end = vm::SegmentEnd::kCut;
  before.final = segment.initial;
  std::set<uint32_t> users;
  for (const BankUse& use : plans_[index].uses)
    if (use.before && !left[self].contains(*use.before)) users.insert(*use.before);
  for (const uint32_t user : users) {
    const auto circuit =
        machine_circuit(image_->image(), plans_[user].uses, nullptr, params_.log_blowup);
    if (!circuit) return propagate(circuit);
    left[self][user] = left_tree(user, self, *circuit, before, memory);
  }
  return {};
}

void Session::leave_trees(size_t index, const Circuit& circuit, const vm::Segment& segment,
                          const BankWords& memory, LeftTrees& left) {
  const auto self = static_cast<uint32_t>(index);
  for (const uint32_t after : later_users(plans_[index].uses))
    left[after][self] = left_tree(self, after, circuit, segment, memory);
}

/// The tree of the words that `user` leaves for `after`. `segment`: its record, or one without pages where `memory` has
/// the words already.
std::unique_ptr<CommittedTree> Session::left_tree(uint32_t user, uint32_t after,
                                                  const Circuit& circuit,
                                                  const vm::Segment& segment,
                                                  const BankWords& memory) const {
  std::vector<BankUse> uses;
  std::ranges::copy_if(plans_[user].uses, std::back_inserter(uses),
                       [&](const BankUse& use) { return use.after == after; });
  const Digest words = hash_of_words(*image_, uses, memory, segment);
  return std::make_unique<CommittedTree>(
      commit_slot(circuit.key(), params_, circuit.slot(after_slot(after)),
                  bank_witness({*program_, *image_}, circuit, uses, memory, segment),
                  tree_seed(user, after, words)));
}

bool Session::go_on(size_t index, double part, const char* stage) const {
  if (!options_.progress) return true;
  uint64_t cycles = 0;
  for (size_t i = 0; i < index; ++i) cycles += plans_[i].cycles;
  return options_.progress({index, plans_.size(), part, stage, cycles});
}

void Session::count_tables(const Circuit& circuit, const Witness& witness, const RowCounts& rows) {
  for (size_t c = 0; c < circuit.key().chips.size(); ++c) {
    const ChipKey& key = circuit.key().chips[c];
    // All banks but the machine's together: a program may touch thousands.
    const bool bank = key.name.starts_with("bank ") && key.name != bank_chip(kMachineBank);
    const std::string name = bank ? "banks" : key.name;
    auto chip = std::ranges::find(stats_.chips, name, &SessionStats::Chip::name);
    if (chip == stats_.chips.end()) {
      stats_.chips.push_back({name, 0, 0, committed_columns(key)});
      chip = stats_.chips.end() - 1;
    }
    uint64_t height = 0;
    for (const Table& table : witness.tables)
      if (table.chip == c) height += table.height();
    chip->height += height;
    const auto free = rows.find(key.name);
    chip->rows += free == rows.end() ? height : free->second;
  }
}

// ---------------------------------------------------------------------------------------- plan's bytes

PlannedSegment Session::planned(size_t index) const {
  const SegmentPlan& plan = plans_[index];
  return {plan.cycles, plan.cells, plan.memory, plan.journal_end, plan.uses, plan.tables};
}

void Session::write_plan() {
  ByteWriter out;
  out.put_text(build_digest());
  out.put(options_.limits.cycles);
  out.put(limits_.clk);
  out.put(limits_.layer_rows);
  out.put(limits_.cost);
  out.put(lowest_rate(options_));  // this and the next four: what heights are chosen by
  out.put(heights_rate_);
  out.put(std::bit_cast<uint64_t>(options_.security_bits));
  out.put(static_cast<uint8_t>(options_.widest));
  out.put(std::bit_cast<uint64_t>(options_.weights.bytes_per_cell));
  out.put(static_cast<uint8_t>(image_->keeps_all_groups()));
  out.put_bytes(params_.serialise());
  out.put(std::bit_cast<uint64_t>(least_rate_));
  out.put(execution_.exit_code);
  out.put(static_cast<uint32_t>(execution_.journal.size() / 4));
  out.put_bytes(execution_.journal);
  out.put(static_cast<uint32_t>(plans_.size()));
  for (const SegmentPlan& plan : plans_) {
    out.put(plan.cycles);
    out.put(plan.cells);
    out.put(plan.memory);
    out.put(plan.journal_end);
    out.put(plan.tables);
    out.put(static_cast<uint32_t>(plan.uses.size()));
    for (const BankUse& use : plan.uses) {
      out.put(use.bank);
      out.put(static_cast<uint8_t>(use.constant));
    }
  }
  out.put(static_cast<uint32_t>(checkpoints_.size()));
  for (const auto& [segment, state] : checkpoints_) {
    out.put(static_cast<uint32_t>(segment));
    out.put(state.pc);
    for (const uint32_t x : state.x) out.put(x);
    out.put(state.system.input_bytes);
    out.put(state.system.console_bytes);
    out.put(state.system.work);
    out.put(static_cast<uint32_t>(state.granules.size()));
    for (const uint32_t granule : state.granules) out.put(granule);
    out.put_bytes(state.memory);
  }
  plan_bytes_ = std::move(out).take();
  seed_ = execution_seed();
}

Result<Session> Session::of_plan(const vm::Program& program, ProgramImage& image, const vm::Io& io,
                                 std::span<const uint8_t> plan, SessionOptions options) {
  ZK_CHECK(options.seed);
  Session session(program, image, io, std::move(options));
  if (auto ok = session.read_plan(plan); !ok) return propagate(ok);
  session.plan_bytes_.assign(plan.begin(), plan.end());
  session.seed_ = session.execution_seed();
  return session;
}

Result<void> Session::read_plan(std::span<const uint8_t> bytes) {
  constexpr size_t kSegmentBytes = 8 + 8 + 8 + 4 + 32 + 4, kUseBytes = 3;
  ByteReader in(bytes);
  const auto wrong = [](std::string message) {
    return fail(ErrorCode::kFormat, "plan: " + std::move(message));
  };
  const auto number = [&in](double& out) {
    out = std::bit_cast<double>(in.get<uint64_t>());
    return std::isfinite(out) && out >= 0 && out <= 1e9;
  };
  if (in.get_text(build_digest().size()) != build_digest())
    return wrong("expected one made by this build of zkvm, found another's");
  options_.limits.cycles = in.get<uint64_t>();
  limits_.clk = in.get<uint32_t>();
  limits_.layer_rows = in.get<uint32_t>();
  limits_.cost = in.get<uint64_t>();
  limits_.costs = call_costs(image_->layers());
  options_.log_blowup = in.get<uint8_t>();
  heights_rate_ = in.get<uint8_t>();
  bool ok = number(options_.security_bits);
  const auto widest = in.get<uint8_t>();
  options_.widest = static_cast<Regime>(widest);
  ok = number(options_.weights.bytes_per_cell) && ok;
  const auto keep = in.get<uint8_t>();
  const auto params = Params::read(in);
  if (!params) return propagate(params);
  params_ = *params;
  ok = number(least_rate_) && ok;
  const uint8_t lowest = image_->image().lowest_rate();
  if (!ok || in.failed() || widest > static_cast<uint8_t>(Regime::kJohnson) || keep > 1 ||
      limits_.clk < 4 || limits_.clk > vm::kMaxClk || limits_.layer_rows < 1 ||
      limits_.layer_rows > vm::kMaxClk || options_.limits.cycles > uint64_t{1} << 56 ||
      options_.log_blowup < 1 || params_.log_blowup > lowest || options_.log_blowup > lowest ||
      heights_rate_ < 1 || heights_rate_ > lowest)
    return wrong("options that are none");
  image_->keep_all_groups(keep == 1);
  execution_.exit_code = in.get<uint32_t>();
  const auto words = in.get<uint32_t>();
  if (words > kMaxJournalWords) return wrong("a journal that is too long");
  const auto journal = in.get_bytes(4 * uint64_t{words});
  execution_.journal.assign(journal.begin(), journal.end());
  const auto count = in.get<uint32_t>();
  if (count == 0 || !in.can_hold(count, kSegmentBytes))
    return wrong(fmt::format("the bytes end at {}", in.position()));
  plans_.resize(count);
  uint32_t journal_end = 0;
  std::vector<std::vector<BankUse>*> uses;
  for (SegmentPlan& plan : plans_) {
    plan.cycles = in.get<uint64_t>();
    plan.cells = in.get<uint64_t>();
    plan.memory = in.get<uint64_t>();
    plan.journal_end = in.get<uint32_t>();
    plan.tables = in.get_digest();
    const auto banks = in.get<uint32_t>();
    if (in.failed() || !in.can_hold(banks, kUseBytes))
      return wrong(fmt::format("the bytes end at {}", in.position()));
    for (uint32_t i = 0; i < banks; ++i) {
      const auto bank = in.get<uint16_t>();
      plan.uses.push_back({bank, in.get<uint8_t>() != 0});
    }
    if (plan.cycles == 0 || plan.cycles > vm::kMaxClk || plan.journal_end < journal_end)
      return wrong("segments that are none");
    journal_end = plan.journal_end;
    execution_.cycles += plan.cycles;
    uses.push_back(&plan.uses);
  }
  if (!read_checkpoints(in)) return wrong("checkpoints that are none");
  if (in.failed() || in.remaining() != 0 || size_t{journal_end} * 4 != execution_.journal.size() ||
      execution_.cycles > options_.limits.cycles)
    return wrong("lengths that do not agree");
  link_banks(uses);
  for (const auto* of_segment : uses)
    if (auto fits = check_bank_uses(image_->banks(), *of_segment); !fits) return fits;
  return {};
}

bool Session::read_checkpoints(ByteReader& in) {
  const auto count = in.get<uint32_t>();
  if (!in.can_hold(count, kCheckpointBytes)) return false;
  uint64_t cycles = 0;
  size_t last = 0;
  for (uint32_t i = 0; i < count; ++i) {
    auto& [segment, state] = checkpoints_.emplace_back();
    segment = in.get<uint32_t>();
    if (segment <= last || segment >= plans_.size()) return false;
    for (size_t before = last; before < segment; ++before) cycles += plans_[before].cycles;
    last = segment;
    state.cycles = cycles;
    state.system.journal_bytes = uint64_t{4} * plans_[segment - 1].journal_end;
    state.pc = in.get<uint32_t>();
    for (uint32_t& x : state.x) x = in.get<uint32_t>();
    state.system.input_bytes = in.get<uint64_t>();
    state.system.console_bytes = in.get<uint64_t>();
    state.system.work = in.get<uint64_t>();
    const auto granules = in.get<uint32_t>();
    if (in.failed() || !in.can_hold(granules, kGranuleBytes)) return false;
    for (uint32_t g = 0; g < granules; ++g) state.granules.push_back(in.get<uint32_t>());
    const auto memory = in.get_bytes(size_t{granules} * vm::kGranuleBytes);
    state.memory.assign(memory.begin(), memory.end());
  }
  return !in.failed();
}

// ---------------------------------------------------------------------------------------- seeds

/// ZERO-KNOWLEDGE: a shared tree with the same masks must not be opened by proofs that differ in anything (the cuts, the
/// shape of another segment, the build): their queries would be others, and four openings of a column show it. The
/// plan has all of that.
Randomness::Seed Session::execution_seed() const {
  return SeedHash("zkvm session")
      .add(kWitnessVersion)
      .add(options_.seed ? *options_.seed : Randomness::fresh_seed())
      .add(image_->image().id())
      .add(blake3_hash(io_.input))
      .add(blake3_hash(plan_bytes_))
      .seed();
}

/// `words`: those that the tree commits to.
Randomness::Seed Session::tree_seed(size_t index, uint32_t after, const Digest& words) const {
  return SeedHash("zkvm shared tree").add(seed_).add(index).add(after).add(words).seed();
}

/// ZERO-KNOWLEDGE: a plan's checkpoints may be false, and whether they are used depends on what this process has proven
/// before. So masks depend on what the segment starts from and reads, too, from which its record follows.
Randomness::Seed Session::proof_seed(size_t index, const Circuit& circuit,
                                     const vm::Segment& segment, const Witness& witness) const {
  return SeedHash("zkvm segment proof")
      .add(seed_)
      .add(index)
      .add(blake3_hash(circuit.key().serialise()))
      .add(hash_of_start(segment))
      .add(serialise(witness.specs()))
      .seed();
}

}  // namespace zkvm::stark::machine
