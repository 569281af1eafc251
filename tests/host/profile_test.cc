// `zkvm profile`: the tables, the flame graph, the file for pprof.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <libxml/parser.h>
#include <libxml/tree.h>
#include <zlib.h>

#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "profile.pb.h"
#include "tests/host/command.h"

namespace zkvm::test {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Json = nlohmann::json;

const std::string kTask = words({4, 12});  // fibonacci(12) and the function `hot`

Outcome profile(std::vector<std::string> options, const std::string& input = kTask) {
  std::vector<std::string> arguments{"profile", kGuest, "--input", "-"};
  arguments.insert(arguments.end(), options.begin(), options.end());
  return zkvm(arguments, {.input = input});
}

Json row_of(const Json& rows, const std::string& function) {
  for (const Json& row : rows) {
    if (row["function"] == function) return row;
  }
  ADD_FAILURE() << "no row for " << function;
  return {};
}

TEST(Profile, JsonAddsUpAndShowsInlinedAndRecursiveFunctions) {
  const Outcome outcome = profile({"--json"});
  ASSERT_EQ(outcome.status, 0) << outcome.err;
  const Json object = Json::parse(outcome.out);
  const uint64_t cycles = object["cycles"];
  EXPECT_EQ(object["exit_code"], 0);
  EXPECT_TRUE(object["trap"].is_null());
  for (const char* table : {"functions", "lines"}) {
    uint64_t sum = 0;
    uint64_t before = ~0ull;
    for (const Json& row : object[table]) {
      const uint64_t self = row["self"];
      EXPECT_LE(self, before) << "hottest first";
      before = self;
      sum += self;
    }
    EXPECT_EQ(sum, cycles) << table;
  }
  // 200 rounds of four or more instructions, by the inlined function itself.
  const Json mixed = row_of(object["functions"], "mixed");
  EXPECT_GE(mixed["self"], 800);
  EXPECT_THAT(mixed["file"].get<std::string>(), HasSubstr("guest.cc"));
  const Json hot = row_of(object["functions"], "hot");
  EXPECT_GE(hot["total"].get<uint64_t>(),
            hot["self"].get<uint64_t>() + mixed["self"].get<uint64_t>());
  // A recursive function's total counts nothing twice.
  const Json fibonacci = row_of(object["functions"], "fibonacci");
  EXPECT_EQ(fibonacci["total"], fibonacci["self"]);
  EXPECT_GE(fibonacci["self"], 465 * 5);  // fibonacci(12) makes 465 calls
  EXPECT_LE(row_of(object["functions"], "main")["total"], cycles);
}

TEST(Profile, SameResultAsRun) {
  const Json run = Json::parse(zkvm({"run", kGuest, "-i", "-", "--json"}, {.input = kTask}).out);
  const Json profiled = Json::parse(profile({"--json"}).out);
  EXPECT_EQ(run["cycles"], profiled["cycles"]);
  EXPECT_EQ(run["exit_code"], profiled["exit_code"]);
}

TEST(Profile, TablesShowFunctionsAndSourceLines) {
  const Outcome outcome = profile({"--top", "5"});
  EXPECT_EQ(outcome.status, 0);
  EXPECT_THAT(outcome.out, HasSubstr("Cycles by function (the first 5 of "));
  EXPECT_THAT(outcome.out, HasSubstr("fibonacci"));
  EXPECT_THAT(outcome.out, HasSubstr("Cycles by line"));
  EXPECT_THAT(outcome.out, HasSubstr("return n < 2 ? n : fibonacci(n - 1) + fibonacci(n - 2);"));
}

TEST(Profile, OfATrapStillShowsTheCycles) {
  const Outcome outcome = profile({"--json"}, words({2}));
  EXPECT_EQ(outcome.status, 1);
  const Json object = Json::parse(outcome.out);
  EXPECT_EQ(object["trap"]["kind"], "store-read-only");
  EXPECT_EQ(object["trap"]["where"][1]["function"], "main");
  EXPECT_FALSE(object["functions"].empty());
}

TEST(Profile, FunctionsThatLongjmpLeftCallNothingAnyMore) {
  const Outcome outcome = profile({"--json", "--top", "100"}, words({6, 1000}));
  ASSERT_EQ(outcome.status, 0) << outcome.err;
  const Json object = Json::parse(outcome.out);
  const double cycles = object["cycles"];
  EXPECT_GT(row_of(object["functions"], "work")["self"], 0.9 * cycles);
  EXPECT_LT(row_of(object["functions"], "f")["total"], 0.05 * cycles);
  EXPECT_GT(row_of(object["functions"], "main")["total"], 0.99 * cycles);
}

TEST(Backtrace, KeepsTheCallersOfFunctionsThatTailCall) {
  const Outcome outcome = zkvm({"run", kGuest, "-i", "-", "--json"}, {.input = words({7})});
  EXPECT_EQ(outcome.status, 1);
  const Json object = Json::parse(outcome.out);
  std::vector<std::string> functions;
  for (const Json& frame : object["trap"]["where"]) {
    functions.push_back(frame["function"]);
    if (functions.back() == "main") {
      EXPECT_GT(frame["line"], 0);
    }
  }
  EXPECT_THAT(functions, testing::IsSupersetOf({"abort", "operator new", "main", "_start"}));
}

TEST(Backtrace, SaysThatTheStackIsTooSmall) {
  const Outcome outcome = zkvm({"run", kGuest, "-i", "-"}, {.input = words({8})});
  EXPECT_EQ(outcome.status, 1);
  EXPECT_THAT(outcome.err, HasSubstr("trap: stack overflow; set STACK in zkvm_add_guest ("));
  EXPECT_THAT(outcome.err, HasSubstr("called from bottomless ("));
  EXPECT_THAT(outcome.err, HasSubstr(" more such calls\n"));
}

// A frame of the picture, as a reader of the file finds it.
struct Frame {
  std::string name, title;
  double x, width;
  int depth;
  bool inlined;
};

std::string attribute(xmlNode* node, const char* name) {
  xmlChar* value = xmlGetProp(node, reinterpret_cast<const xmlChar*>(name));
  std::string text = value == nullptr ? "" : reinterpret_cast<char*>(value);
  xmlFree(value);
  return text;
}

void collect(xmlNode* node, std::vector<Frame>& frames) {
  for (; node != nullptr; node = node->next) {
    const std::string style = attribute(node, "class");
    if (style.starts_with("frame")) {
      xmlChar* title = xmlNodeGetContent(node->children);
      frames.push_back({attribute(node, "data-name"), reinterpret_cast<char*>(title),
                        std::stod(attribute(node, "data-x")), std::stod(attribute(node, "data-w")),
                        std::stoi(attribute(node, "data-d")), style.find("inlined") != style.npos});
      xmlFree(title);
    }
    collect(node->children, frames);
  }
}

TEST(Flamegraph, IsWellFormedAndItsFramesNest) {
  const TemporaryFolder folder;
  ASSERT_EQ(profile({"--flamegraph", folder / "p.svg"}).status, 0);
  EXPECT_THAT(folder.files(), ElementsAre("p.svg"));
  const std::string svg = read_text(folder / "p.svg");
  xmlDoc* document = xmlReadMemory(svg.data(), static_cast<int>(svg.size()), "p.svg", nullptr, 0);
  ASSERT_NE(document, nullptr);
  std::vector<Frame> frames;
  collect(xmlDocGetRootElement(document), frames);
  xmlFreeDoc(document);

  ASSERT_GT(frames.size(), 15u);
  EXPECT_EQ(frames[0].width, 1);
  std::set<std::string> names;
  std::set<std::string> inlined;
  for (const Frame& frame : frames) {
    names.insert(frame.name);
    if (frame.inlined) inlined.insert(frame.name);
    EXPECT_THAT(frame.title, HasSubstr(" cycles, "));
    if (frame.depth == 0) continue;
    const auto contains = [&](const Frame& parent) {
      return parent.depth == frame.depth - 1 && parent.x <= frame.x + 1e-6 &&
             parent.x + parent.width >= frame.x + frame.width - 1e-6;
    };
    EXPECT_TRUE(std::ranges::any_of(frames, contains)) << frame.name;
  }
  for (const char* name : {"main", "fibonacci", "hot", "mixed"}) EXPECT_THAT(names, Contains(name));
  EXPECT_THAT(inlined, Contains("mixed"));
  EXPECT_EQ(inlined.count("fibonacci"), 0u);
  EXPECT_EQ(svg.find("http"), svg.find("http://www.w3.org")) << "self-contained";
}

std::string gunzipped(const std::string& data) {
  z_stream stream{};
  EXPECT_EQ(inflateInit2(&stream, 15 + 16), Z_OK);
  std::string out(size_t{16} << 20, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(data.data()));
  stream.avail_in = static_cast<uInt>(data.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(inflate(&stream, Z_FINISH), Z_STREAM_END);
  out.resize(stream.total_out);
  inflateEnd(&stream);
  return out;
}

TEST(Pprof, DecodesAndAgreesWithTheTables) {
  const TemporaryFolder folder;
  const Outcome outcome = profile({"--json", "--pprof", folder / "p.pb.gz"});
  ASSERT_EQ(outcome.status, 0);
  const Json object = Json::parse(outcome.out);

  pprof::Profile decoded;
  ASSERT_TRUE(decoded.ParseFromString(gunzipped(read_text(folder / "p.pb.gz"))));
  const auto text = [&](int64_t i) { return decoded.string_table(static_cast<int>(i)); };
  EXPECT_EQ(text(0), "");
  ASSERT_EQ(decoded.sample_type_size(), 1);
  EXPECT_EQ(text(decoded.sample_type(0).type()), "cycles");
  EXPECT_EQ(text(decoded.mapping(0).filename()), "host_test.elf");

  std::map<uint64_t, std::string> functions;
  for (const auto& f : decoded.function()) functions[f.id()] = text(f.name());
  std::map<uint64_t, std::vector<std::string>> locations;  // innermost first
  for (const auto& l : decoded.location()) {
    EXPECT_EQ(l.mapping_id(), 1u);
    for (const auto& line : l.line()) {
      ASSERT_TRUE(functions.contains(line.function_id()));
      locations[l.id()].push_back(functions[line.function_id()]);
    }
  }
  uint64_t sum = 0;
  std::map<std::string, uint64_t> self;
  bool mixed_in_hot_from_main = false;
  for (const auto& sample : decoded.sample()) {
    ASSERT_EQ(sample.value_size(), 1);
    sum += static_cast<uint64_t>(sample.value(0));
    std::vector<std::string> stack;
    for (uint64_t id : sample.location_id()) {
      ASSERT_TRUE(locations.contains(id));
      stack.insert(stack.end(), locations[id].begin(), locations[id].end());
    }
    self[stack.front()] += static_cast<uint64_t>(sample.value(0));
    mixed_in_hot_from_main |=
        stack.size() >= 3 && stack[0] == "mixed" && stack[1] == "hot" && stack[2] == "main";
  }
  EXPECT_EQ(sum, object["cycles"]);
  EXPECT_TRUE(mixed_in_hot_from_main);
  for (const char* name : {"mixed", "fibonacci", "main"}) {
    EXPECT_EQ(self[name], row_of(object["functions"], name)["self"]) << name;
  }
}

}  // namespace
}  // namespace zkvm::test
