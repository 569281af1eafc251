// Where a guest's cycles go: raw counts by address and calling context, and the tables and the tree
// that people look at. flamegraph.h and pprof.h write the same profile for a browser and for pprof.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "host/source_map.h"
#include "host/zkvm.h"

namespace zkvm {

// Cycles by address and calling context, with nothing looked up yet.
struct Profile {
  // A calling context: the instruction `call_site` of context `parent` called a function.
  // contexts[0] is the entry point's and has neither.
  struct Context {
    uint32_t parent;  // always smaller than this context's own index
    uint32_t call_site;
  };
  // `cycles` executions of the instruction at `pc` in `context`.
  struct Count {
    uint32_t context;
    uint32_t pc;
    uint64_t cycles;
  };
  std::vector<Context> contexts;
  std::vector<Count> counts;  // each (context, pc) once
  uint64_t unattributed = 0;  // cycles in no count: there were too many contexts to follow
};

struct ProfiledRun {
  Run run;
  Profile profile;
};

// Like run, and counts. Counts and unattributed cycles add up to run.cycles. `program` is
// load_program(elf).
[[nodiscard]] Result<ProfiledRun> profile(std::span<const uint8_t> elf, const vm::Program& program,
                                          std::span<const uint8_t> input,
                                          const RunOptions& options = {});

// The calls of a run as a tree, with inlined functions as if they had been called.
struct CallTree {
  struct Node {
    SourceFrame frame;   // its file and line: where the function starts, as far as known
    uint64_t self = 0;   // cycles in the function's own instructions
    uint64_t total = 0;  // with all that it called
    std::map<std::string, uint32_t> children;  // by function name; "+" in front where inlined
  };
  std::vector<Node> nodes;  // nodes[0]: the whole run, with the unattributed cycles in
                            // itself; children have greater indices
};
[[nodiscard]] CallTree call_tree(const Profile& profile, SourceMap& map);

// One row of a table: cycles of a function, or of a line of source.
struct Hotspot {
  std::string function;
  std::string file;   // empty: unknown
  uint32_t line = 0;  // of a function: where it starts; 0: unknown
  uint64_t self = 0;
  uint64_t total = 0;  // with callees; of a line always equal to self
};
// Both with the greatest `self` first. An inlined function is a function of its own; a
// line counts all instances of its template, and names one of them.
[[nodiscard]] std::vector<Hotspot> by_function(const CallTree& tree);
[[nodiscard]] std::vector<Hotspot> by_line(const Profile& profile, SourceMap& map);

}  // namespace zkvm
