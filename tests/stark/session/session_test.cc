// Whole executions, proven, and verified from what a receipt holds.
#include "stark/session/session.h"

#include <gtest/gtest.h>
#include <tbb/global_control.h>

#include <array>
#include <cstdlib>
#include <map>

#include "tests/isa/streams.h"
#include "tests/stark/session/proving.h"

namespace zkvm::stark::machine {
namespace {

using namespace vm::test;

constexpr Randomness::Seed kSeed = {7, 8, 9};

std::vector<uint32_t> additions() {
  return Assembler()
      .li(a0, 5)
      .li(a1, 0xfffffffe)(add(a2, a0, a1))(r_type(0x20, 0, a3, a0, a1))
      .exit(7)
      .words();
}

TEST(Session, ProvesAFewAdditions) {
  Guest guest = Guest::of(additions());
  const Proven proven = prove_execution(guest, {}, {.params = quick_params()});
  EXPECT_EQ(proven.execution.exit_code, 7u);
  EXPECT_EQ(proven.stats.cycles, proven.execution.cycles);
}

TEST(Session, ProvesWithoutZeroKnowledge) {
  Guest guest = Guest::of(additions());
  prove_execution(guest, {}, {.params = quick_params(false)});
}

TEST(Session, ProvesWithFullSecurity) {
  Guest guest = Guest::of(additions());
  const Proven proven = prove_execution(guest, {}, {});
  EXPECT_GE(proven.params.queries, 261);
}

TEST(Session, ReturnsTheTrap) {
  Guest guest = Guest::of(Assembler()(lw(a0, 0, zero)).words());
  const auto session = Session::plan(guest.program, *guest.image, {}, {});
  ASSERT_TRUE(session);
  ASSERT_TRUE(session->execution().trap);
  EXPECT_EQ(session->execution().trap->pc, kTextBase);
}

// Every instruction of RV32IM on pairs of values at the corners.
TEST(Session, ProvesEveryInstruction) {
  constexpr uint32_t kCorners[] = {0,          1,          0xffffffff, 0x7fffffff,
                                   0x80000000, 0x0000ffff, 0x00010000, 31};
  Assembler text;
  text.li(s11, kDataBase);
  for (const uint32_t x : kCorners)
    for (const uint32_t y : kCorners) {
      text.li(s2, x).li(s3, y);
      for (uint32_t funct3 = 0; funct3 < 8; ++funct3) {
        text(r_type(0, funct3, t0, s2, s3))(r_type(1, funct3, t1, s2, s3));
        const auto imm = static_cast<int32_t>(y << 20) >> 20;
        text(funct3 == 1 || funct3 == 5 ? i_type(0x13, funct3, t2, s2, imm & 31)
                                        : i_type(0x13, funct3, t2, s2, imm));
      }
      text(r_type(0x20, 0, t3, s2, s3))(r_type(0x20, 5, t4, s2, s3));
      text(i_type(0x13, 5, t5, s2, static_cast<int32_t>(0x400 | (y & 31))));
      for (const uint32_t funct3 : {0u, 1u, 4u, 5u, 6u, 7u})
        text(b_type(funct3, s2, s3, 8))(addi(t6, t6, 1));
      text(sw(s2, 0, s11))(s_type(0, s3, s11, 1))(s_type(1, s3, s11, 2));
      for (const uint32_t funct3 : {0u, 1u, 4u, 5u}) text(i_type(3, funct3, t0, s11, 2));
      text(lw(t0, 0, s11))(i_type(3, 0, t1, s11, 3))(i_type(3, 4, t1, s11, 1));
      text(lui(t0, x >> 12))(auipc(t0, y >> 12))(jal(ra, 8))(kEbreak)(0x0ff0000f);
      text(auipc(t0, 0))(jalr(ra, 13, t0))(kEbreak);  // to the instruction after, bit 0 clears
    }
  text.exit(0);
  Guest guest = Guest::of(text.words());
  prove_execution(guest, {}, {.params = quick_params()});
}

TEST(Session, ProvesRandomInstructions) {
  const char* asked = std::getenv("ZKVM_STREAMS");  // more on demand
  const uint64_t count = asked == nullptr ? 40 : std::strtoull(asked, nullptr, 10);
  for (uint64_t seed = 0; seed < count && !HasFailure(); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Guest guest = Guest::of(StreamGenerator(seed).program(2, 100));
    prove_execution(guest, {}, {.params = quick_params(seed % 4 != 0)});
  }
}

TEST(Session, ProvesRandomInstructionsInManySegments) {
  for (uint64_t seed = 1000; seed < 1005 && !HasFailure(); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Guest guest = Guest::of(StreamGenerator(seed).program(2, 60));
    const Proven proven =
        prove_execution(guest, {}, {.segment_cycles = 100, .params = quick_params()});
    EXPECT_GT(proven.segments.size(), 2u);
  }
}

// A megabyte of memory at 0x100000 in 16 banks; in each phase the program spins for `spin` cycles
// and then touches word 0 of a bank.
constexpr uint32_t kMegabyte = 0x100000, kBankBytes = 1u << 16;

Guest touching(const std::vector<uint32_t>& banks, uint32_t spin) {
  Assembler text;
  for (const uint32_t bank : banks) {
    text.li(t2, spin / 2)(addi(t2, t2, -1))(b_type(1, t2, zero, -4));
    text.li(t0, kMegabyte + bank * kBankBytes)(lw(t1, 0, t0))(addi(t1, t1, 3))(sw(t1, 0, t0));
  }
  text.li(t0, kMegabyte + banks[0] * kBankBytes);
  text.call(64, 3, kMegabyte + banks[0] * kBankBytes, 4).exit(0);
  ElfFile file = ElfFile::of(text.words());
  file.segments[1] = {kMegabyte, PF_R | PF_W, {40, 0, 0, 0}, 0x100000};
  return Guest::of(file.bytes());
}

/// Per bank of RAM the segments that use it, as "image", "kept" letters: 3:ik means segment 3 takes
/// the bank from the image and keeps it.
std::map<uint16_t, std::string> uses_of(const Proven& proven) {
  std::map<uint16_t, std::string> out;
  for (size_t i = 0; i < proven.segments.size(); ++i)
    for (const BankUse& use : proven.segments[i].uses) {
      if (use.constant) continue;
      out[use.bank] +=
          std::to_string(i) + ":" + (use.before ? "" : "i") + (use.after ? "k" : "") + " ";
    }
  return out;
}

TEST(Session, HandsBanksOver) {
  // Bank 1 at the start and much later, 2 in the middle only, 4 in two neighbours.
  Guest guest = touching({0, 1, 3, 3, 0}, 280);
  const Proven proven =
      prove_execution(guest, {}, {.segment_cycles = 310, .params = quick_params()});
  ASSERT_EQ(proven.execution.journal, (std::vector<uint8_t>{46, 0, 0, 0}));
  const auto uses = uses_of(proven);
  EXPECT_EQ(proven.segments.size(), 5u);
  EXPECT_EQ(uses.at(0), "0:ik 1:k 2:k 3:k 4: ");
  EXPECT_EQ(uses.at(1), "0:ik 4: ");
  EXPECT_EQ(uses.at(2), "1:i ");
  EXPECT_EQ(uses.at(4), "2:ik 3: ");
  EXPECT_EQ(uses.size(), 4u);
  const auto roots = [&](size_t i) { return proven.segments[i].roots; };
  EXPECT_EQ(roots(0).after.at(4), roots(4).before.at(0));  // bank 1, past three segments
  EXPECT_EQ(roots(0).after.size(), 2u);
  EXPECT_EQ(roots(2).after.at(3),
            roots(3).before.at(2));  // the machine's words and bank 4 together
  EXPECT_EQ(roots(2).after.size(), 1u);
}

TEST(Session, SegmentsTogetherHaveTheSecurityAskedFor) {
  Guest guest = touching({0, 1, 0}, 280);
  const Proven proven = prove_execution(guest, {}, {.segment_cycles = 310, .security_bits = 100});
  EXPECT_GE(proven.segments.size(), 3u);
}

TEST(Session, SameSeedSameProofs) {
  Guest guest = touching({0, 1, 0}, 80);
  SessionOptions options{.segment_cycles = 110, .params = quick_params(), .seed = kSeed};
  const Proven first = prove_execution(guest, {}, options);
  ASSERT_GE(first.segments.size(), 3u);
  for (const int threads : {1, 2}) {
    const tbb::global_control control(tbb::global_control::max_allowed_parallelism, threads);
    const Proven again = prove_execution(guest, {}, options);
    ASSERT_EQ(again.segments.size(), first.segments.size());
    for (size_t i = 0; i < first.segments.size(); ++i)
      EXPECT_EQ(again.segments[i].proof, first.segments[i].proof) << "segment " << i;
  }
  options.seed.reset();
  const Proven other = prove_execution(guest, {}, options);
  EXPECT_NE(other.segments[0].proof, first.segments[0].proof);
  EXPECT_NE(other.segments[0].roots, first.segments[0].roots);
}

TEST(Session, OneSeedTwoInputsShareNoMask) {
  Guest guest = Guest::of(Assembler().call(63, 0, kDataBase, 4).exit(0).words());
  const std::vector<uint8_t> input[] = {{1, 0, 0, 0}, {2, 0, 0, 0}};
  const SessionOptions options{.segment_cycles = 12, .params = quick_params(), .seed = kSeed};
  const Proven a = prove_execution(guest, {.input = input[0], .console = {}}, options);
  const Proven b = prove_execution(guest, {.input = input[1], .console = {}}, options);
  // The machine words after the first segment are the same; with one mask so would be the tree.
  ASSERT_GE(a.segments.size(), 2u);
  EXPECT_NE(a.segments[0].roots.after.at(1), b.segments[0].roots.after.at(1));
}

TEST(Session, Resumes) {
  Guest guest = touching({0, 1, 3, 0}, 280);
  SessionOptions options{.segment_cycles = 310, .params = quick_params(), .seed = kSeed};
  const Proven whole = prove_execution(guest, {}, options);
  ASSERT_EQ(whole.segments.size(), 4u);
  for (size_t done = 1; done <= 4; ++done) {
    std::vector<SegmentProof> known(whole.segments.begin(),
                                    whole.segments.begin() + static_cast<ptrdiff_t>(done));
    const Proven resumed = prove_execution(guest, {}, options, known);
    ASSERT_EQ(resumed.segments.size(), 4u);
    for (size_t i = 0; i < 4; ++i)
      EXPECT_EQ(resumed.segments[i].proof, whole.segments[i].proof) << done << ", segment " << i;
  }
}

// Bank 1 is left by the first segment for the last, bank 3 by the third for the fourth.
Guest handing_over() { return touching({0, 1, 3, 3, 0}, 280); }
const SessionOptions kHandingOver{
    .segment_cycles = 310, .params = quick_params(), .seed = kSeed};

Session planned(Guest& guest, const SessionOptions& options, const vm::Io& io = {}) {
  auto session = Session::plan(guest.program, *guest.image, io, options);
  EXPECT_TRUE(session) << message_of(session);
  return *std::move(session);
}

/// Another process: the program is loaded again, and only the plan's bytes are known.
Result<SegmentProof> prove_elsewhere(const Guest& guest, std::span<const uint8_t> plan,
                                     size_t index, const SessionOptions& options,
                                     const vm::Io& io = {}) {
  Guest own{guest.program};
  auto session = Session::of_plan(own.program, *own.image, io, plan, {.seed = options.seed});
  if (!session) return propagate(session);
  SegmentProof out;
  const auto take = [&](size_t, SegmentProof proof) {
    out = std::move(proof);
    return true;
  };
  if (auto ok = session->prove(take, index, index + 1); !ok) return propagate(ok);
  const auto roots = session->roots(index);
  EXPECT_TRUE(roots) << message_of(roots);
  EXPECT_EQ(*roots, out.roots);
  return out;
}

// With no checkpoint, some, and all.
TEST(Session, ProvesEachSegmentElsewhere) {
  Guest guest = handing_over();
  size_t last = 0;
  for (const uint64_t bytes : {0, 1000, 1 << 20}) {
    SCOPED_TRACE(bytes);
    SessionOptions options = kHandingOver;
    options.checkpoint_bytes = bytes;
    const Proven whole = prove_execution(guest, {}, options);
    ASSERT_EQ(whole.segments.size(), 5u);
    const Session session = planned(guest, options);
    EXPECT_GT(session.plan_bytes().size(), last);
    if (last != 0) EXPECT_LE(session.plan_bytes().size(), last + bytes);
    last = session.plan_bytes().size();
    for (size_t i = 5; i-- > 0;) {
      const auto proof = prove_elsewhere(guest, session.plan_bytes(), i, options);
      ASSERT_TRUE(proof) << message_of(proof);
      EXPECT_EQ(proof->proof, whole.segments[i].proof) << i;
      EXPECT_EQ(proof->roots, whole.segments[i].roots) << i;
      EXPECT_EQ(proof->uses, whole.segments[i].uses) << i;
      EXPECT_EQ(proof->journal_end, whole.segments[i].journal_end) << i;
    }
  }
}

TEST(Session, ProvesEachSegmentOfRandomInstructionsElsewhere) {
  for (uint64_t seed = 1000; seed < 1004 && !HasFailure(); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Guest guest = Guest::of(StreamGenerator(seed).program(2, 60));
    const SessionOptions options{
        .segment_cycles = 100, .params = quick_params(seed % 2 == 0), .seed = kSeed};
    const Proven whole = prove_execution(guest, {}, options);
    const Session session = planned(guest, options);
    for (size_t i = 0; i < whole.segments.size(); ++i) {
      const auto proof = prove_elsewhere(guest, session.plan_bytes(), i, options);
      ASSERT_TRUE(proof) << message_of(proof);
      EXPECT_EQ(proof->proof, whole.segments[i].proof) << i;
    }
  }
}

// ZERO-KNOWLEDGE: with one secret, whatever differs between two plans, no tree and no proof is masked alike.
TEST(Session, PlansThatDifferShareNoMask) {
  Guest guest = handing_over();
  const SegmentProof first = prove_execution(guest, {}, kHandingOver).segments[0];
  const auto masks_differ = [&](const SessionOptions& options, const vm::Io& io = {}) {
    const SegmentProof other = prove_execution(guest, io, options).segments[0];
    return other.roots.after.begin()->second != first.roots.after.begin()->second &&
           other.proof != first.proof;
  };
  EXPECT_FALSE(masks_differ(kHandingOver));
  SessionOptions options = kHandingOver;
  options.seed = Randomness::Seed{1};
  EXPECT_TRUE(masks_differ(options)) << "secret";
  const std::vector<uint8_t> unread = {1};
  EXPECT_TRUE(masks_differ(kHandingOver, {.input = unread, .console = {}})) << "input";
  options = kHandingOver;
  options.segment_cycles = 311;  // the first segment is another: only the tree says something
  EXPECT_TRUE(masks_differ(options)) << "cuts";
  options = kHandingOver;
  ++options.params->queries;
  EXPECT_TRUE(masks_differ(options)) << "parameters";
}

// Untrusted bytes, each of them changed: an error, or another seed.
TEST(Session, EveryByteOfAPlanCounts) {
  Guest guest = touching({0, 1}, 280);
  SessionOptions options = kHandingOver;
  options.checkpoint_bytes = 1 << 20;
  const Session session = planned(guest, options);
  const std::vector<uint8_t> plan(session.plan_bytes().begin(), session.plan_bytes().end());
  const auto of_plan = [&](std::span<const uint8_t> bytes) {
    return Session::of_plan(guest.program, *guest.image, {}, bytes, {.seed = kSeed});
  };
  const auto roots_of = [](Result<Session>& of) -> Result<SharedRoots> {
    return of ? of->roots(1) : propagate(of);
  };
  auto same = of_plan(plan);
  const auto expected = roots_of(same);
  ASSERT_TRUE(expected) << message_of(expected);
  size_t read = 0;
  for (size_t at = 0; at < plan.size(); ++at) {
    std::vector<uint8_t> changed = plan;
    changed[at] ^= 1u << (at % 8);
    auto other = of_plan(changed);
    const auto found = roots_of(other);
    if (found) EXPECT_NE(*found, *expected) << "byte " << at;
    read += found ? 1 : 0;
    EXPECT_FALSE(of_plan(std::span(plan).first(at))) << at;
  }
  EXPECT_GT(read,
            8u);  // cells, memory, limits that cut nothing, checkpoints: read, and of another seed
  const size_t without = planned(guest, kHandingOver).plan_bytes().size();
  EXPECT_LT(read, without / 2 + plan.size() - without);
  std::vector<uint8_t> longer = plan;
  longer.push_back(0);
  EXPECT_FALSE(of_plan(longer));
}

TEST(Session, ProvesNoSegmentOfAnotherExecution) {
  Guest guest = handing_over();
  const Session session = planned(guest, kHandingOver);
  const Guest another = touching({0, 1, 2, 2, 0}, 280);
  for (const size_t i : {2, 3}) {  // which touch other banks
    const auto proof = prove_elsewhere(another, session.plan_bytes(), i, kHandingOver);
    ASSERT_FALSE(proof) << i;
    EXPECT_EQ(proof.error().code, ErrorCode::kStatement);
  }
  const Guest shorter = touching({0}, 280);
  const auto proof = prove_elsewhere(shorter, session.plan_bytes(), 4, kHandingOver);
  ASSERT_FALSE(proof);
  EXPECT_NE(proof.error().message.find("another execution"), std::string::npos);
}

TEST(Session, CanBeCancelled) {
  Guest guest = touching({0, 1, 0}, 280);
  SessionOptions options{.segment_cycles = 310, .params = quick_params()};
  size_t calls = 0, stop_at = 1000;
  options.progress = [&](const SessionProgress& progress) {
    EXPECT_LE(progress.segment, progress.segments);
    return ++calls < stop_at;
  };
  const auto run = [&]() -> Result<void> {
    calls = 0;
    auto session = Session::plan(guest.program, *guest.image, {}, options);
    if (!session) return tl::unexpected<Error>(session.error());
    return session->prove([](size_t, SegmentProof) { return true; });
  };
  ASSERT_TRUE(run());
  const size_t all = calls;
  EXPECT_GT(all, 20u);
  for (stop_at = 1; stop_at <= all; stop_at += 5) {
    const auto stopped = run();
    ASSERT_FALSE(stopped);
    EXPECT_EQ(stopped.error().code, ErrorCode::kCancelled);
  }
}

TEST(Session, NothingElseVerifies) {
  Guest guest = touching({0, 1, 0}, 280);
  const Proven proven =
      prove_execution(guest, {}, {.segment_cycles = 310, .params = quick_params()});
  const auto verified = [&](std::vector<SegmentProof> segments, std::vector<uint8_t> journal,
                            uint32_t exit_code) {
    return verify_execution(guest.image->image(), journal, exit_code, segments, 0, 0);
  };
  const auto& segments = proven.segments;
  const auto& journal = proven.execution.journal;
  ASSERT_EQ(verified(segments, journal, 0), "");
  EXPECT_NE(verified(segments, journal, 1), "");
  auto other = journal;
  other[0] ^= 1;
  EXPECT_NE(verified(segments, other, 0), "");
  auto fewer = segments;
  fewer.pop_back();
  EXPECT_NE(verified(fewer, {}, 0), "");
  auto without_tree = segments;
  without_tree[0].roots.after.begin()->second[0] ^= 1;
  EXPECT_NE(verified(without_tree, journal, 0), "");
  const Guest another = touching({0, 2, 0}, 280);
  EXPECT_NE(verify_execution(another.image->image(), journal, 0, segments, 0, 0), "");
}

#ifdef ZKVM_GUESTS
// Commits the sum of a word of a bank in the slot `image`, one of a bank in a volume and one of a
// blank bank. `words`: the first two.
std::vector<uint8_t> sum_of_banks(std::array<uint8_t, 2> words) {
  constexpr uint32_t kBank = 4 * kBankWords, kWholes = 0x100000, kLast = kWholes + 12 * kBank;
  constexpr uint32_t kBlank = 0x200000;
  Assembler text;
  for (const uint32_t address : {kWholes, kLast, kBlank})
    text.li(t0, address)(lw(t1, 0, t0))(add(t2, t2, t1));
  text.li(t0, kDataBase)(sw(t2, 0, t0)).call(64, 3, kDataBase, 4);
  ElfFile file = ElfFile::of(text.exit(0).words());
  std::vector<uint8_t> bytes(13 * kBank);
  for (uint32_t bank = 0; bank < 13; ++bank) bytes[bank * kBank] = 1;  // or it would be blank
  bytes[0] = words[0];
  bytes[kLast - kWholes] = words[1];
  file.segments.push_back({kWholes, PF_R | PF_W, std::move(bytes), 13 * kBank});
  file.segments.push_back({kBlank, PF_R | PF_W, {}, kBank});
  return file.bytes();
}

TEST(Session, WordsOfEveryTreeAreTheImages) {
  Guest guest = Guest::of(sum_of_banks({5, 9}));
  const Image& image = guest.image->image();
  ASSERT_EQ(image.volumes.size(), 1u);
  const auto proven_of = [&](std::array<uint8_t, 2> words, uint8_t log_blowup) {
    Guest made = Guest::of(sum_of_banks(words));
    SessionOptions options{.params = quick_params()};
    options.params->log_blowup = log_blowup;
    return prove_execution(made, {}, options);
  };
  const auto verdict = [&](const Proven& proven) {
    return verify_execution(image, proven.execution.journal, 0, proven.segments, 0, 0);
  };
  for (const uint8_t log_blowup : {uint8_t{1}, uint8_t{2}, uint8_t{3}}) {
    SCOPED_TRACE(log_blowup);
    const Proven honest = proven_of({5, 9}, log_blowup);
    EXPECT_EQ(honest.execution.journal, (std::vector<uint8_t>{14, 0, 0, 0}));
    EXPECT_EQ(verdict(honest), "");
    // Programs that differ in one word of one tree: their proofs are none of this program.
    EXPECT_NE(verdict(proven_of({6, 9}, log_blowup)), "");
    EXPECT_NE(verdict(proven_of({5, 8}, log_blowup)), "");
  }
}

TEST(Session, ProvesHello) {
  Guest guest = Guest::of(read_file(ZKVM_GUESTS "/hello.elf"));
  const std::vector<uint8_t> input(32, 3);
  prove_execution(guest, {.input = input, .console = {}}, {.params = quick_params()});
}

TEST(Session, ProvesAnInference) {
  Guest guest = Guest::of(read_file(ZKVM_GUESTS "/mnist_mlp_plain.elf"));
  std::vector<uint8_t> digit = read_file(ZKVM_DIGITS);
  digit.resize(28 * 28);
  const Proven proven = prove_execution(guest, {.input = digit, .console = {}}, {});
  EXPECT_EQ(proven.segments.size(), 1u);
  EXPECT_EQ(proven.execution.journal.size(), 16u);
}
#endif

}  // namespace
}  // namespace zkvm::stark::machine
