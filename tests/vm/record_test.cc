// The record, replayed: from a segment's start, all rows in the order of their times must read what
// was last written, at the time when it was, and end where the segment ends. The replay takes each
// access's place from the row's kind and the text alone, as the chips will.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "tests/vm/hash_program.h"
#include "tests/vm/layer_program.h"
#include "tests/vm/random_layer.h"
#include "vm/code.h"
#include "vm/fast.h"
#include "vm/layer/layer_call.h"
#include "vm/run.h"
#include "vm/trace.h"

namespace zkvm::vm::test {
namespace {

// A word by its name: machine words below 64, then memory by address / 4.
using Word = uint64_t;
constexpr Word memory_word(uint32_t index) { return (Word{1} << 32) | index; }

struct Event {
  Word word;
  Access before;
  uint32_t value;  // afterwards
};

// The events of a segment by time; several words may be accessed at one time, never one twice.
class Replay {
 public:
  Replay(const Program& program, const Segment& segment)
      : program_(program), text_(program.text()), segment_(segment) {}

  void check() {
    collect_all();
    EXPECT_EQ(ticks_.size(), segment_.clk - 1) << "every tick has one row, ecall two ticks";
    std::map<Word, Access> state;
    for (int w = 0; w < kMachineWords; ++w) state[w] = {segment_.initial.words[w], 0};
    for (const Page& page : segment_.pages) {
      for (uint32_t i = 0; i < kGranuleWords; ++i) {
        state[memory_word(page.first_word + i)] = {page.initial[i], 0};
      }
    }
    for (const auto& [time, event] : events_) {
      const auto known = state.find(event.word);
      ASSERT_NE(known, state.end()) << "word " << event.word << " is on no page";
      ASSERT_EQ(known->second, event.before) << "word " << event.word << " at " << time;
      ASSERT_LT(event.before.time, time);
      if (event.word < kMachineWords) {
        ASSERT_LE(time - event.before.time - 1, 0xffffu);
      }
      known->second = {event.value, time};
    }
    check_end(state);
  }

 private:
  void check_end(const std::map<Word, Access>& state) {
    for (int w = 0; w < kMachineWords; ++w) {
      EXPECT_EQ(state.at(w), (Access{segment_.final.words[w], segment_.times[w]})) << w;
    }
    for (const Page& page : segment_.pages) {
      for (uint32_t i = 0; i < kGranuleWords; ++i) {
        EXPECT_EQ(state.at(memory_word(page.first_word + i)),
                  (Access{page.final[i], page.time[i]}));
      }
    }
  }

  void at(uint32_t time, Word word, Access before, uint32_t value) {
    events_.emplace(time, Event{word, before, value});
  }

  Decoded decoded(uint32_t clk, uint32_t index) {
    EXPECT_TRUE(ticks_.insert(clk).second) << "two rows at tick " << clk;
    return decode_at(text_word(text_, index), text_.base + index * 4);
  }

  // What rd becomes is not in the record: here it is whatever the next access finds, so that only
  // the chain is checked; the values are checked against the other executors.
  uint32_t next_value(Word word, uint32_t time) {
    const auto found = finds_.find({word, time});
    if (found != finds_.end()) return found->second;
    return word < kMachineWords ? segment_.final.words[word] : final_memory(word);
  }
  uint32_t final_memory(Word word) {
    const auto index = static_cast<uint32_t>(word);
    for (const Page& page : segment_.pages) {
      if (index - page.first_word < kGranuleWords) return page.final[index - page.first_word];
    }
    return 0;
  }

  template <class Row, class F>
  void each(Class cls, F f) {
    for (const Row& row : segment_.rows<Row>(cls)) f(row, decoded(row.clk, row.index));
  }

  void read(uint32_t time, Word word, Access a) { reads_.push_back({time, word, a}); }
  void write(uint32_t time, Word word, Access a) { writes_.push_back({time, word, a}); }

  void collect_all() {
    for (const Class cls :
         {Class::kAdd, Class::kBits, Class::kShift, Class::kCompare, Class::kMul, Class::kDiv}) {
      each<RegisterRow>(cls, [&](const RegisterRow& r, const Decoded& d) {
        read(r.clk * 4, d.rs1, r.rs1);
        read(r.clk * 4 + 1, d.rs2, r.rs2);
        write(r.clk * 4 + 2, d.rd, r.rd);
      });
    }
    for (const Class cls :
         {Class::kAddImm, Class::kBitsImm, Class::kShiftImm, Class::kCompareImm, Class::kJump}) {
      each<ImmediateRow>(cls, [&](const ImmediateRow& r, const Decoded& d) {
        read(r.clk * 4, d.rs1, r.rs1);
        write(r.clk * 4 + 2, d.rd, r.rd);
      });
    }
    each<BranchRow>(Class::kBranch, [&](const BranchRow& r, const Decoded& d) {
      read(r.clk * 4, d.rs1, r.rs1);
      read(r.clk * 4 + 1, d.rs2, r.rs2);
    });
    for (const Class cls : {Class::kLoadWord, Class::kLoadSub}) {
      each<LoadRow>(cls, [&](const LoadRow& r, const Decoded& d) {
        read(r.clk * 4, d.rs1, r.rs1);
        read(r.clk * 4 + 1, memory_word((r.rs1.value + d.imm) / 4), r.memory);
        write(r.clk * 4 + 2, d.rd, r.rd);
      });
    }
    for (const Class cls : {Class::kStoreWord, Class::kStoreSub}) {
      each<StoreRow>(cls, [&](const StoreRow& r, const Decoded& d) {
        read(r.clk * 4, d.rs1, r.rs1);
        read(r.clk * 4 + 1, d.rs2, r.rs2);
        write(r.clk * 4 + 2, memory_word((r.rs1.value + d.imm) / 4), r.memory);
      });
    }
    collect_calls();
    collect_layers();
    collect_hashes();
    for (size_t i = 0; i < segment_.refreshes.size(); ++i) {
      const auto tick = static_cast<uint32_t>(i + 1) * kRefreshTicks;
      read(tick * 4 + 3, i % kMachineWords, segment_.refreshes.rows<RefreshRow>()[i].word);
    }
    EXPECT_EQ(segment_.refreshes.size(), (segment_.clk - 1) / kRefreshTicks);
    link();
  }

  void collect_calls() {
    each<SystemRow>(Class::kSystem, [&](const SystemRow& r, const Decoded&) {
      const uint32_t now = r.clk * 4 + 2;
      read(now, 17, r.a7);
      read(now, 11, r.a1);
      read(now, 12, r.a2);
      at(now, 10, r.a0, r.value);
      found(now, 10, r.a0);
      const bool journal = r.a7.value == 64 && r.a0.value == 3;
      if (journal) {
        at(now, kJournalPosition, r.journal, r.journal.value + r.words);
        found(now, kJournalPosition, r.journal);
      }
      const auto transfers = segment_.transfers.rows<TransferRow>().subspan(r.transfer, r.words);
      for (uint32_t i = 0; i < r.words; ++i) {
        const TransferRow& t = transfers[i];
        EXPECT_EQ(&segment_.rows<SystemRow>(Class::kSystem)[t.system], &r);
        EXPECT_EQ(t.word, r.a1.value / 4 + i);
        if (journal) {
          EXPECT_EQ(t.value, t.memory.value);
        }
        at(now, memory_word(t.word), t.memory, t.value);
        found(now, memory_word(t.word), t.memory);
      }
    });
  }

  void collect_layers() {
    const auto words = segment_.layer_words.rows<Access>();
    size_t next = 0;
    for (const LayerRow& r : segment_.layer_calls.rows<LayerRow>()) {
      EXPECT_EQ(decoded(r.clk, r.index).op, Op::kEcall);
      for (const auto& [word, a] : {std::pair{17, r.a7}, {10, r.a0}, {11, r.a1}, {12, r.a2}})
        read(r.clk * 4 + 2, static_cast<Word>(word), a);
      const Layer& layer = program_.layers[r.layer];
      const bool two = has_second_input(layer);
      EXPECT_EQ(r.a7.value, call_number(layer));
      EXPECT_EQ(r.a0.value, layer.id);
      if (two)
        read(r.clk * 4 + 2, 13, r.a3);
      else
        EXPECT_EQ(r.a3, Access{});
      ASSERT_EQ(r.word, next);
      const LayerCall call{&layer, r.a1.value, two ? r.a3.value : r.a2.value, two ? r.a2.value : 0};
      std::vector<uint32_t> values;
      for_words_read(call, [&](uint32_t address) {
        values.push_back(words[next].value);
        read(r.clk * 4, memory_word(address / 4), words[next++]);
      });
      for_words_of_b(call, [&](uint32_t address) {
        values.push_back(words[next].value);
        read(r.clk * 4 + 1, memory_word(address / 4), words[next++]);
      });
      const std::vector<uint32_t> results = layer_results(layer, values);
      size_t result = 0;
      for_words_written(call, [&](uint32_t address) {
        const Access before = words[next++];
        at(r.clk * 4 + 2, memory_word(address / 4), before, results[result++]);
        found(r.clk * 4 + 2, memory_word(address / 4), before);
      });
      EXPECT_EQ(next - r.word, call.layer->words_read() + call.layer->words_written());
    }
    EXPECT_EQ(next, words.size());
  }

  void collect_hashes() {
    for (size_t hash = 0; hash < kHashes; ++hash) collect_hash(static_cast<Hash>(hash));
  }

  void collect_hash(Hash hash) {
    const HashRecord& record = segment_.hashes[static_cast<size_t>(hash)];
    const auto words = record.words.rows<Access>();
    size_t next = 0;
    uint64_t blocks = 0;
    const bool blake3 = hash == Hash::kBlake3;
    for (const HashRow& r : record.calls.rows<HashRow>()) {
      EXPECT_EQ(decoded(r.clk, r.index).op, Op::kEcall);
      EXPECT_EQ(r.a7.value, blake3 ? zk::abi::kSysBlake3 : zk::abi::kSysSha256);
      for (const auto& [word, a] : {std::pair{17, r.a7},
                                    {10, r.a0},
                                    {11, r.a1},
                                    {12, r.a2},
                                    {13, r.a3},
                                    {14, r.a4},
                                    {15, r.a5}})
        if (blake3 || word <= 12 || word == 17) read(r.clk * 4 + 2, static_cast<Word>(word), a);
      const HashCall call{r.a0.value, r.a1.value, r.a2.value,
                          uint64_t{r.a4.value} << 32 | r.a3.value, r.a5.value, hash};
      ASSERT_EQ(r.word, next);
      uint32_t cv[8], block[16];
      for (uint32_t k = 0; k < 8; ++k) cv[k] = words[next + 16 * call.count + k].value;
      for (uint32_t i = 0; i < call.count; ++i) {
        for (uint32_t k = 0; k < 16; ++k) {
          block[k] = words[next].value;
          read(r.clk * 4 + 1, memory_word(call.blocks / 4 + 16 * i + k), words[next++]);
        }
        compress(call, i, block, cv);
      }
      for (uint32_t k = 0; k < 8; ++k) {
        const Access before = words[next++];
        at(r.clk * 4 + 2, memory_word(call.cv / 4 + k), before, cv[k]);
        found(r.clk * 4 + 2, memory_word(call.cv / 4 + k), before);
      }
      blocks += call.count;
    }
    EXPECT_EQ(next, words.size());
    EXPECT_EQ(blocks, record.blocks);
  }

  void found(uint32_t, Word word, Access a) { finds_[{word, a.time}] = a.value; }

  // Now that every find is known, give the writes their values.
  void link() {
    for (const auto& [time, word, a] : reads_) found(time, word, a);
    for (const auto& [time, word, a] : writes_) found(time, word, a);
    for (const auto& [time, word, a] : reads_) at(time, word, a, a.value);
    for (const auto& [time, word, a] : writes_) at(time, word, a, next_value(word, time));
  }

  struct Touch {
    uint32_t time;
    Word word;
    Access before;
  };

  const Program& program_;
  const Region& text_;
  const Segment& segment_;
  std::multimap<uint32_t, Event> events_;
  std::set<uint32_t> ticks_;
  std::vector<Touch> reads_, writes_;
  std::map<std::pair<Word, uint32_t>, uint32_t> finds_;  // value by word and time of its writing
};

// Loads, stores, calls and a loop of `rounds`: about 40 instructions a round.
Program busy_program(uint32_t rounds) {
  Assembler text;
  text.call(63, 0, kDataBase + 128, 64).li(s0, rounds).li(s1, kDataBase).li(s2, kConstBase);
  const size_t loop = text.size();
  text(lw(t0, 128, s1))(i_type(3, 0, t1, s1, 129))(i_type(3, 5, t2, s2, 2))(add(t0, t0, t1));
  text(r_type(1, 0, t1, t0, t2))(r_type(1, 6, t2, t1, s0))(r_type(0, 4, t0, t0, t1));
  text(s_type(0, t0, s1, 133))(s_type(1, t1, s1, 138))(sw(t2, 140, s1))(auipc(t3, 1));
  text(r_type(0, 2, t4, t0, t1))(i_type(0x13, 3, t5, t0, 7))(i_type(0x13, 5, t6, t1, 3));
  text(i_type(0x13, 7, a3, t0, 255))(r_type(0, 1, a4, t0, t1))(add(zero, t0, t1))(kNop);
  text(jal(ra, 8))(kEbreak)(auipc(t3, 0))(jalr(ra, 12, t3))(kEbreak)(0x0ff0000f);
  text.call(64, 3, kDataBase + 132, 8).call(63, 0, kDataBase + 0xf00, 4);
  text(addi(s0, s0, -1));
  text(b_type(1, s0, zero, static_cast<int32_t>(loop * 4) - static_cast<int32_t>(text.size() * 4)));
  text.exit(5);
  return *load_elf(ElfFile::of(text.words(), std::vector<uint8_t>(300, 0x5a)).bytes());
}

void expect_record(const Program& program, const Segment& found, const Segment& expected) {
  EXPECT_EQ(found.initial, expected.initial);  // the dummy and the journal's position among it
  EXPECT_EQ(found.final, expected.final);
  EXPECT_EQ(found.end, expected.end);
  EXPECT_EQ(found.clk, expected.clk);
  EXPECT_EQ(found.times, expected.times);
  ASSERT_EQ(found.pages.size(), expected.pages.size());
  for (size_t p = 0; p < found.pages.size(); ++p) {
    EXPECT_EQ(found.pages[p].first_word, expected.pages[p].first_word);
    EXPECT_EQ(found.pages[p].initial, expected.pages[p].initial);
    EXPECT_EQ(found.pages[p].final, expected.pages[p].final);
    EXPECT_EQ(found.pages[p].time, expected.pages[p].time);
  }
  Replay(program, found).check();
}

// A tracer that skips to a segment records the same as the one that has recorded all before.
void check_skip(const Program& program, const Io& io, const SegmentLimits& limits, uint64_t before,
                const Segment& expected) {
  auto tracer = Tracer::of(program, io, {}, limits);
  ASSERT_TRUE(tracer->skip(before / 3));
  ASSERT_TRUE(tracer->skip(before - before / 3));
  Segment found;
  ASSERT_TRUE(*tracer->next(found));
  expect_record(program, found, expected);
}

// And so does one that starts at a checkpoint, and what it has is enough to the end.
void check_checkpoint(const Program& program, const Io& io, const SegmentLimits& limits,
                      const Tracer& at, const Segment& expected) {
  const Checkpoint checkpoint = *at.checkpoint(SIZE_MAX);
  EXPECT_EQ(at.checkpoint(checkpoint.granules.size())->memory, checkpoint.memory);
  EXPECT_TRUE(checkpoint.granules.empty() || !at.checkpoint(checkpoint.granules.size() - 1));
  const RunResult whole = *run(program, io);
  auto tracer = Tracer::of(program, io, {}, limits);
  ASSERT_TRUE(tracer->restore(checkpoint, whole.journal));
  Segment found;
  ASSERT_TRUE(*tracer->next(found));
  expect_record(program, found, expected);
  while (*tracer->next(found)) {
  }
  EXPECT_EQ(tracer->result().journal, whole.journal);
  EXPECT_EQ(tracer->result().cycles, whole.cycles);
  EXPECT_EQ(tracer->result().exit_code, whole.exit_code);
  EXPECT_EQ(tracer->result().input_bytes, whole.input_bytes);
}

// Counting cuts where recording does, and counts what it records; also where it goes on from the other.
void check_surveys(const Program& program, const Io& io, const SegmentLimits& limits,
                   std::span<const Segment> segments) {
  auto counter = Tracer::of(program, io, {}, limits), mixed = Tracer::of(program, io, {}, limits);
  Survey survey;
  Segment segment;
  for (size_t i = 0; i < segments.size(); ++i) {
    const Survey expected = survey_of(program, segments[i]);
    ASSERT_TRUE(counter->next(survey));
    EXPECT_EQ(survey, expected) << i << " of " << segments.size();
    if (i == 0 && segments.size() > 1) check_checkpoint(program, io, limits, *counter, segments[1]);
    if (i == segments.size() / 2 && i != 0)
      check_checkpoint(program, io, limits, *mixed, segments[i]);
    if (i % 2 == 0) {
      ASSERT_TRUE(mixed->next(survey));
      EXPECT_EQ(survey, expected);
    } else {
      ASSERT_TRUE(*mixed->next(segment));
      EXPECT_EQ(segment.initial, segments[i].initial);
      EXPECT_EQ(survey_of(program, segment), expected);
      Replay(program, segment).check();
    }
  }
  EXPECT_FALSE(counter->next(survey));
  EXPECT_EQ(counter->result().journal, mixed->result().journal);
  EXPECT_EQ(counter->result().cycles, mixed->result().cycles);
  EXPECT_EQ(counter->result().touched_bytes, mixed->result().touched_bytes);
}

void check_segments(const Program& program, const SegmentLimits& limits, size_t least_segments) {
  const std::vector<uint8_t> input(1000, 0xab);
  const Io io{.input = input, .console = {}};
  auto tracer = Tracer::of(program, io, {}, limits);
  ASSERT_TRUE(tracer);
  std::vector<Segment> segments;
  std::map<uint32_t, std::array<uint32_t, kGranuleWords>> memory;  // by first word, as last left
  Boundary last{.pc = program.entry, .words = {}};
  for (;;) {
    Segment segment;
    if (!*tracer->next(segment)) break;
    EXPECT_EQ(segment.initial, last) << "a segment starts where the last one ended";
    last = segment.final;
    for (const Page& page : segment.pages) {
      const auto known = memory.find(page.first_word);
      if (known != memory.end()) {
        EXPECT_EQ(known->second, page.initial);
      }
      memory[page.first_word] = page.final;
    }
    EXPECT_LT(segment.clk, limits.clk);
    size_t hash_calls = 0;
    for (const HashRecord& hash : segment.hashes) hash_calls += hash.calls.size();
    EXPECT_TRUE(segment.layer_rows <= limits.layer_rows ||
                segment.layer_calls.size() + hash_calls == 1);
    const bool fits =
        segment.cost <= limits.cost || segment.cost - limits.cost <= 3 * limits.costs.tick;
    EXPECT_TRUE(fits || segment.layer_calls.size() + hash_calls == 1)
        << segment.cost;
    Replay(program, segment).check();
    segments.push_back(std::move(segment));
  }
  EXPECT_GE(segments.size(), least_segments);
  for (size_t i = 0; i + 1 < segments.size(); ++i) EXPECT_EQ(segments[i].end, SegmentEnd::kCut);
  EXPECT_EQ(segments.back().end, SegmentEnd::kExit);
  EXPECT_EQ(last.words[kJournalPosition] * 4, tracer->result().journal.size());
  uint64_t cycles = 0;
  for (size_t i = 0; i < segments.size(); ++i) {
    if (i == 1 || i == segments.size() / 2 || i + 1 == segments.size())
      check_skip(program, io, limits, cycles, segments[i]);
    cycles += segments[i].cycles;
  }
  EXPECT_EQ(cycles, tracer->result().cycles);
  check_surveys(program, io, limits, segments);
  auto beyond = Tracer::of(program, io, {}, limits);
  const auto early = beyond->skip(cycles + 1);
  ASSERT_FALSE(early);
  EXPECT_EQ(early.error().code, ErrorCode::kEndedEarly);
}

void check_segments(uint32_t rounds, const SegmentLimits& limits, size_t least_segments) {
  check_segments(busy_program(rounds), limits, least_segments);
}

TEST(Record, ReplaysInOneSegment) { check_segments(400, {}, 1); }
TEST(Record, ReplaysWhenTimeRunsOut) { check_segments(40, {.clk = 259}, 5); }
TEST(Record, ReplaysInTheSmallestSegments) { check_segments(5, {.clk = 4}, 50); }
TEST(Record, ReplaysWhenPagesRunOut) { check_segments(10, {.pages = 1}, 5); }

// Each round touches a page more, so that a segment's pages run out between any two refreshes.
TEST(Record, ReplaysWhenManyPagesRunOut) {
  constexpr uint32_t kPages = 3000;
  Assembler text;
  text.li(s0, kPages).li(s1, kRamBase);
  text(sw(s0, 0, s1))(addi(s1, s1, kGranuleBytes))(addi(s0, s0, -1))(b_type(1, s0, zero, -12));
  ElfFile file = ElfFile::of(text.exit(0).words());
  file.segments.push_back({kRamBase, PF_R | PF_W, {}, kPages * kGranuleBytes});
  const Program program = load(file);
  check_segments(program, {}, 1);
  check_segments(program, {.pages = 255}, kPages / 320);
  check_segments(program, {.pages = 256}, kPages / 320);
  check_segments(program, {.pages = 1000}, 3);
  check_segments(program, {.clk = 1024, .pages = 250}, kPages / 320);
  check_segments(program, {.clk = 1025, .pages = 192}, kPages / 320);
}

// Straight lines that are longer than segments.
TEST(Record, ReplaysLongStraightLines) {
  Assembler text;
  text.li(s0, 5).li(s1, kDataBase);
  const size_t loop = text.size();
  for (int i = 0; i < 400; ++i) text(sw(s0, (i % 100) * 4, s1))(addi(t0, t0, 1));
  text(addi(s0, s0, -1));
  text(b_type(1, s0, zero, static_cast<int32_t>(loop * 4) - static_cast<int32_t>(text.size() * 4)));
  const Program program = *load_elf(ElfFile::of(text.exit(0).words(), {0}).bytes());
  EXPECT_GT(longest_line(decode_text(program.text())), 800u);
  for (const uint32_t clk : {4u, 300u, 801u, 1200u, 4000u})
    check_segments(program, {.clk = clk}, 2);
}

// Constants and writable words in one page, beside words that are not declared: which were accessed is known.
TEST(Record, SurveysTellConstantsFromWritableWords) {
  const auto survey = [](std::vector<uint32_t> loads) {
    Assembler text;
    for (const uint32_t address : loads) text.li(t0, address)(lw(t1, 0, t0));
    ElfFile file = ElfFile::of(text.exit(0).words());
    file.segments.push_back({kRamBase, PF_R, std::vector<uint8_t>(384, 1), 384});
    file.segments.push_back({kRamBase + 384, PF_R | PF_W, {}, 512});
    const Program program = load(file);
    check_segments(program, {}, 1);
    Survey out;
    EXPECT_TRUE(Tracer::of(program, {})->next(out));
    return out;
  };
  constexpr uint32_t kFirst = kRamBase / kGranuleBytes;
  const auto none = testing::IsEmpty();
  const auto is = [](auto... granules) { return testing::ElementsAre(granules...); };
  const Survey constants = survey({kRamBase + 4, kRamBase + 380, kRamBase + 4});
  EXPECT_THAT(constants.constant, is(kFirst, kFirst + 1));
  EXPECT_THAT(constants.writable, none);
  const Survey words = survey({kRamBase + 384, kRamBase + 892, kRamBase + 600});
  EXPECT_THAT(words.constant, none);
  EXPECT_THAT(words.writable, is(kFirst + 1, kFirst + 2, kFirst + 3));
  // Known by the region that was looked up last, after another page.
  const Survey both = survey({kRamBase + 380, kRamBase + 892, kRamBase + 384, kRamBase + 376});
  EXPECT_THAT(both.constant, is(kFirst + 1));
  EXPECT_THAT(both.writable, is(kFirst + 1, kFirst + 3));
  EXPECT_EQ(both.pages, 2u);
}

// They come from files: nothing is believed that could lead out of memory, input or journal.
TEST(Record, RestoresNoCheckpointThatIsNone) {
  const Program program = busy_program(100);
  const std::vector<uint8_t> input(1000, 0xab);
  const Io io{.input = input, .console = {}};
  auto tracer = Tracer::of(program, io, {}, {.clk = 1000});
  Survey survey;
  ASSERT_TRUE(tracer->next(survey));
  const Checkpoint good = *tracer->checkpoint(SIZE_MAX);
  const std::vector<uint8_t> journal = tracer->result().journal;
  ASSERT_GT(good.granules.size(), 0u);
  ASSERT_GT(good.system.journal_bytes, 0u);
  ASSERT_GT(good.system.input_bytes, 0u);
  const auto restored = [&](auto change) {
    Checkpoint other = good;
    change(other);
    return Tracer::of(program, io)->restore(other, journal);
  };
  EXPECT_TRUE(restored([](Checkpoint&) {}));
  EXPECT_FALSE(restored([](Checkpoint& c) { c.granules.back() = UINT32_MAX; }));
  EXPECT_FALSE(restored([](Checkpoint& c) { c.system.input_bytes = 1004; }));
  EXPECT_FALSE(restored([](Checkpoint& c) { c.system.input_bytes -= 2; }));
  EXPECT_FALSE(restored([](Checkpoint& c) { c.system.journal_bytes += 4; }));
  EXPECT_FALSE(restored([](Checkpoint& c) { c.system.console_bytes = UINT64_MAX; }));
  EXPECT_FALSE(restored([](Checkpoint& c) { c.cycles = UINT64_MAX; }));
  EXPECT_FALSE(restored([](Checkpoint& c) { c.pc += 2; }));
  EXPECT_FALSE(restored([](Checkpoint& c) { c.pc = kDataBase; }));
  EXPECT_FALSE(restored([](Checkpoint& c) { c.x[0] = 1; }));
  EXPECT_FALSE(restored([](Checkpoint& c) { c.granules.front() = c.granules.back(); }));
  const auto add = [](Checkpoint& c, uint32_t address, uint8_t byte) {
    auto bytes = Memory::initial(busy_program(100), address >> kLogGranuleBytes);
    bytes[address % kGranuleBytes] ^= byte;
    c.granules = {address >> kLogGranuleBytes};
    c.memory.assign(bytes.begin(), bytes.end());
  };
  EXPECT_TRUE(restored([&](Checkpoint& c) { add(c, kDataBase, 1); }));
  EXPECT_TRUE(restored([&](Checkpoint& c) { add(c, kConstBase, 0); }));
  EXPECT_FALSE(restored([&](Checkpoint& c) { add(c, kConstBase, 1); }));
  EXPECT_FALSE(restored([&](Checkpoint& c) { add(c, kConstBase + 255, 1); }));
  EXPECT_FALSE(restored([&](Checkpoint& c) { add(c, kDataBase - 1, 1); }));  // not declared
}

TEST(FastRun, KnowsTheLongestLine) {
  const auto line = [](std::vector<uint32_t> words) {
    const Program program = *load_elf(ElfFile::of(std::move(words)).bytes());
    return longest_line(decode_text(program.text()));
  };
  EXPECT_EQ(line({kEcall}), 0u);
  EXPECT_EQ(line({kNop}), 1u);  // what lies behind cannot be executed
  EXPECT_EQ(line({kNop, kNop, jal(zero, 8), kNop, kEcall, kNop}), 3u);
  EXPECT_EQ(line({kNop, b_type(1, s0, zero, 8), kNop, kNop, kEbreak}),
            4u);  // a branch may not jump
  EXPECT_EQ(line({kEcall, kNop, kNop, jalr(ra, 0, t0), kNop}), 3u);
}

// A refresh may follow a system call: every offset of calls to 256 is met.
TEST(Record, RefreshesAfterSystemCalls) {
  for (int padding = 0; padding < 6; ++padding) {
    Assembler text;
    for (int i = 0; i < padding; ++i) text(kNop);
    text.li(a7, 64).li(a1, kDataBase).li(a2, 4).li(s0, 3000);
    text(addi(a0, zero, 3))(kEcall)(addi(s0, s0, -1))(b_type(1, s0, zero, -12)).exit(0);
    const Program program = *load_elf(ElfFile::of(text.words()).bytes());
    auto tracer = Tracer::of(program, {});
    Segment segment;
    ASSERT_TRUE(*tracer->next(segment));
    Replay(program, segment).check();
    EXPECT_EQ(segment.end, SegmentEnd::kExit);
  }
}

// A system call that comes as late as it can must not push clk to its limit.
TEST(Record, KeepsClkBelowItsLimit) {
  for (uint32_t clk = 4; clk < 40; ++clk) check_segments(2, {.clk = clk}, 2);
}

// Calls of random layers, whose operands overlap, and loads and stores between.
Program layers_program(uint64_t seed, std::vector<uint64_t>& rows) {
  constexpr uint32_t kRam = 4096;
  LayerGenerator generator(seed);
  std::vector<Layer> layers;
  std::vector<uint8_t> ram(kRam);
  for (uint8_t& byte : ram) byte = static_cast<uint8_t>(generator.below(256));
  Assembler text;
  while (layers.size() < 6) {
    Layer layer = generator.layer();
    if (layer.kind == Layer::Kind::kLinear && generator.one_in(2))
      layer = generator.weights_in_memory(std::move(layer));
    if (layer.complaint()) continue;
    const auto within = [&](uint64_t extent) {
      return kRamBase + 4 * generator.below((kRam - static_cast<uint32_t>(extent)) / 4 + 1);
    };
    const auto id = static_cast<uint32_t>(layers.size());
    const uint32_t in = within(layer.in_extent());
    uint32_t biased = 0;  // weights with biases, which nobody overwrites
    if (layer.bias_words() != 0) {
      biased = kRamBase + static_cast<uint32_t>(ram.size());
      ram.resize(ram.size() + layer.w_extent());
      generator.set_biases(layer, &ram[biased - kRamBase]);
    }
    const auto extent = static_cast<uint32_t>(has_second_input(layer) ? second_extent(layer) : 4);
    const auto call = [&] {
      const uint32_t out = within(layer.out_extent());
      if (has_second_input(layer))
        text.call(call_number(layer), id, in,
                  biased != 0           ? biased
                  : generator.one_in(2) ? std::min(in, kRamBase + kRam - extent)
                                        : within(extent),
                  out);
      else
        text.call(zk::abi::kSysLayer, id, in, out);
    };
    call();
    text.li(t0, in)(lw(t1, 0, t0))(sw(t0, 0, t0));
    if (generator.one_in(2)) call();
    layers.push_back(std::move(layer));
    rows.push_back(layers.back().table_rows());
  }
  ElfFile file = ElfFile::of(text.call(64, 3, kRamBase, 256).exit(0).words());
  file.segments.push_back({kRamBase, PF_R | PF_W, ram, static_cast<uint32_t>(ram.size())});
  file.sections = {{std::string(kLayerSection), write_layers(layers)}};
  return load(file);
}

TEST(Record, ReplaysCallsOfLayers) {
  for (uint64_t seed = 0; seed < 40; ++seed) {
    std::vector<uint64_t> rows;
    const Program program = layers_program(seed, rows);
    check_segments(program, {}, 1);
    check_segments(program, {.clk = 11}, 2);
    check_segments(program, {.clk = 6}, 10);
    check_segments(program, {.layer_rows = 1}, 6);  // each call has a segment
    check_segments(program, {.layer_rows = static_cast<uint32_t>(rows[0] + rows[1])}, 2);
    // Ticks are a small part of what calls cost; a group is paid for once in a segment.
    const size_t layers = program.layers.size();
    CallCosts costs{.call = std::vector<uint64_t>(layers, 1000),
                    .group = std::vector<uint32_t>(layers, 0),
                    .once = {5000},
                    .tick = 2};
    check_segments(program, {.cost = 20000, .costs = costs}, 1);
    check_segments(program, {.cost = 7500, .costs = costs}, layers / 2);
    check_segments(program, {.cost = 6500, .costs = costs}, layers);
    check_segments(program, {.cost = 900, .costs = costs}, layers);  // none fits
    check_segments(program, {.cost = 20, .costs = {.tick = 2}}, 10);
    for (size_t i = 0; i < layers; ++i) costs.group[i] = static_cast<uint32_t>(i);
    costs.once.assign(layers, 5000);
    check_segments(program, {.cost = 13000, .costs = costs}, layers / 2);
  }
}

// Calls of hashes whose operands overlap, and loads and stores between.
TEST(Record, ReplaysCallsOfHashes) {
  std::vector<uint8_t> ram(1024);
  for (size_t i = 0; i < ram.size(); ++i) ram[i] = static_cast<uint8_t>(i * i >> 3);
  Assembler text;
  const HashCall calls[] = {
      {kRamBase, kRamBase + 64, 3, 7, 0x40010203},
      {kRamBase + 80, kRamBase + 64, 2, 0, 0x11223344},  // overlaps its blocks
      {kRamBase + 80, kRamBase + 64, 1, 0, 0x05000000},
      {kRamBase, kHashedConstants, 4, 1, 0xffffffff},
      {.cv = kRamBase + 80, .blocks = kRamBase + 64, .count = 3, .hash = Hash::kSha256},
      {.cv = kRamBase, .blocks = kHashedConstants, .count = 2, .hash = Hash::kSha256}};
  for (const HashCall& call : calls) {
    call_hash(text, call);
    text.li(t0, call.cv)(lw(t1, 0, t0))(sw(t0, 0, t0));
  }
  ElfFile file = ElfFile::of(text.call(64, 3, kRamBase, 256).exit(0).words());
  file.segments.push_back({kRamBase, PF_R | PF_W, ram, 1024});
  file.segments.push_back({kHashedConstants, PF_R, ram, 1024});
  const Program program = load(file);
  check_segments(program, {}, 1);
  check_segments(program, {.clk = 11}, 2);
  check_segments(program, {.clk = 6}, 10);
  check_segments(program, {.hash_blocks = 1}, 4);  // each call has a segment
  check_segments(program, {.hash_blocks = 5}, 2);
  const CallCosts costs{.tick = 2, .hash_call = {1000, 1000}, .hash_block = {500, 500}};
  check_segments(program, {.cost = 20000, .costs = costs}, 1);
  check_segments(program, {.cost = 5000, .costs = costs}, 2);
  check_segments(program, {.cost = 900, .costs = costs}, 4);  // none fits
}

// What the first word finds is from before the call; the second operand finds what the first read.
TEST(Record, ReadsComeBeforeWritesInACall) {
  Layer layer;
  layer.kind = Layer::Kind::kMaxPool;
  layer.positions = 2;
  layer.emits = {{0, 0}, {1, 4}};
  const CallOfLayer call{0, kRamBase + 4, kRamBase};
  const Program program =
      load(layer_file({layer}, {call, call}, {1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0}));
  auto tracer = Tracer::of(program, {});
  Segment segment;
  ASSERT_TRUE(*tracer->next(segment));
  const auto rows = segment.layer_calls.rows<LayerRow>();
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[0].clk, 9u);
  EXPECT_EQ(rows[1].clk, 18u);
  EXPECT_EQ(rows[1].word, 4u);
  const auto words = segment.layer_words.rows<Access>();
  EXPECT_THAT(words,
              testing::ElementsAre(Access{2, 0}, Access{3, 0}, Access{1, 0}, Access{2, 36},
                                   Access{3, 38}, Access{3, 36}, Access{2, 38}, Access{3, 72}));
  EXPECT_EQ(tracer->result().journal, (std::vector<uint8_t>{3, 0, 0, 0, 3, 0, 0, 0, 3, 0, 0, 0}));
}

TEST(Record, RefreshesAfterCallsOfLayers) {
  Layer layer;
  layer.kind = Layer::Kind::kMaxPool;
  for (int padding = 0; padding < 4; ++padding) {
    Assembler text;
    for (int i = 0; i < padding; ++i) text(kNop);
    text.li(a7, zk::abi::kSysLayer).li(a1, kRamBase).li(a2, kRamBase + 4).li(s0, 3000);
    text(kEcall)(addi(s0, s0, -1))(addi(a1, a2, 0))(b_type(1, s0, zero, -12)).exit(0);
    ElfFile file = layer_file({layer}, {}, {1, 2, 3, 4, 5, 6, 7, 8});
    file.segments[0] = ElfFile::of(text.words()).segments[0];
    const Program program = load(file);
    check_segments(program, {}, 1);
    EXPECT_EQ(run(program, {})->layer_calls[0], 3000u);
  }
}

TEST(Record, ReservesNothingForLayersThatAProgramHasNot) {
  const Program program = busy_program(1);
  auto tracer = Tracer::of(program, {});
  Segment segment;
  ASSERT_TRUE(*tracer->next(segment));
  EXPECT_FALSE(segment.layer_calls || segment.layer_words);
  EXPECT_TRUE(segment.layer_words.rows<Access>().empty());
}

TEST(Record, EndsInATrap) {
  const Program program = *load_elf(ElfFile::of({kNop, kNop, kEbreak}).bytes());
  auto tracer = Tracer::of(program, {});
  Segment segment;
  ASSERT_TRUE(*tracer->next(segment));
  EXPECT_EQ(segment.end, SegmentEnd::kTrap);
  EXPECT_EQ(tracer->result().trap->kind, TrapKind::kBreakpoint);
  EXPECT_EQ(segment.cycles, 2u);
  EXPECT_FALSE(*tracer->next(segment));
}

TEST(Record, HasTheDocumentedSizes) {
  EXPECT_EQ(sizeof(RegisterRow), 32u);
  EXPECT_EQ(sizeof(ImmediateRow), 24u);
  EXPECT_EQ(sizeof(BranchRow), 24u);
  EXPECT_EQ(sizeof(LoadRow), 32u);
  EXPECT_EQ(sizeof(StoreRow), 32u);
  EXPECT_EQ(sizeof(SystemRow), 60u);
  EXPECT_EQ(sizeof(TransferRow), 20u);
  EXPECT_EQ(sizeof(LayerRow), 56u);
  EXPECT_EQ(sizeof(HashRow), 68u);
  EXPECT_EQ(sizeof(RefreshRow), 8u);
  EXPECT_EQ(sizeof(Page), 772u);
}

}  // namespace
}  // namespace zkvm::vm::test
