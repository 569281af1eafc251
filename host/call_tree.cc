#include <algorithm>
#include <tuple>
#include <unordered_map>

#include "host/profile.h"

namespace zkvm {
namespace {

// The descendant of node `at` that is reached by `frames` (innermost first), made where missing.
uint32_t descend(CallTree& tree, uint32_t at, const std::vector<SourceFrame>& frames) {
  for (auto frame = frames.rbegin(); frame != frames.rend(); ++frame) {
    const auto next = static_cast<uint32_t>(tree.nodes.size());
    const std::string key = (frame->inlined ? "+" : "") + frame->function;
    const auto [child, is_new] = tree.nodes[at].children.try_emplace(key, next);
    at = child->second;
    if (!is_new) continue;
    CallTree::Node node;
    node.frame = *frame;
    if (!frame->start_file.empty()) node.frame.file = frame->start_file;
    node.frame.line = frame->start_line;
    tree.nodes.push_back(std::move(node));
  }
  return at;
}

bool hotter(const Hotspot& a, const Hotspot& b) {
  return std::tuple(~a.self, ~a.total, std::tie(a.function, a.file, a.line)) <
         std::tuple(~b.self, ~b.total, std::tie(b.function, b.file, b.line));
}

}  // namespace

CallTree call_tree(const Profile& profile, SourceMap& map) {
  std::vector<uint32_t> pcs;
  for (const Profile::Context& context : profile.contexts) pcs.push_back(context.call_site);
  for (const Profile::Count& count : profile.counts) pcs.push_back(count.pc);
  map.look_up(pcs);
  CallTree tree;
  tree.nodes.emplace_back().frame.function = "all";
  tree.nodes[0].self = profile.unattributed;
  std::vector<uint32_t> node_of_context(profile.contexts.size(), 0);
  for (size_t i = 1; i < profile.contexts.size(); ++i) {
    const Profile::Context& context = profile.contexts[i];
    node_of_context[i] = descend(tree, node_of_context[context.parent], map.at(context.call_site));
  }
  for (const Profile::Count& count : profile.counts) {
    const uint32_t node = descend(tree, node_of_context[count.context], map.at(count.pc));
    tree.nodes[node].self += count.cycles;
  }
  // Children come after their parents, so one pass from the back sums each subtree.
  for (size_t i = tree.nodes.size(); i-- > 0;) {
    CallTree::Node& node = tree.nodes[i];
    node.total = node.self;
    for (const auto& [name, child] : node.children) node.total += tree.nodes[child].total;
  }
  return tree;
}

std::vector<Hotspot> by_function(const CallTree& tree) {
  std::unordered_map<std::string, Hotspot> functions;
  std::unordered_map<std::string, int> active;  // a recursive call's total is its caller's already

  // Depth first without recursion: a hostile guest's stack may be deep.
  struct Visit {
    uint32_t node;
    bool leaves;
  };
  std::vector<Visit> stack;
  const auto push_children = [&](const CallTree::Node& node) {
    for (const auto& [name, child] : node.children) stack.push_back({child, false});
  };
  push_children(tree.nodes[0]);
  while (!stack.empty()) {
    const Visit visit = stack.back();
    stack.pop_back();
    const CallTree::Node& node = tree.nodes[visit.node];
    int& depth = active[node.frame.function];
    if (visit.leaves) {
      --depth;
      continue;
    }
    Hotspot& row = functions[node.frame.function];
    row.function = node.frame.function;
    if (row.file.empty()) {
      row.file = node.frame.file;
      row.line = node.frame.line;
    }
    row.self += node.self;
    if (depth++ == 0) row.total += node.total;
    stack.push_back({visit.node, true});
    push_children(node);
  }

  std::vector<Hotspot> rows;
  rows.reserve(functions.size());
  for (auto& [name, row] : functions) rows.push_back(std::move(row));
  std::sort(rows.begin(), rows.end(), hotter);
  return rows;
}

std::vector<Hotspot> by_line(const Profile& profile, SourceMap& map) {
  std::unordered_map<uint32_t, uint64_t> cycles_at;
  for (const Profile::Count& count : profile.counts) cycles_at[count.pc] += count.cycles;

  // Without a line, what is known of a place is the function.
  std::map<std::tuple<std::string, uint32_t, std::string>, Hotspot> lines;
  for (const auto& [pc, cycles] : cycles_at) {
    const SourceFrame& frame = map.at(pc).front();
    Hotspot& row = lines[{frame.file, frame.line, frame.line == 0 ? frame.function : ""}];
    row.file = frame.file;
    row.line = frame.line;
    row.self += cycles;
    if (row.function.empty() || frame.function < row.function) row.function = frame.function;
  }
  std::vector<Hotspot> rows;
  rows.reserve(lines.size());
  for (auto& [place, row] : lines) {
    row.total = row.self;
    rows.push_back(std::move(row));
  }
  std::sort(rows.begin(), rows.end(), hotter);
  return rows;
}

}  // namespace zkvm
