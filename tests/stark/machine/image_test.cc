// The image's bytes and id, and the circuits made from it. Links what a verifier links, no more.
#include "stark/machine/image.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "stark/chips/buses.h"
#include "stark/field/field.h"
#include "stark/hash/blake3.h"
#include "stark/machine/circuit.h"

namespace zkvm::stark::machine {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

Digest digest(uint32_t word) { return {word, word + 1, 3, 4, 5, 6, 7, word}; }

Image some_image() {
  return {.log_blowup = 2,
          .entry = 0x10008,
          .log_program = 15,
          .log_constants = {16, 14},
          .log_bank = 15,
          .banks = {{0, digest(10)}, {0x8000, digest(20)}, {0x100000, digest(30)}},
          .root = digest(40)};
}

ErrorCode error_of(const Image& image) {
  const auto checked = image.check();
  EXPECT_FALSE(checked);
  const auto parsed = Image::parse(image.serialise());
  EXPECT_FALSE(parsed);
  if (checked || parsed) return ErrorCode::kCancelled;
  EXPECT_EQ(parsed.error().code, checked.error().code) << parsed.error().message;
  return parsed.error().code;
}

TEST(Image, ComesBackFromItsBytes) {
  for (const Image& image : {some_image(), Image{}}) {
    const auto parsed = Image::parse(image.serialise());
    ASSERT_TRUE(parsed) << parsed.error().message;
    EXPECT_EQ(*parsed, image);
    EXPECT_EQ(parsed->id(), image.id());
  }
}

TEST(Image, RefusesCutAndLongerBytes) {
  const std::vector<uint8_t> bytes = some_image().serialise();
  for (size_t n = 0; n < bytes.size(); ++n) {
    const auto parsed = Image::parse(std::span(bytes).first(n));
    ASSERT_FALSE(parsed) << n;
    EXPECT_EQ(parsed.error().code, n < 4 ? ErrorCode::kFormat : ErrorCode::kTruncated)
        << n << ": " << parsed.error().message;
  }
  std::vector<uint8_t> longer = bytes;
  longer.push_back(0);
  EXPECT_EQ(Image::parse(longer).error().code, ErrorCode::kTrailing);
}

// Whatever is accepted is another image, with these very bytes and another id.
TEST(Image, EveryByteCounts) {
  const Image image = some_image();
  const std::vector<uint8_t> bytes = image.serialise();
  size_t accepted = 0;
  for (size_t i = 0; i < bytes.size(); ++i)
    for (const int change : {1, 4, 0x80, 0xff}) {
      std::vector<uint8_t> changed = bytes;
      changed[i] = static_cast<uint8_t>(changed[i] ^ change);
      const auto parsed = Image::parse(changed);
      if (!parsed) continue;
      ++accepted;
      EXPECT_NE(*parsed, image);
      EXPECT_NE(parsed->id(), image.id());
      EXPECT_EQ(parsed->serialise(), changed);
    }
  EXPECT_GE(accepted, 4 * sizeof(Digest) * 4);  // roots are any bytes
}

TEST(Image, IdDependsOnEveryField) {
  const std::vector<std::function<void(Image&)>> changes = {
      [](Image& i) { i.log_blowup = 1; },
      [](Image& i) { i.entry += 4; },
      [](Image& i) { i.log_program = 14; },
      [](Image& i) { i.log_constants[1] = 15; },
      [](Image& i) { std::swap(i.log_constants[0], i.log_constants[1]); },
      [](Image& i) { i.log_constants.pop_back(); },
      [](Image& i) { i.log_bank = 14; },
      [](Image& i) { i.banks[1].base = 0x10000; },
      [](Image& i) { i.banks[1].root[7] ^= 1; },
      [](Image& i) { std::swap(i.banks[0].root, i.banks[1].root); },
      [](Image& i) { i.banks.pop_back(); },
      [](Image& i) { i.root[0] ^= 1; },
      [](Image& i) { std::swap(i.root, i.banks[0].root); },
  };
  std::vector<Digest> ids = {some_image().id()};
  for (const auto& change : changes) {
    Image image = some_image();
    change(image);
    EXPECT_TRUE(image.check()) << image.check().error().message;
    ids.push_back(image.id());
  }
  std::ranges::sort(ids);
  EXPECT_EQ(std::ranges::adjacent_find(ids), ids.end());
  EXPECT_NE(some_image().id(), blake3_hash(some_image().serialise()));
}

TEST(Image, RefusesWhatIsOutOfRange) {
  const std::vector<std::pair<ErrorCode, std::function<void(Image&)>>> changes = {
      {ErrorCode::kFormat, [](Image& i) { i.log_blowup = 0; }},
      {ErrorCode::kFormat, [](Image& i) { i.log_blowup = 5; }},
      {ErrorCode::kFormat, [](Image& i) { i.entry = 6; }},
      {ErrorCode::kFormat, [](Image& i) { i.entry = 1u << 30; }},
      {ErrorCode::kFormat, [](Image& i) { i.log_program = kMinLogFixed - 1; }},
      {ErrorCode::kFormat, [](Image& i) { i.log_program = 23; }},
      {ErrorCode::kFormat, [](Image& i) { i.log_blowup = 3, i.log_program = 22; }},
      {ErrorCode::kFormat, [](Image& i) { i.log_constants[0] = 0; }},
      {ErrorCode::kFormat, [](Image& i) { i.log_constants[0] = 23; }},
      {ErrorCode::kFormat, [](Image& i) { i.log_constants.resize(kMaxConstantBanks + 1, 14); }},
      {ErrorCode::kFormat, [](Image& i) { i.log_bank = kMinLogBank - 1; }},
      {ErrorCode::kFormat, [](Image& i) { i.log_bank = 23; }},
      {ErrorCode::kFormat, [](Image& i) { i.banks[1].base = 0x8001; }},
      {ErrorCode::kFormat, [](Image& i) { i.banks[2].base = 1u << 28; }},
      {ErrorCode::kNonCanonical, [](Image& i) { i.banks[1].base = 0; }},
      {ErrorCode::kNonCanonical, [](Image& i) { i.banks[1].base = 0x200000; }},
      {ErrorCode::kFormat,
       [](Image& i) {
         i.banks.clear();
         for (uint32_t b = 0; b <= kMaxBanks; ++b) i.banks.push_back({b << 15, {}});
       }},
  };
  for (size_t n = 0; n < changes.size(); ++n) {
    SCOPED_TRACE(n);
    Image image = some_image();
    changes[n].second(image);
    EXPECT_EQ(error_of(image), changes[n].first);
  }
}

Circuit circuit_of(const Image& image, const std::vector<BankUse>& uses) {
  auto circuit = machine_circuit(image, uses);
  EXPECT_TRUE(circuit) << circuit.error().message;
  return *std::move(circuit);
}

std::vector<std::string> names_from(const Circuit& circuit, std::string_view first) {
  std::vector<std::string> names;
  for (size_t c = circuit.chip(first); c < circuit.key().chips.size(); ++c)
    names.push_back(circuit.key().chips[c].name);
  return names;
}

TEST(MachineCircuit, PlacesBanksAsTheyAreUsed) {
  const Circuit circuit = circuit_of(some_image(), {{0, true, true}, {2, false, false}});
  EXPECT_THAT(names_from(circuit, "constants 0"),
              ElementsAre("constants 0", "constants 1", "bank 0", "bank 2"));
  const VerifyingKey& key = circuit.key();
  const auto slots = [&](const char* chip) { return key.chips[circuit.chip(chip)].slots; };
  using Columns = ChipKey::SlotColumns;
  EXPECT_THAT(slots("bank 0"), ElementsAre(Columns{circuit.slot("image"), 4},
                                           Columns{circuit.slot("bank 0 out"), 2}));
  EXPECT_THAT(slots("bank 2"), ElementsAre(Columns{circuit.slot("bank 2"), 4},
                                           Columns{circuit.slot("bank 2 in"), 2}));
  EXPECT_EQ(key.chips[circuit.chip("bank 0")].log_height, kMinLogFixed);
  EXPECT_EQ(key.chips[circuit.chip("bank 2")].log_height, 15);
  EXPECT_EQ(key.chips[circuit.chip("constants 0")].log_height, 16);
  EXPECT_EQ(key.chips[circuit.chip("program")].log_height, 15);

  const auto root = [&](const char* slot) { return key.slots[circuit.slot(slot)].root; };
  EXPECT_EQ(root("image"), digest(40));
  EXPECT_EQ(root("bank 2"), digest(20));
  for (const Slot& slot : key.slots)
    EXPECT_EQ(slot.kind == Slot::Kind::kShared, slot.root == Digest{});
  EXPECT_EQ(key.slots.size(), 4);
}

TEST(MachineCircuit, KeyDependsOnEveryUse) {
  const std::vector<std::vector<BankUse>> cases = {
      {{0, true, true}},
      {{0, true, false}},
      {{0, false, true}},
      {{0, false, false}},
      {{0, true, true}, {1, true, false}},
      {{0, true, true}, {1, false, false}},
      {{0, true, true}, {1, true, true}},
      {{0, true, true}, {1, false, true}},
      {{0, true, true}, {2, true, false}},
      {{0, true, true}, {1, true, false}, {2, true, false}},
  };
  std::vector<std::vector<uint8_t>> keys;
  for (const auto& uses : cases) keys.push_back(circuit_of(some_image(), uses).key().serialise());
  Image other = some_image();
  other.banks[0].root[0] ^= 1;
  keys.push_back(circuit_of(other, cases[4]).key().serialise());
  std::ranges::sort(keys);
  EXPECT_EQ(std::ranges::adjacent_find(keys), keys.end());
}

TEST(MachineCircuit, FixedColumnsDoNotDependOnTheUses) {
  const auto in_image = [](const Circuit& circuit) {
    std::vector<std::pair<std::string, uint8_t>> chips;
    for (const ChipKey& chip : circuit.key().chips)
      if (!chip.slots.empty() && chip.slots[0].slot == circuit.slot("image"))
        chips.emplace_back(chip.name, chip.log_height);
    return chips;
  };
  const auto expected = in_image(circuit_of(some_image(), {{0, true, false}}));
  EXPECT_EQ(expected.size(), 7);
  for (const bool from_image : {false, true})
    for (const bool kept : {false, true})
      EXPECT_EQ(in_image(circuit_of(some_image(), {{0, from_image, kept}, {3, kept, true}})),
                expected);
}

TEST(MachineCircuit, RefusesUsesThatAreNone) {
  const auto message = [](const std::vector<BankUse>& uses) -> std::string {
    const auto circuit = machine_circuit(some_image(), uses);
    if (circuit) return "";
    EXPECT_EQ(circuit.error().code, ErrorCode::kStatement);
    return circuit.error().message;
  };
  EXPECT_EQ(message({{0, true, true}, {3, true, true}}), "");
  EXPECT_THAT(message({}), HasSubstr("machine bank is missing"));
  EXPECT_THAT(message({{1, true, true}}), HasSubstr("machine bank is missing"));
  EXPECT_THAT(message({{0, true, true}, {4, true, true}}), HasSubstr("0..3, found 4"));
  EXPECT_THAT(message({{0, true, true}, {0, true, true}}), HasSubstr("not ascending"));
  EXPECT_THAT(message({{0, true, true}, {2, true, true}, {1, true, true}}),
              HasSubstr("bank use 2: banks are not ascending"));
}

TEST(MachineStatement, NamesJournalExitCodeAndRoots) {
  const std::vector<BankUse> uses = {{0, false, true}, {1, true, false}, {3, false, true}};
  const Circuit circuit = circuit_of(some_image(), uses);
  const std::vector<BankRoots> roots = {
      {digest(1), digest(2)}, {digest(3), digest(4)}, {digest(5), digest(6)}};
  const SegmentClaim claim{.journal_begin = 7, .journal = {0x12345678, 9}, .exit_code = 0xffff0001};
  const Statement statement = segment_statement(circuit, claim, uses, roots);
  const auto item = [](uint16_t bus, std::vector<uint32_t> tuple) {
    for (uint32_t& x : tuple) x = Fp::from(x).wire;
    return PublicInteraction{bus, -1, Fp::one().wire, std::move(tuple)};
  };
  EXPECT_THAT(statement.publics,
              ElementsAre(item(chips::kJournal.id, {7, 0x5678, 0x1234}),
                          item(chips::kJournal.id, {8, 9, 0}), item(chips::kExit.id, {1, 0xffff})));
  EXPECT_THAT(statement.shared, ElementsAre(SharedRoot{circuit.slot("bank 0 in"), digest(1)},
                                            SharedRoot{circuit.slot("bank 0 out"), digest(2)},
                                            SharedRoot{circuit.slot("bank 3 in"), digest(5)},
                                            SharedRoot{circuit.slot("bank 3 out"), digest(6)}));
  EXPECT_TRUE(segment_statement(circuit_of(some_image(), {{0, true, false}}), {},
                                std::vector<BankUse>{{0, true, false}}, std::vector<BankRoots>(1))
                  .serialise()
                  .size() == 6);
}

// An image id names chips and heights, too, by the version alone. So whoever changes them and has
// released images raises kVersion in image.cc, and puts the key's new digest here either way.
TEST(Image, VersionIsOfTheseChips) {
  const BankUse uses[] = {{kMachineBank, true, false}, {1, false, true}};
  const auto circuit = machine_circuit(some_image(), uses);
  ASSERT_TRUE(circuit);
  std::string hex;
  for (const uint32_t word : blake3_hash(circuit->key().serialise()))
    hex += fmt::format("{:08x}", word);
  EXPECT_EQ(hex, "d12890e290b037483e6eaa105cc2c14e7776e1987325a90f77aa1c59f009634a");
}

}  // namespace
}  // namespace zkvm::stark::machine
