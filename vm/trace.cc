#include "vm/trace.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <optional>
#include <utility>

#include "vm/counting.h"
#include "vm/fast.h"
#include "vm/step.h"
#include "vm/trace_context.h"

namespace zkvm::vm {
namespace {

constexpr int kA0 = 10, kA1 = 11, kA2 = 12, kA3 = 13, kA4 = 14, kA5 = 15, kA7 = 17;
constexpr uint32_t kMaxTransferWords = kMaxJournalBytes / 4;
constexpr uint32_t kMaxCallWords = 2 * kMaxLayerRows;

}  // namespace

void TraceCore::save_new_pages() {
  const auto touched = memory->touched();
  for (size_t i = pages->size(); i < touched.size(); ++i) {
    Page& page = pages->emplace_back();
    page.first_word = touched[i] * kGranuleWords;
    std::memcpy(page.initial.data(), memory->window() + size_t{page.first_word} * 4, kGranuleBytes);
  }
}

class Tracer::Execution {
 public:
  Execution(const Program& program, const Io& io, const RunLimits& limits,
            const SegmentLimits& segment_limits, Memory memory)
      : program_(program),
        text_(program.text()),
        limits_(limits),
        use_(program, segment_limits),
        memory_(std::move(memory)),
        times_(Reservation::of(memory_.window_bytes())),
        system_(io, limits),
        progress_(io.progress),
        code_(decode_text(text_)),
        pc_(program.entry) {
    Dispatch<TraceContext>::prepare(code_);
    core_.times = reinterpret_cast<uint32_t*>(times_.data());
    core_.text = code_.data();
    core_.text_base = text_.base;
    core_.text_words = text_.size / 4;
    core_.memory = &memory_;
  }

  bool has_memory() const { return static_cast<bool>(times_); }
  bool done() const { return trap_.has_value() || system_.exit_code().has_value(); }

  Result<void> reserve(Segment& segment) const;
  void run(Segment& segment);
  void run(Survey& survey);
  Result<void> skip(uint64_t cycles);
  std::optional<Checkpoint> checkpoint(size_t most_granules) const;
  Result<void> restore(const Checkpoint& checkpoint, std::span<const uint8_t> journal);
  std::span<const uint8_t> memory() const { return {memory_.window(), memory_.window_bytes()}; }
  RunResult result();

 private:
  void begin(Segment& segment);
  void finish(Segment& segment);
  Boundary boundary() const;
  const std::vector<Page>& recorded_in(const Segment& segment) const { return segment.pages; }
  std::span<const uint32_t> recorded_in(const Survey&) const { return memory_.touched(); }

  template <class Record>
  SegmentEnd run_segment(Record& record);
  template <class Record>
  std::optional<SegmentEnd> stop(Record& record);
  bool run_burst(Segment& segment);
  bool run_burst(Survey& survey);
  using Fast = FastRun<CountingObserver>;
  Fast& start_fast();
  void take(const State& state);
  void record(Segment& segment, const SystemCall& call);
  void record(Survey& survey, const SystemCall& call);
  void record_call(Segment& segment, const SystemCall& call);
  void record_transfers(Segment& segment, const SystemCall& call);
  void record_layer(Segment& segment, const SystemCall& call);
  void record_hash(Segment& segment, const SystemCall& call);
  void refresh(Segment& segment, uint32_t tick);
  Trap find_trap();

  Registers registers() const;
  Access access(int r, uint32_t time) {
    const Access before = core_.get(r);
    core_.set(r, {before.value, time});
    return before;
  }

  const Program& program_;
  const Region& text_;
  RunLimits limits_;
  SegmentUse use_;  // of the segment at work
  Memory memory_;
  Reservation times_;
  System system_;
  std::function<bool(uint64_t)> progress_;
  std::vector<Insn> code_;
  TraceCore core_{};
  struct Counting {
    Counting(const Program& program, Memory& memory, System& system)
        : counts(program.text()), run(program, memory, system, counts) {}
    CountingObserver counts;
    Fast run;
  };
  std::optional<Counting> counting_;  // of surveys
  uint32_t pc_;
  uint64_t cycles_ = 0;
  Access journal_{};  // the journal's position as a machine word
  std::optional<Trap> trap_;
};

Result<void> Tracer::Execution::reserve(Segment& segment) const {
  const SegmentLimits& limits = use_.limits();
  bool ok = true;
  const auto provide = [&](RowBuffer& buffer, size_t rows, size_t bytes) {
    if (buffer && buffer.capacity() == rows) return;
    buffer = RowBuffer(rows, bytes);
    ok = ok && static_cast<bool>(buffer);
  };
  for (size_t i = 0; i < kClassCount; ++i) {
    const size_t bytes = row_bytes(static_cast<Class>(i));
    if (bytes != 0) provide(segment.instructions[i], limits.clk, bytes);
  }
  provide(segment.transfers, size_t{limits.transfers} + kMaxTransferWords, sizeof(TransferRow));
  provide(segment.refreshes, kMaxClk / kRefreshTicks, sizeof(RefreshRow));
  if (!program_.layers.empty()) {
    // A call has no more words of either operand than rows.
    provide(segment.layer_calls, size_t{limits.layer_rows} + 1, sizeof(LayerRow));
    provide(segment.layer_words, size_t{2} * limits.layer_rows + kMaxCallWords, sizeof(Access));
  }
  for (HashRecord& hash : segment.hashes) {
    provide(hash.calls, limits.clk, sizeof(HashRow));
    provide(hash.words,
            (size_t{limits.hash_blocks} + kMaxHashBlocks) * (kHashBlockWords + kCvWords),
            sizeof(Access));
  }
  if (ok) return {};
  return tl::unexpected(Error{ErrorCode::kOutOfMemory,
                              "trace: expected to reserve a segment's arrays, found no space"});
}

void Tracer::Execution::run(Segment& segment) {
  begin(segment);
  segment.end = run_segment(segment);
  finish(segment);
}

void Tracer::Execution::run(Survey& survey) {
  use_.begin();
  memory_.forget();
  start_fast();
  const uint64_t before = cycles_;
  survey = {};
  survey.end = run_segment(survey);
  survey.cycles = cycles_ - before;
  survey.cost = use_.cost();
  survey.journal_end = journal_.value;
  survey.counts = counting_->counts.counts<uint32_t>();
  for (size_t i = 0; i < kHashes; ++i) survey.hashes[i] = use_.hashes(static_cast<Hash>(i));
  survey.transfers = use_.transfers();
  for (const uint32_t granule : memory_.touched()) {
    const uint8_t bits = memory_.granules()[granule];
    if ((bits & kTouchedWritable) != 0) survey.writable.push_back(granule);
    if ((bits & kTouchedConstant) != 0) survey.constant.push_back(granule);
  }
  std::ranges::sort(survey.writable);
  std::ranges::sort(survey.constant);
  survey.pages = memory_.touched().size();
  memory_.forget();
}

// Until the segment is over.
template <class Record>
SegmentEnd Tracer::Execution::run_segment(Record& record) {
  for (;;) {
    if (use_.must_cut(recorded_in(record).size())) return SegmentEnd::kCut;
    if (cycles_ >= limits_.cycles) {
      trap_ = Trap{TrapKind::kCycleLimit, pc_, 0, 0, cycles_};
      return SegmentEnd::kTrap;
    }
    if (!text_.contains(pc_) || !run_burst(record)) {
      if (const auto end = stop(record)) return *end;
    }
  }
}

Result<void> Tracer::Execution::skip(uint64_t cycles) {
  if (cycles == 0) return {};
  const auto ended_early = [&](uint64_t at) {
    return tl::unexpected(Error{
        ErrorCode::kEndedEarly,
        fmt::format("execution: expected more than {} instructions, found {}", cycles_ + cycles, at)});
  };
  if (done() || cycles > limits_.cycles - std::min(limits_.cycles, cycles_))
    return ended_early(cycles_);
  Fast& run = start_fast();
  const std::optional<Trap> end = run.run(cycles_ + cycles, progress_);
  if (!end && !system_.exit_code())
    return tl::unexpected(Error{ErrorCode::kCancelled, "the execution was cancelled"});
  if (run.state.cycles != cycles_ + cycles || (end && end->kind != TrapKind::kCycleLimit))
    return ended_early(run.state.cycles);
  take(run.state);
  counting_.reset();
  memory_.forget();  // so that the next segment saves the pages that it touches
  return {};
}

std::optional<Checkpoint> Tracer::Execution::checkpoint(size_t most_granules) const {
  Checkpoint out{.cycles = cycles_,
                 .pc = pc_,
                 .x = registers(),
                 .system = system_.state(),
                 .granules = {},
                 .memory = {}};
  const auto bytes_of = [this](uint32_t granule) {
    return std::span<const uint8_t, kGranuleBytes>(
        memory_.window() + size_t{granule} * kGranuleBytes, kGranuleBytes);
  };
  for (const uint32_t granule : memory_.ever_writable()) {
    if (std::ranges::equal(Memory::initial(program_, granule), bytes_of(granule))) continue;
    if (out.granules.size() == most_granules) return std::nullopt;
    out.granules.push_back(granule);
  }
  std::ranges::sort(out.granules);
  out.memory.reserve(out.granules.size() * kGranuleBytes);
  for (const uint32_t granule : out.granules)
    out.memory.insert(out.memory.end(), bytes_of(granule).begin(), bytes_of(granule).end());
  return out;
}

Result<void> Tracer::Execution::restore(const Checkpoint& checkpoint,
                                        std::span<const uint8_t> journal) {
  ZK_CHECK(cycles_ == 0 && memory_.ever_touched() == 0);
  ZK_CHECK(checkpoint.memory.size() == checkpoint.granules.size() * kGranuleBytes);
  const auto bytes_of = [&](size_t i) {
    return std::span(checkpoint.memory).subspan(i * kGranuleBytes).first<kGranuleBytes>();
  };
  bool possible = text_.contains(checkpoint.pc) && checkpoint.pc % 4 == 0 && checkpoint.x[0] == 0 &&
                  checkpoint.cycles <= limits_.cycles;
  for (size_t i = 0; possible && i < checkpoint.granules.size(); ++i)
    possible = (i == 0 || checkpoint.granules[i - 1] < checkpoint.granules[i]) &&
               memory_.may_hold(checkpoint.granules[i], bytes_of(i));
  if (!possible || !system_.restore(checkpoint.system, journal))
    return tl::unexpected(
        Error{ErrorCode::kEndedEarly, "checkpoint: no execution of this program is there"});
  take(State{checkpoint.pc, checkpoint.x, checkpoint.cycles});
  for (size_t i = 0; i < checkpoint.granules.size(); ++i)
    memory_.put(checkpoint.granules[i], bytes_of(i));
  return {};
}

// The fast executor, where this execution is, with counts of nothing.
Tracer::Execution::Fast& Tracer::Execution::start_fast() {
  if (!counting_) counting_.emplace(program_, memory_, system_);
  counting_->counts.reset();
  counting_->run.state = {pc_, registers(), cycles_};
  return counting_->run;
}

void Tracer::Execution::take(const State& state) {
  for (int r = 0; r < kRegisterCount; ++r) core_.set(r, {state.x[r], 0});
  pc_ = state.pc;
  cycles_ = state.cycles;
  journal_.value = static_cast<uint32_t>(system_.journal().size() / 4);
}

void Tracer::Execution::begin(Segment& segment) {
  for (RowBuffer& rows : segment.instructions) rows.clear();
  segment.transfers.clear();
  segment.refreshes.clear();
  segment.layer_calls.clear();
  segment.layer_words.clear();
  segment.layer_rows = 0;
  for (HashRecord& hash : segment.hashes) {
    hash.calls.clear();
    hash.words.clear();
    hash.blocks = 0;
  }
  use_.begin();
  segment.pages.clear();
  core_.pages = &segment.pages;
  segment.cycles = cycles_;
  for (int r = 0; r < kRegisterCount; ++r) core_.set(r, {core_.get(r).value, 0});
  journal_.time = 0;
  segment.initial = boundary();
}

void Tracer::Execution::finish(Segment& segment) {
  for (Page& page : segment.pages) {
    uint32_t* times = core_.times + page.first_word;
    std::memcpy(page.final.data(), memory_.window() + size_t{page.first_word} * 4, kGranuleBytes);
    std::copy_n(times, kGranuleWords, page.time.begin());
    std::fill_n(times, kGranuleWords, 0);
  }
  memory_.forget();
  segment.final = boundary();
  for (int r = 0; r < kRegisterCount; ++r) segment.times[r] = core_.get(r).time;
  segment.times[kJournalPosition] = journal_.time;
  segment.clk = use_.clk();
  segment.cost = use_.cost();
  segment.cycles = cycles_ - segment.cycles;
}

Boundary Tracer::Execution::boundary() const {
  Boundary b{.pc = pc_, .words = {}};
  for (int r = 0; r < kRegisterCount; ++r) b.words[r] = core_.get(r).value;
  b.words[kJournalPosition] = journal_.value;
  return b;
}

// False if it stopped in front of an instruction that it could not execute.
bool Tracer::Execution::run_burst(Segment& segment) {
  const uint32_t clk = use_.clk();
  const uint32_t refresh_tick = (clk + kRefreshTicks - 1) / kRefreshTicks * kRefreshTicks;
  core_.burst_end = std::min<uint64_t>(
      {clk + (limits_.cycles - cycles_), uint64_t{refresh_tick} + 1, use_.last_tick()});
  for (size_t i = 0; i < kClassCount; ++i) core_.rows[i] = segment.instructions[i].end();

  const Insn* start = code_.data() + (pc_ - text_.base) / 4;
  Dispatch<TraceContext>::run(start, core_, memory_.window(), memory_.granules(), clk);

  for (size_t i = 0; i < kClassCount; ++i) segment.instructions[i].set_end(core_.rows[i]);
  pc_ = text_.base + static_cast<uint32_t>(core_.stopped_at - code_.data()) * 4;
  cycles_ += core_.stopped_n - clk;
  use_.advance(core_.stopped_n - clk);
  if (use_.clk() == refresh_tick + 1) refresh(segment, refresh_tick);
  return use_.clk() == core_.burst_end;
}

// The same where nothing is recorded. Pages are counted where the other one counts them: where so many may have been
// touched as the segment may have.
bool Tracer::Execution::run_burst(Survey&) {
  const uint32_t clk = use_.clk();
  uint64_t end = std::min<uint64_t>(clk + (limits_.cycles - cycles_), use_.last_tick());
  const uint64_t pages = use_.limits().pages - memory_.touched().size();
  const auto refreshed = [](uint64_t tick) {
    return (tick - 1) / kRefreshTicks * kRefreshTicks + 1;
  };
  end = std::min(end, std::max(refreshed(clk + pages), refreshed(clk) + kRefreshTicks));
  Fast& fast = counting_->run;
  fast.run_to(cycles_ + (end - clk));
  use_.advance(fast.state.cycles - cycles_);
  take(fast.state);
  return use_.clk() == end;
}

// At an instruction that a burst cannot execute: a system call or a trap.
template <class Record>
std::optional<SegmentEnd> Tracer::Execution::stop(Record& segment) {
  const bool is_call = text_.contains(pc_) && code_[(pc_ - text_.base) / 4].op == Op::kEcall;
  const auto call = system_.plan(registers(), memory_);
  if (!is_call || !call) {
    trap_ = find_trap();
    return SegmentEnd::kTrap;
  }
  // The call goes as a whole into this segment or the next.
  if (use_.must_cut_before(*call)) return SegmentEnd::kCut;
  record(segment, *call);
  if (system_.exit_code()) return SegmentEnd::kExit;
  return std::nullopt;
}

void Tracer::Execution::record(Segment& segment, const SystemCall& call) {
  switch (call.kind) {
    case SystemCall::Kind::kLayer:
      record_layer(segment, call);
      break;
    case SystemCall::Kind::kHash:
      record_hash(segment, call);
      break;
    default:
      record_call(segment, call);
  }
  Registers x = registers();
  system_.perform(call, x, memory_);
  core_.set(kA0, {x[kA0], core_.get(kA0).time});  // of layers and hashes it is what it was
  const uint32_t tick = use_.clk();
  use_.add(call);
  segment.layer_rows = use_.layer_rows();
  if (tick % kRefreshTicks == 0) refresh(segment, tick);
  ++cycles_;
  pc_ += 4;
}

void Tracer::Execution::record(Survey& survey, const SystemCall& call) {
  if (call.kind == SystemCall::Kind::kLayer)
    survey.layer_calls.push_back(static_cast<uint32_t>(call.layer.layer - program_.layers.data()));
  counting_->counts.step((pc_ - text_.base) / 4, 0, {});
  State& state = counting_->run.state;
  system_.perform(call, state.x, memory_);
  state.pc += 4;
  ++state.cycles;
  use_.add(call);
  take(state);
}

void Tracer::Execution::record_call(Segment& segment, const SystemCall& call) {
  const uint32_t now = use_.clk() * 4 + 2;
  SystemRow row{.clk = use_.clk(),
                .index = (pc_ - text_.base) / 4,
                .a7 = access(kA7, now),
                .a0 = access(kA0, now),
                .a1 = access(kA1, now),
                .a2 = access(kA2, now),
                .journal = {},
                .value = call.result,
                .transfer = static_cast<uint32_t>(segment.transfers.size()),
                .words = 0};
  if (call.kind == SystemCall::Kind::kRead || call.kind == SystemCall::Kind::kJournal) {
    row.words = call.bytes / 4;
    record_transfers(segment, call);
  }
  if (call.kind == SystemCall::Kind::kJournal) {
    row.journal = std::exchange(journal_, Access{journal_.value + row.words, now});
  }
  segment.instructions[static_cast<size_t>(Class::kSystem)].push(row);
}

void Tracer::Execution::record_layer(Segment& segment, const SystemCall& call) {
  const uint32_t now = use_.clk() * 4 + 2;
  const auto layer = static_cast<uint32_t>(call.layer.layer - program_.layers.data());
  segment.layer_calls.push(
      LayerRow{.clk = use_.clk(),
               .index = (pc_ - text_.base) / 4,
               .a7 = access(kA7, now),
               .a0 = access(kA0, now),
               .a1 = access(kA1, now),
               .a2 = access(kA2, now),
               .a3 = has_second_input(*call.layer.layer) ? access(kA3, now) : Access{},
               .layer = layer,
               .word = static_cast<uint32_t>(segment.layer_words.size())});
  touch_layer(call.layer, memory_);
  core_.save_new_pages();
  const auto record = [&](uint32_t time) {
    return [this, &segment, time](uint32_t address) {
      Access before;
      std::memcpy(&before.value, memory_.window() + address, 4);
      before.time = std::exchange(core_.times[address / 4], time);
      segment.layer_words.push(before);
    };
  };
  for_words_read(call.layer, record(use_.clk() * 4));
  for_words_of_b(call.layer, record(use_.clk() * 4 + 1));
  for_words_written(call.layer, record(now));
}

void Tracer::Execution::record_hash(Segment& segment, const SystemCall& call) {
  const uint32_t now = use_.clk() * 4 + 2;
  const HashCall& of = call.hash;
  HashRecord& hash = segment.hashes[static_cast<size_t>(of.hash)];
  hash.blocks += of.count;
  HashRow row{.clk = use_.clk(),
              .index = (pc_ - text_.base) / 4,
              .a7 = access(kA7, now),
              .a0 = access(kA0, now),
              .a1 = access(kA1, now),
              .a2 = access(kA2, now),
              .a3 = {},
              .a4 = {},
              .a5 = {},
              .word = static_cast<uint32_t>(hash.words.size())};
  if (of.hash == Hash::kBlake3) {
    row.a3 = access(kA3, now);
    row.a4 = access(kA4, now);
    row.a5 = access(kA5, now);
  }
  hash.calls.push(row);
  touch_hashed(of, memory_);
  core_.save_new_pages();
  const auto record = [&](uint32_t base, uint32_t bytes, uint32_t time) {
    for (uint32_t address = base; address < base + bytes; address += 4) {
      Access before;
      std::memcpy(&before.value, memory_.window() + address, 4);
      before.time = std::exchange(core_.times[address / 4], time);
      hash.words.push(before);
    }
  };
  record(of.blocks, of.count * kHashBlockBytes, use_.clk() * 4 + 1);
  record(of.cv, kCvBytes, now);
}

// Before the call is performed.
void Tracer::Execution::record_transfers(Segment& segment, const SystemCall& call) {
  const bool read = call.kind == SystemCall::Kind::kRead;
  ZK_CHECK(memory_.touch(call.buffer, call.bytes, read));
  core_.save_new_pages();
  const auto system = static_cast<uint32_t>(segment.rows<SystemRow>(Class::kSystem).size());
  for (uint32_t i = 0; i < call.bytes / 4; ++i) {
    const uint32_t word = call.buffer / 4 + i;
    Access before;
    std::memcpy(&before.value, memory_.window() + size_t{word} * 4, 4);
    before.time = std::exchange(core_.times[word], use_.clk() * 4 + 2);
    segment.transfers.push(
        TransferRow{system, word, before, read ? system_.input_word(i) : before.value});
  }
}

void Tracer::Execution::refresh(Segment& segment, uint32_t tick) {
  const int word = static_cast<int>((tick / kRefreshTicks - 1) % kMachineWords);
  const uint32_t time = tick * 4 + 3;
  segment.refreshes.push(RefreshRow{word == kJournalPosition
                                        ? std::exchange(journal_, Access{journal_.value, time})
                                        : access(word, time)});
}

// The instruction at pc traps, or jumps to where the next one does.
Trap Tracer::Execution::find_trap() {
  State state{pc_, registers(), cycles_};
  std::optional<Trap> trap = step(program_, state, memory_, system_);
  if (!trap && state.cycles >= limits_.cycles) {
    trap = Trap{TrapKind::kCycleLimit, state.pc, 0, 0, state.cycles};
  }
  if (!trap) trap = step(program_, state, memory_, system_);
  ZK_CHECK(trap.has_value());
  pc_ = state.pc;
  cycles_ = state.cycles;
  for (int r = 0; r < kRegisterCount; ++r) core_.set(r, {state.x[r], core_.get(r).time});
  return *trap;
}

Registers Tracer::Execution::registers() const {
  Registers x;
  for (int r = 0; r < kRegisterCount; ++r) x[r] = core_.get(r).value;
  return x;
}

RunResult Tracer::Execution::result() {
  RunResult result;
  result.trap = trap_;
  result.exit_code = system_.exit_code().value_or(0);
  result.cycles = cycles_;
  result.journal = system_.journal();
  result.input_bytes = system_.input_read();
  result.declared_bytes = program_.memory_bytes();
  result.touched_bytes = memory_.ever_touched() * kGranuleBytes;
  result.hashes = system_.hashes();
  result.layer_calls = system_.layer_calls();
  result.layer_calls.resize(program_.layers.size());
  return result;
}

Tracer::Tracer(std::unique_ptr<Execution> execution) : execution_(std::move(execution)) {}
Tracer::Tracer(Tracer&&) noexcept = default;
Tracer& Tracer::operator=(Tracer&&) noexcept = default;
Tracer::~Tracer() = default;

Result<Tracer> Tracer::of(const Program& program, const Io& io, const RunLimits& limits,
                          const SegmentLimits& segment_limits) {
  auto memory = Memory::of(program);
  if (!memory) return tl::unexpected(std::move(memory.error()));
  auto execution =
      std::make_unique<Execution>(program, io, limits, segment_limits, std::move(*memory));
  if (!execution->has_memory()) {
    return tl::unexpected(Error{ErrorCode::kOutOfMemory,
                                "trace: expected to reserve the times of memory, found no space"});
  }
  return Tracer(std::move(execution));
}

Result<bool> Tracer::next(Segment& segment) {
  if (execution_->done()) return false;
  if (auto ok = execution_->reserve(segment); !ok) return tl::unexpected(std::move(ok.error()));
  execution_->run(segment);
  return true;
}

bool Tracer::next(Survey& survey) {
  if (execution_->done()) return false;
  execution_->run(survey);
  return true;
}

Result<void> Tracer::skip(uint64_t cycles) { return execution_->skip(cycles); }

std::optional<Checkpoint> Tracer::checkpoint(size_t most_granules) const {
  return execution_->checkpoint(most_granules);
}

Result<void> Tracer::restore(const Checkpoint& checkpoint, std::span<const uint8_t> journal) {
  return execution_->restore(checkpoint, journal);
}

std::span<const uint8_t> Tracer::memory() const { return execution_->memory(); }

RunResult Tracer::result() const { return execution_->result(); }

}  // namespace zkvm::vm
