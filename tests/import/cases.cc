#include "tests/import/cases.h"

#include <zk/check.h>

#include <cstring>
#include <fstream>
#include <iterator>
#include <span>
#include <string_view>
#include <utility>

namespace zkvm::import_test {
namespace {

class Reader {
 public:
  explicit Reader(std::span<const uint8_t> bytes) : bytes_(bytes) {}

  std::span<const uint8_t> take(size_t count) {
    ZK_CHECK(count <= bytes_.size());
    const auto taken = bytes_.first(count);
    bytes_ = bytes_.subspan(count);
    return taken;
  }
  uint32_t number() {
    uint32_t value;
    std::memcpy(&value, take(4).data(), 4);
    return value;
  }
  std::vector<uint8_t> bytes() {
    const auto taken = take(number());
    return {taken.begin(), taken.end()};
  }
  std::string text() {
    const auto taken = take(number());
    return {taken.begin(), taken.end()};
  }
  std::vector<std::vector<uint8_t>> tensors() {
    std::vector<std::vector<uint8_t>> list(number());
    for (auto& each : list) each = bytes();
    return list;
  }
  std::vector<std::string> names() {
    std::vector<std::string> list(number());
    for (auto& each : list) each = text();
    return list;
  }
  [[nodiscard]] bool at_end() const { return bytes_.empty(); }

 private:
  std::span<const uint8_t> bytes_;
};

void set_kind(Case& it, std::string_view text) {
  constexpr std::string_view kDiffers = "differs: ", kRefused = "refused: ", kAnd = " & ";
  if (text == "exact") return;
  if (text.starts_with(kDiffers)) {
    it.kind = Case::Kind::kDiffers;
    it.reason = text.substr(kDiffers.size());
    return;
  }
  ZK_CHECK(text.starts_with(kRefused));
  it.kind = Case::Kind::kRefused;
  text.remove_prefix(kRefused.size());
  for (size_t end; (end = text.find(kAnd)) != text.npos; text.remove_prefix(end + kAnd.size()))
    it.parts.emplace_back(text.substr(0, end));
  it.parts.emplace_back(text);
}

Case read_case(Reader& reader) {
  Case it;
  it.name = reader.text();
  set_kind(it, reader.text());
  it.distance = reader.take(1)[0];
  it.model = reader.bytes();
  it.inputs = reader.names();
  it.outputs = reader.names();
  it.samples.resize(reader.number());
  for (Sample& sample : it.samples) {
    sample.inputs = reader.tensors();
    sample.outputs = reader.tensors();
  }
  return it;
}

}  // namespace

std::vector<Case> read_cases(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  const std::vector<char> contents{std::istreambuf_iterator<char>(file), {}};
  Reader reader({reinterpret_cast<const uint8_t*>(contents.data()), contents.size()});
  const auto magic = reader.take(8);
  ZK_CHECK(std::memcmp(magic.data(), "ZKIMPORT", magic.size()) == 0);
  std::vector<Case> cases(reader.number());
  for (Case& it : cases) it = read_case(reader);
  ZK_CHECK(reader.at_end());
  return cases;
}

const std::vector<Case>& all_cases() {
  static const std::vector<Case> cases = read_cases(IMPORT_CASES_FILE);
  return cases;
}

}  // namespace zkvm::import_test
