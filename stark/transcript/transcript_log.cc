#include "stark/transcript/transcript_log.h"

#include <fmt/format.h>

#include <algorithm>

namespace zkvm::stark {
namespace {

std::string line(size_t number, const TranscriptRecorder::Message& m) {
  constexpr const char* kKinds[] = {"absorb", "squeeze", "grind"};
  return fmt::format("{:4} {:7} {:40} {:9} bytes  {:08x} {:08x}", number,
                     kKinds[static_cast<int>(m.kind)], m.label, m.length, m.digest[0], m.digest[1]);
}

}  // namespace

void TranscriptRecorder::message(Kind kind, std::string_view label, uint64_t length,
                                 const Digest& digest) {
  messages_.push_back({kind, std::string(label), length, digest});
}

std::string TranscriptRecorder::to_string() const {
  std::string out;
  for (size_t i = 0; i < messages_.size(); ++i) out += line(i, messages_[i]) + "\n";
  return out;
}

std::string TranscriptRecorder::first_difference(const TranscriptRecorder& a,
                                                 const TranscriptRecorder& b) {
  const auto& x = a.messages_;
  const auto& y = b.messages_;
  auto [i, j] = std::mismatch(x.begin(), x.end(), y.begin(), y.end());
  if (i == x.end() && j == y.end()) return "";
  size_t number = static_cast<size_t>(i - x.begin());
  std::string left = i == x.end() ? "(ends)" : line(number, *i);
  std::string right = j == y.end() ? "(ends)" : line(number, *j);
  return left + "\n" + right;
}

}  // namespace zkvm::stark
