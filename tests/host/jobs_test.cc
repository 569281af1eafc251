// Proofs in parts: zkvm::plan, zkvm::Job, the commands of the same, and `zkvm prove --jobs`.
#include "host/zkvm_jobs.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstring>
#include <nlohmann/json.hpp>
#include <random>

#include "host/job_file.h"
#include "stark/hash/blake3.h"
#include "tests/host/command.h"

namespace zkvm::test {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using Json = nlohmann::json;
using Bytes = std::vector<uint8_t>;

constexpr double kQuick = 20;  // few queries: what is tested here doesn't depend on them

Bytes bytes(const std::string& text) { return {text.begin(), text.end()}; }
Bytes guest() { return bytes(read_text(kGuest)); }

// Some segments, each of which shares memory with others.
Bytes input() { return bytes(words({4, 18})); }

const ProveOptions kOptions{.security_bits = kQuick, .segment_cycles = 1 << 14};

Bytes new_job() {
  const Result<Planned> planned = plan(guest(), input(), kOptions);
  EXPECT_TRUE(planned) << planned.error().message;
  return planned ? planned->job : Bytes{};
}

Job opened(std::span<const uint8_t> bytes) {
  Result<Job> job = Job::open(bytes);
  EXPECT_TRUE(job) << job.error().message;
  return std::move(*job);
}

Bytes proven(Job& job, uint32_t segment, uint32_t threads = 0) {
  const Result<Bytes> part = job.prove(segment, {.threads = threads});
  EXPECT_TRUE(part) << part.error().message;
  return part.value_or(Bytes{});
}

// A job, its parts, and those of another job of the same proof, under another secret.
struct Jobs : testing::Test {
  static void SetUpTestSuite() {
    job = new_job();
    for (auto* of : {&parts, &others}) {
      Job open = opened(of == &parts ? job : new_job());
      for (uint32_t i = 0; i < open.segments().size(); ++i) of->push_back(proven(open, i));
    }
    ASSERT_GE(parts.size(), 4u);
    ASSERT_EQ(parts.size(), others.size());
  }

  // The other job's part, as one of this job: a true proof whose memory is of other trees.
  static Bytes foreign(uint32_t segment) {
    Result<PartFile> part = parse_part(others[segment]);
    part->job = job_id(job);
    return serialise(*part);
  }

  static inline Bytes job;
  static inline std::vector<Bytes> parts, others;
};

void expect_invalid(const Result<Added>& added, const std::string& message) {
  ASSERT_FALSE(added);
  EXPECT_EQ(added.error().code, ErrorCode::kInvalidSegment) << added.error().message;
  EXPECT_THAT(added.error().message, HasSubstr(message));
}

TEST_F(Jobs, PartsInAnyOrderAreAReceipt) {
  Job open = opened(job);
  EXPECT_EQ(open.missing().size(), parts.size());
  EXPECT_FALSE(open.assemble());
  for (uint32_t i = static_cast<uint32_t>(parts.size()); i-- > 0;) {
    const Result<Added> added = open.add(parts[i]);
    ASSERT_TRUE(added) << added.error().message;
    EXPECT_EQ(added->segment, i);
    EXPECT_THAT(added->dropped, IsEmpty());
    EXPECT_TRUE(open.add(parts[i])) << "the same once more";
  }
  EXPECT_THAT(open.missing(), IsEmpty());
  const Result<Assembled> whole = open.assemble();
  ASSERT_TRUE(whole) << whole.error().message;
  const Result<Verification> verified =
      verify(whole->receipt, open.image_id(), {.security_bits = kQuick});
  ASSERT_TRUE(verified) << verified.error().message;
  EXPECT_EQ(verified->segments, parts.size());
  EXPECT_EQ(verified->exit_code, 0);
  EXPECT_EQ(verified->journal, run(guest(), input())->journal);
}

// The same bytes in another process, after another segment, by other threads.
TEST_F(Jobs, APartIsTheSameWhoeverProvesIt) {
  Job open = opened(job);
  EXPECT_EQ(proven(open, 2, 1), parts[2]);
  EXPECT_EQ(proven(open, 2, 2), parts[2]);
  EXPECT_EQ(proven(open, 0), parts[0]);
  EXPECT_EQ(proven(open, 3), parts[3]);  // on from where it was
}

TEST_F(Jobs, PlannedSegmentsAddUp) {
  const Job open = opened(job);
  uint64_t cycles = 0;
  for (const JobSegment& segment : open.segments()) {
    cycles += segment.cycles;
    EXPECT_LE(segment.cycles, kOptions.segment_cycles);
    EXPECT_GT(segment.cells, segment.cycles);
    EXPECT_GT(segment.memory, 4 * segment.cells);
  }
  EXPECT_EQ(cycles, open.cycles());
  EXPECT_EQ(open.image_id(), *image_id(guest()));
}

TEST_F(Jobs, ATrapHasNoJob) {
  const Result<Planned> planned = plan(guest(), bytes(words({2})), kOptions);
  ASSERT_TRUE(planned);
  EXPECT_TRUE(planned->run.trap);
  EXPECT_THAT(planned->job, IsEmpty());
}

TEST_F(Jobs, OneSegmentIsAJobToo) {
  const Result<Planned> planned = plan(guest(), bytes(words({0})), {});
  Job open = opened(planned->job);
  EXPECT_EQ(open.segments().size(), 1u);
  ASSERT_TRUE(open.add(proven(open, 0)));
  const Result<Assembled> whole = open.assemble();
  ASSERT_TRUE(whole) << whole.error().message;
  EXPECT_TRUE(verify(whole->receipt, open.image_id()));
}

TEST_F(Jobs, NoChangedPartIsAdded) {
  Job open = opened(job);
  std::mt19937 random(1);
  const auto expect_refused = [&](const Bytes& changed, const std::string& how) {
    const Result<Added> added = open.add(changed);
    ASSERT_FALSE(added) << how;
    EXPECT_EQ(added.error().code, ErrorCode::kInvalidSegment) << how;
  };
  for (int i = 0; i < 300; ++i) {
    Bytes changed = parts[1];
    // A third in the head, with the roots.
    const size_t at = random() % (i % 3 == 0 ? 200 : changed.size());
    changed[at] ^= static_cast<uint8_t>(1u << random() % 8);
    expect_refused(changed, "byte " + std::to_string(at));
    expect_refused({parts[1].begin(), parts[1].begin() + static_cast<ptrdiff_t>(at)},
                   "cut at " + std::to_string(at));
  }
  Bytes longer = parts[1];
  longer.push_back(0);
  expect_refused(longer, "longer");
  expect_refused({}, "empty");
  expect_refused(guest(), "a guest");
  for (const uint32_t other : {0u, 2u, uint32_t(parts.size()), UINT32_MAX}) {
    PartFile part = *parse_part(parts[1]);
    part.segment = other;
    expect_refused(serialise(part), "as segment " + std::to_string(other));
  }
  PartFile part = *parse_part(parts[1]);
  part.roots.after[UINT32_MAX] = {};
  expect_refused(serialise(part), "one root more");
  part = *parse_part(parts[1]);
  part.roots.before.clear();
  expect_refused(serialise(part), "no roots");
  EXPECT_EQ(open.missing().size(), parts.size());
  EXPECT_TRUE(open.add(parts[1]));
}

TEST_F(Jobs, AnotherJobsPartIsRefused) {
  Job open = opened(job);
  expect_invalid(open.add(others[1]), "segment 1: expected a part of this job");
}

// A worker that proves truly, from memory that is not this proof's: its neighbours know.
TEST_F(Jobs, FalseMemoryIsNamed) {
  Job open = opened(job);
  ASSERT_TRUE(open.add(parts[0]));
  expect_invalid(open.add(foreign(1)), "segment 1: its memory is not what segment 0 has");
  ASSERT_TRUE(open.add(parts[2]));
  expect_invalid(open.add(foreign(1)), "segment 1: ");
  ASSERT_TRUE(open.add(parts[1]));
  expect_invalid(open.add(foreign(1)), "segment 1: ");
}

// The false part was first: the true one that comes later is believed.
TEST_F(Jobs, FalseMemoryThatWasFirstIsDropped) {
  for (const bool neighbour : {false, true}) {
    Job open = opened(job);
    ASSERT_TRUE(open.add(foreign(1))) << "alone it cannot be told from a true one";
    const Result<Added> added = open.add(parts[neighbour ? 2 : 1]);
    ASSERT_TRUE(added) << added.error().message;
    if (neighbour) EXPECT_THAT(added->dropped, ElementsAre(1));
    EXPECT_EQ(open.missing().size(), parts.size() - 1);
    for (const Bytes& part : parts) EXPECT_TRUE(open.add(part));
    EXPECT_TRUE(open.assemble());
  }
}

// With two false neighbours, too, and whatever came before stays if the new one is false.
TEST_F(Jobs, ATruePartDropsBothFalseNeighbours) {
  Job open = opened(job);
  ASSERT_TRUE(open.add(foreign(0)));
  ASSERT_TRUE(open.add(foreign(2)));
  const Result<Added> added = open.add(parts[1]);
  ASSERT_TRUE(added) << added.error().message;
  EXPECT_THAT(added->dropped, ElementsAre(0, 2));
  EXPECT_FALSE(open.add(foreign(0)));
}

// However false and true ones come: those that are there in the end are true.
TEST_F(Jobs, FalseMemoryNeverGetsIntoAReceipt) {
  std::mt19937 random(2);
  for (int round = 0; round < 5; ++round) {
    Job open = opened(job);
    for (int i = 0; i < 400 && !open.missing().empty(); ++i) {
      const auto segment = static_cast<uint32_t>(random() % parts.size());
      (void)open.add(random() % 3 == 0 ? foreign(segment) : parts[segment]);
    }
    if (!open.missing().empty()) continue;
    const Result<Assembled> whole = open.assemble();
    ASSERT_TRUE(whole) << whole.error().message;
  }
}

Bytes with_checksum(Bytes job) {
  const stark::Digest sum = stark::blake3_hash(std::span(job).first(job.size() - 32));
  std::memcpy(job.data() + job.size() - 32, sum.data(), 32);
  return job;
}

TEST_F(Jobs, ADamagedJobIsRefused) {
  std::mt19937 random(3);
  for (int i = 0; i < 100; ++i) {
    Bytes changed = job;
    const size_t at = random() % changed.size();
    changed[at] ^= static_cast<uint8_t>(1u << random() % 8);
    const Result<Job> open = Job::open(changed);
    ASSERT_FALSE(open) << at;
    EXPECT_EQ(open.error().code, ErrorCode::kMalformedJob);
    EXPECT_FALSE(Job::open(std::span(job).first(at))) << at;
  }
  EXPECT_FALSE(Job::open({}));
  EXPECT_FALSE(Job::open(guest()));
}

// A hostile job, whose checksum is right: an error, or parts that are none of the true one.
TEST_F(Jobs, AHostileJobGivesNothing) {
  std::mt19937 random(4);
  const JobFile file = *parse_job(job);
  const size_t plan_begin = job.size() - 32 - file.plan.size();
  Job truth = opened(job);
  int opened_ones = 0, proven_ones = 0;
  for (int i = 0; i < 50; ++i) {
    Bytes changed = job;
    const size_t first = i % 2 == 0 ? plan_begin : 0;
    const size_t at = first + random() % (changed.size() - 32 - first);
    if (i % 5 == 0) {  // a number of four bytes, large
      for (size_t k = at; k < std::min(at + 4, changed.size() - 32); ++k) changed[k] = 0xff;
    } else {
      changed[at] ^= static_cast<uint8_t>(1u << random() % 8);
    }
    if (changed == job) continue;
    Result<Job> open = Job::open(with_checksum(std::move(changed)));
    if (!open) continue;
    ++opened_ones;
    const Result<Bytes> part = open->prove(static_cast<uint32_t>(open->segments().size() - 1));
    if (!part) continue;
    ++proven_ones;
    EXPECT_FALSE(truth.add(*part)) << at;
  }
  EXPECT_GT(opened_ones, 5);
  EXPECT_GT(proven_ones, 0);
}

TEST_F(Jobs, AnotherBuildsJobIsRefused) {
  JobFile file = *parse_job(job);
  Bytes plan_bytes(file.plan.begin(), file.plan.end());
  plan_bytes[0] = plan_bytes[0] == 'a' ? 'b' : 'a';  // the build's digest
  file.plan = plan_bytes;
  const Result<Job> open = Job::open(serialise(file));
  ASSERT_FALSE(open);
  EXPECT_THAT(open.error().message, HasSubstr("made by this build"));
}

// Whatever decides heights and rates, another process finds the same.
TEST_F(Jobs, EveryRateAndRegimeCanBeShared) {
  for (const Rate rate : {Rate::kAuto, Rate::kHalf, Rate::kQuarter, Rate::kEighth, Rate::kSmallest,
                          Rate::kFastest})
    for (const double bits : {20.0, 100.0, 128.0}) {
      SCOPED_TRACE(testing::Message() << static_cast<int>(rate) << " " << bits);
      const ProveOptions options{
          .security_bits = bits, .rate = rate, .segment_cycles = 1 << 14, .max_cycles = UINT64_MAX};
      const Result<Planned> planned = plan(guest(), bytes(words({4, 15})), options);
      ASSERT_TRUE(planned) << planned.error().message;
      Job open = opened(planned->job);
      ASSERT_TRUE(open.add(proven(open, static_cast<uint32_t>(open.segments().size() - 1))));
    }
}

TEST_F(Jobs, SegmentsThatAreNoneAreErrors) {
  Job open = opened(job);
  for (const uint32_t none : {static_cast<uint32_t>(parts.size()), UINT32_MAX}) {
    const Result<Bytes> part = open.prove(none);
    ASSERT_FALSE(part);
    EXPECT_EQ(part.error().code, ErrorCode::kInvalidSegment);
  }
}

// The image is the job's word, the program is what is executed: masks are of both.
TEST_F(Jobs, AnotherProgramUnderAnImageSharesNoMask) {
  JobFile file = *parse_job(job);
  Bytes elf(file.elf.begin(), file.elf.end());
  elf.push_back(0);  // the same program even
  file.elf = elf;
  Job open = opened(serialise(file));
  const Bytes part = proven(open, 1);
  const PartFile changed = *parse_part(part), same = *parse_part(parts[1]);
  EXPECT_NE(changed.roots, same.roots);
  // The first root of the proof, that of its main columns: behind magic, version, parameters and tables.
  EXPECT_FALSE(std::ranges::equal(changed.proof.subspan(0, 400), same.proof.subspan(0, 400)));
}

TEST_F(Jobs, AJobOfOneSegmentGoesOnAfterACancelledProof) {
  const Result<Planned> planned = plan(guest(), bytes(words({0})), {.security_bits = kQuick});
  Job open = opened(planned->job);
  for (int i = 0; i < 2; ++i)
    EXPECT_FALSE(open.prove(0, {.progress = [](double, const char*) { return false; }}));
  EXPECT_TRUE(open.add(proven(open, 0)));
  EXPECT_EQ(proven(open, 0), proven(open, 0));
}

TEST_F(Jobs, CanBeCancelled) {
  Job open = opened(job);
  const Result<Bytes> part =
      open.prove(1, {.progress = [](double done, const char*) { return done < 0.3; }});
  ASSERT_FALSE(part);
  EXPECT_EQ(part.error().code, ErrorCode::kCancelled);
  EXPECT_EQ(proven(open, 1), parts[1]) << "and goes on";
}

// ------------------------------------------------------------------------ ProveOptions::elsewhere

Result<bool> prove_some(const Parts& there, size_t count) {
  Job open = opened(there.job);
  EXPECT_EQ(open.segments().size(), there.segments.size());
  for (const uint32_t segment : there.missing()) {
    if (count-- == 0) return false;
    const Result<Added> added = there.add(proven(open, segment));
    EXPECT_TRUE(added) << added.error().message;
  }
  return true;
}

TEST(Elsewhere, SomeOrAllOrNone) {
  for (const size_t count : {size_t{0}, size_t{2}, SIZE_MAX}) {
    ProveOptions options = kOptions;
    options.elsewhere = [&](const Parts& there) { return prove_some(there, count); };
    const Result<Proved> proved = prove(guest(), input(), options);
    ASSERT_TRUE(proved) << proved.error().message;
    EXPECT_TRUE(verify(proved->receipt, proved->image_id, {.security_bits = kQuick}));
    EXPECT_EQ(proved->chips.empty(), count == SIZE_MAX);
  }
}

TEST(Elsewhere, ErrorsAndGapsEndTheProof) {
  ProveOptions options = kOptions;
  options.elsewhere = [](const Parts&) -> Result<bool> {
    return tl::unexpected(Error{ErrorCode::kCancelled, "enough"});
  };
  EXPECT_EQ(prove(guest(), input(), options).error().message, "enough");
  options.elsewhere = [](const Parts&) { return true; };
  EXPECT_EQ(prove(guest(), input(), options).error().code, ErrorCode::kInvalidSegment);
}

TEST(Elsewhere, PartsAreKeptInTheResumeFolder) {
  const TemporaryFolder folder;
  ProveOptions options = kOptions;
  options.resume_folder = folder / "work";
  options.elsewhere = [](const Parts& there) -> Result<bool> {
    (void)prove_some(there, 2);
    return tl::unexpected(Error{ErrorCode::kCancelled, "enough"});
  };
  ASSERT_FALSE(prove(guest(), input(), options));
  options.elsewhere = {};
  const Result<Proved> proved = prove(guest(), input(), options);
  ASSERT_TRUE(proved) << proved.error().message;
  EXPECT_EQ(proved->resumed, 2u);
}

// --------------------------------------------------------------------------------------- commands

struct JobCommands : testing::Test {
  Outcome command(std::vector<std::string> arguments, const std::string& text = {}) {
    return zkvm(std::move(arguments), {.input = text, .folder = folder.path()});
  }
  Json planned() {
    write_text(folder / "in", words({4, 18}));
    const Outcome outcome = command({"plan", kGuest, "-i", "in", "-o", "job", "--security", "20",
                                     "--segment-cycles", "16384", "--json"});
    EXPECT_EQ(outcome.status, 0) << outcome.err;
    return Json::parse(outcome.out, nullptr, false);
  }
  std::vector<std::string> parts(size_t count) {
    std::vector<std::string> out;
    for (size_t i = 0; i < count; ++i) {
      const std::string number = std::to_string(i);
      const Outcome outcome = command({"prove-segment", "job", number, "-o", "part-" + number});
      EXPECT_EQ(outcome.status, 0) << outcome.err;
      out.push_back("part-" + number);
    }
    return out;
  }
  Outcome assembled(std::vector<std::string> of) {
    of.insert(of.begin(), {"assemble", "job"});
    of.insert(of.end(), {"-o", "receipt", "--json"});
    return command(of);
  }

  TemporaryFolder folder;
};

TEST_F(JobCommands, PlanProveAssemble) {
  const Json plan = planned();
  const size_t segments = plan["segments"].size();
  EXPECT_GT(segments, 3u);
  EXPECT_EQ(plan["exit_code"], 0);
  EXPECT_EQ(plan["job_bytes"], read_text(folder / "job").size());
  struct stat info{};
  ASSERT_EQ(stat((folder / "job").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777, 0600u);
  const std::vector<std::string> all = parts(segments);
  const Outcome outcome = assembled(all);
  ASSERT_EQ(outcome.status, 0) << outcome.err;
  const Json whole = Json::parse(outcome.out);
  EXPECT_EQ(whole["segments"], segments);
  EXPECT_EQ(whole["image_id"], plan["image_id"]);
  EXPECT_EQ(command({"verify", "receipt", "--elf", kGuest, "--security", "20"}).status, 0);
}

TEST_F(JobCommands, BadPartsAreNamed) {
  const size_t segments = planned()["segments"].size();
  std::vector<std::string> all = parts(segments);
  const std::string part = read_text(folder / "part-2");
  write_text(folder / "part-2", part.substr(0, part.size() / 2));
  all.erase(all.begin() + 1);
  const Outcome outcome = assembled(all);
  EXPECT_EQ(outcome.status, 1);
  EXPECT_THAT(outcome.err, HasSubstr("zkvm assemble: 'part-2': segment: the bytes end at"));
  EXPECT_THAT(outcome.err, HasSubstr("segments are missing: 1, 2\n"));
  EXPECT_FALSE(std::filesystem::exists(folder / "receipt"));
  const Json error = Json::parse(outcome.out);
  EXPECT_THAT(error["error"].get<std::string>(), HasSubstr("2 of "));
}

TEST_F(JobCommands, WrongUseIsAnError) {
  const size_t segments = planned()["segments"].size();
  const auto message = [&](std::vector<std::string> arguments, const std::string& text = {}) {
    const Outcome outcome = command(std::move(arguments), text);
    EXPECT_EQ(outcome.status, 2) << outcome.err;
    return outcome.err;
  };
  const std::string last = std::to_string(segments - 1);
  EXPECT_THAT(message({"prove-segment", "job", std::to_string(segments), "-o", "p"}),
              HasSubstr("SEGMENT: expected a number from 0 to " + last));
  EXPECT_THAT(message({"prove-segment", "job", "x", "-o", "p"}), HasSubstr("found 'x'"));
  EXPECT_THAT(message({"prove-segment", "job", "0"}), HasSubstr("expected -o"));
  EXPECT_THAT(message({"prove-segment", "job", "-", "-o", "p"}), HasSubstr("expected neither -o"));
  EXPECT_THAT(message({"prove-segment", "job", "-"}, "77\n"), HasSubstr("found '77'"));
  EXPECT_THAT(message({"prove-segment", kGuest, "0", "-o", "p"}),
              HasSubstr("expected a job of `zkvm plan`, found a guest"));
  EXPECT_THAT(message({"assemble", "job", "nothing", "-o", "r"}), HasSubstr("part 'nothing'"));
  EXPECT_THAT(message({"plan", kGuest, "-i", "in", "-o", "/nowhere/job"}), HasSubstr("/nowhere"));
  EXPECT_THAT(message({"prove", kGuest, "-o", "r", "--jobs", "2", "--stats"}),
              HasSubstr("--jobs excludes --stats"));
  EXPECT_EQ(command({"plan", kGuest, "-i", "-", "-o", "j2"}, words({2})).status, 1) << "a trap";
  EXPECT_FALSE(std::filesystem::exists(folder / "j2"));
}

// Numbers in, parts out: each behind a line that says how long it is.
TEST_F(JobCommands, ServesWhoeverSharesOutWork) {
  planned();
  const Outcome outcome = command({"prove-segment", "job", "-"}, "2\n0\n2\n");
  ASSERT_EQ(outcome.status, 0) << outcome.err;
  std::vector<std::pair<int, std::string>> found;
  for (size_t at = 0; at < outcome.out.size();) {
    const size_t end = outcome.out.find('\n', at);
    ASSERT_NE(end, std::string::npos);
    const Json head = Json::parse(outcome.out.substr(at, end - at));
    at = end + 1;
    if (!head.contains("bytes")) continue;  // how far it is
    found.emplace_back(head["segment"], outcome.out.substr(at, head["bytes"]));
    at += head["bytes"].get<size_t>();
  }
  ASSERT_EQ(found.size(), 3u);
  EXPECT_EQ(found[0].first, 2);
  EXPECT_EQ(found[1].first, 0);
  EXPECT_EQ(found[0], found[2]);
}

// `zkvm prove --jobs 2` under a shell that does something to its processes, $p being the first one.
struct LocalJobs : JobCommands {
  Outcome prove_while(const std::string& does, const std::vector<std::string>& options = {}) {
    write_text(folder / "in", words({4, 22}));  // some 700,000 instructions
    std::string script =
        "\"$0\" prove \"$1\" -i in --security 20 --segment-cycles 32768 -o receipt --json --jobs 2";
    for (const std::string& option : options) script += " " + option;
    script +=
        " & p=$!; c=; while [ -z \"$c\" ] && kill -0 $p 2>/dev/null; do c=$(pgrep -P $p); done; "
        "pids=$c; " + does + "; wait $p; s=$?; sleep 0.5; "
        "for i in $pids; do grep -q '^State:.[^ZX]' /proc/$i/status 2>/dev/null && echo left $i >&2; "
        "done; exit $s";
    return run_program({"bash", "-c", script, ZKVM_PROGRAM, kGuest}, {.folder = folder.path()});
  }
  void expect_whole(const Outcome& outcome) {
    EXPECT_EQ(outcome.status, 0) << outcome.err;
    EXPECT_EQ(command({"verify", "receipt", "--elf", kGuest, "--security", "20"}).status, 0);
    EXPECT_THAT(outcome.err, ::testing::Not(HasSubstr("left")));
  }
};

TEST_F(LocalJobs, MakeTheReceipt) {
  const Outcome outcome = prove_while("true");
  expect_whole(outcome);
  EXPECT_GT(Json::parse(outcome.out)["segments"], 5);
  EXPECT_THAT(folder.files(), ElementsAre("in", "receipt"));
}

TEST_F(LocalJobs, AKilledProcessCostsItsSegment) {
  expect_whole(prove_while("sleep 0.3; kill -9 $(echo $c | cut -d' ' -f1) 2>/dev/null; true"));
}

// The one that idles among them, at the end.
TEST_F(LocalJobs, TwoKilledAtOnceAreReplaced) {
  expect_whole(prove_while("for i in 1 2 3 4 5 6 7 8; do sleep 0.3; kill -9 $c 2>/dev/null; c=$(pgrep -P $p); [ $i -gt 2 ] "
                           "&& break; done; true"));
}

TEST_F(LocalJobs, IfAllAreKilledItSaysSo) {
  const Outcome outcome = prove_while(
      "while kill -0 $p 2>/dev/null; do pkill -9 -P $p; sleep 0.01; done");
  EXPECT_EQ(outcome.status, 2);
  EXPECT_THAT(outcome.err, HasSubstr("was ended by signal 9, perhaps for want of memory (segment "));
  EXPECT_THAT(folder.files(), ElementsAre("in"));
}

TEST_F(LocalJobs, CtrlCLeavesNothing) {
  const Outcome outcome = prove_while("sleep 0.3; kill -INT $p");
  // A shell's background process ignores Ctrl-C, unless it asks for it, as this one does.
  EXPECT_EQ(outcome.status, 128 + 2) << outcome.err;
  EXPECT_THAT(outcome.err, ::testing::Not(HasSubstr("left")));
  EXPECT_THAT(folder.files(), ElementsAre("in"));
}

TEST_F(LocalJobs, EndWithTheProcessThatStartedThem) {
  const Outcome outcome = prove_while("sleep 0.3; kill -9 $p");
  EXPECT_EQ(outcome.status, 128 + 9) << outcome.err;
  EXPECT_THAT(outcome.err, ::testing::Not(HasSubstr("left")));
  EXPECT_THAT(folder.files(), ElementsAre("in"));
}

TEST_F(LocalJobs, AreResumed) {
  const Outcome killed = prove_while(
      "while [ ! -e work/segment-1 ] && kill -0 $p; do sleep 0.01; done; kill -9 $p",
      {"--resume", "work"});
  EXPECT_EQ(killed.status, 128 + 9) << killed.err;
  const Outcome outcome = prove_while("true", {"--resume", "work"});
  expect_whole(outcome);
  EXPECT_GE(Json::parse(outcome.out)["resumed_segments"], 1);
  EXPECT_TRUE(std::filesystem::is_empty(folder / "work"));
}

}  // namespace
}  // namespace zkvm::test
