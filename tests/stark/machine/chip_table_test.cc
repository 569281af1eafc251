// stark/doc/chips.md lists every chip with what it costs. The list is what the recorder says; this
// test fails if the page is not current, and ZKVM_UPDATE=1 writes it anew.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "stark/air/recorder.h"
#include "stark/machine/chip_list.h"

namespace zkvm::stark::machine {
namespace {

constexpr const char* kPage = ZKVM_SOURCE_DIR "/stark/doc/chips.md";
constexpr const char* kBegin = "<!-- generated: begin -->\n";
constexpr const char* kEnd = "<!-- generated: end -->\n";

template <ChipDefinition... Chips>
std::vector<RecordedChip> record_all(ChipList<Chips...>) {
  return {record_chip<Chips>()...};
}

std::string text_of(const std::filesystem::path& path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

/// The file below stark/chips whose kName is this, or one of a few.
std::string file_of(const std::string& name) {
  const std::filesystem::path chips = ZKVM_SOURCE_DIR "/stark/chips";
  std::string found;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(chips)) {
    if (entry.path().extension() != ".h") continue;
    const std::string text = text_of(entry.path());
    constexpr std::string_view kName = "kName =";
    for (size_t at = text.find(kName); at != std::string::npos; at = text.find(kName, at + 1))
      if (text.substr(at, text.find(';', at) - at).find('"' + name + '"') != std::string::npos)
        found = std::filesystem::relative(entry.path(), chips);
  }
  EXPECT_NE(found, "") << "no file of stark/chips has a chip " << name;
  return found;
}

std::string row_of(const RecordedChip& chip) {
  const std::vector<unsigned> degrees = chip.degrees();
  const size_t in_slots = chip.key.slot_width();
  const size_t interactions = chip.key.interactions.size();
  // Two interactions share an extension column, five base columns; a height's odd one stands alone.
  const uint16_t late = chip.key.late_width;
  const double committed = chip.key.main_width + late + 2.5 * static_cast<double>(interactions);
  return fmt::format(
      "| {} | {} | {} | {} | {} | {} | {:g} | {} | {} |\n", chip.key.name, file_of(chip.key.name),
      chip.key.main_width, late == 0 ? "" : std::to_string(late),
      in_slots == 0 ? "" : std::to_string(in_slots), interactions, committed,
      chip.key.asserts.size(), degrees.empty() ? 0 : *std::ranges::max_element(degrees));
}

std::string generated() {
  std::string out =
      "| chip | file | main columns | late | in slots | interactions | committed | asserts | "
      "degree |\n"
      "|---|---|---:|---:|---:|---:|---:|---:|---:|\n";
  for (const RecordedChip& chip : record_all(MachineChips{})) out += row_of(chip);
  return out;
}

TEST(ChipTable, IsCurrent) {
  const std::string page = text_of(kPage);
  const size_t begin = page.find(kBegin), end = page.find(kEnd);
  ASSERT_NE(begin, std::string::npos);
  ASSERT_NE(end, std::string::npos);
  const std::string wanted = page.substr(0, begin) + kBegin + generated() + page.substr(end);
  if (std::getenv("ZKVM_UPDATE") != nullptr)
    std::ofstream(kPage) << wanted;
  else
    EXPECT_EQ(page, wanted) << "run this test with ZKVM_UPDATE=1";
}

}  // namespace
}  // namespace zkvm::stark::machine
