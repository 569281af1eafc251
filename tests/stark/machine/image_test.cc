// The image's bytes and id, and the circuits made from it. Links what a verifier links, no more.
#include "stark/machine/image.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <set>
#include <tuple>

#include "stark/chips/buses.h"
#include "stark/field/field.h"
#include "stark/hash/blake3.h"
#include "stark/machine/circuit.h"

namespace zkvm::stark::machine {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

Digest digest(uint32_t word) { return {word, word + 1, 3, 4, 5, 6, 7, word}; }

// Banks 1 and 2 blank, 3 partial, 4 .. 46 whole, 47 blank; constants in 48, partial. Columns of 3 to
// 15 stand in `image`, those of 16 to 46 in volume 0, whose last two are passed over, of 48 in volume
// 1.
Image some_image() {
  return {.log_blowup = 2,
          .entry = 0x10008,
          .log_program = 15,
          .runs = {{kBankWords, 2, BankKind::kBlank},
                   {3 * kBankWords, 1, BankKind::kPartial},
                   {4 * kBankWords, 43, BankKind::kWhole},
                   {0x100000, 1, BankKind::kBlank},
                   {chips::kReadOnlyBase, 1, BankKind::kPartial}},
          .volumes = {digest(10), digest(20)},
          .root = digest(40)};
}

// The same with trees of the next lower rate, too.
Image image_of_two_rates() {
  Image image = some_image();
  image.lower = {.volumes = {digest(50), digest(60)}, .root = digest(70)};
  return image;
}

// The same of a program that says something of its model.
Image image_with_model() {
  Image image = image_of_two_rates();
  image.model = digest(80);
  return image;
}

// The same with one group of layers, and with three.
Image image_with_layers() {
  Image image = image_of_two_rates();
  image.layer_heights = {{12, 13, 12, 0, 14, 20, 0, 12, 18}};
  image.layers = {digest(90)};
  image.lower->layers = {digest(91)};
  return image;
}
Image image_with_groups() {
  Image image = image_with_layers();
  image.layer_heights = {image.layer_heights[0], {12}, image.layer_heights[0]};
  image.layers = {digest(90), digest(100), digest(110)};
  image.lower->layers = {digest(91), digest(101), digest(111)};
  return image;
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
  for (const Image& image : {some_image(), image_of_two_rates(), image_with_model(),
                             image_with_layers(), image_with_groups(), Image{}}) {
    const auto parsed = Image::parse(image.serialise());
    ASSERT_TRUE(parsed) << parsed.error().message;
    EXPECT_EQ(*parsed, image);
    EXPECT_EQ(parsed->id(), image.id());
  }
}

TEST(Image, RefusesCutAndLongerBytes) {
  for (const Image& image : {some_image(), image_of_two_rates(), image_with_model(),
                             image_with_layers(), image_with_groups()}) {
    const std::vector<uint8_t> bytes = image.serialise();
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
}

// Whatever is accepted is another image, with these very bytes and another id.
TEST(Image, EveryByteCounts) {
  for (const Image& image : {image_with_model(), image_with_groups()}) {
    const std::vector<uint8_t> bytes = image.serialise();
    size_t accepted = 0;
    for (size_t i = 0; i < bytes.size(); ++i)
      for (const int change : {1, 2, 4, 0x80, 0xff}) {
        std::vector<uint8_t> changed = bytes;
        changed[i] = static_cast<uint8_t>(changed[i] ^ change);
        const auto parsed = Image::parse(changed);
        if (!parsed) continue;
        ++accepted;
        EXPECT_NE(*parsed, image);
        EXPECT_NE(parsed->id(), image.id());
        EXPECT_EQ(parsed->serialise(), changed);
      }
    EXPECT_GE(accepted, 5 * sizeof(Digest) * 7);  // roots and the model's digest are any bytes
  }
}

// One group has the bytes that it had before there were several: no number of them.
TEST(Image, SaysHowManyGroupsThereAreIfThereAreSeveral) {
  const auto one = image_with_layers().serialise(), three = image_with_groups().serialise();
  const size_t flags = 4 + 4 + 1 + 4 + 1 + 2 + 5 * 7;
  EXPECT_EQ(one[flags], 1);
  EXPECT_EQ(one[flags + 1], 12);  // a height
  EXPECT_EQ(three[flags], 5);
  EXPECT_EQ(three[flags + 1], 3);
  EXPECT_EQ(three.size(), one.size() + 1 + 2 * (kLayerTables + 2 * sizeof(Digest)));
  const auto code = [&](uint8_t flag, int groups) {
    std::vector<uint8_t> changed = three;
    changed[flags] = flag;
    if (groups >= 0) changed[flags + 1] = static_cast<uint8_t>(groups);
    const auto parsed = Image::parse(changed);
    return parsed ? ErrorCode::kCancelled : parsed.error().code;
  };
  EXPECT_EQ(code(5, 3), ErrorCode::kCancelled);
  EXPECT_EQ(code(4, 3), ErrorCode::kNonCanonical);  // groups of no layers
  EXPECT_EQ(code(13, 3), ErrorCode::kNonCanonical);
  EXPECT_EQ(code(5, 0), ErrorCode::kNonCanonical);
  EXPECT_EQ(code(5, 1), ErrorCode::kNonCanonical);
  EXPECT_EQ(code(5, 64), ErrorCode::kTruncated);
  EXPECT_EQ(code(5, 65), ErrorCode::kFormat);
  EXPECT_EQ(code(5, 255), ErrorCode::kFormat);
  Image most = image_with_groups();
  for (const size_t count : {kMaxLayerGroups, kMaxLayerGroups + 1}) {
    most.layer_heights.resize(count, {12});
    most.layers.resize(count);
    most.lower->layers.resize(count);
    EXPECT_EQ(static_cast<bool>(most.check()), count == kMaxLayerGroups);
    EXPECT_EQ(static_cast<bool>(Image::parse(most.serialise())), count == kMaxLayerGroups);
  }
  for (const auto& change :
       std::vector<std::function<void(Image&)>>{[](Image& i) { i.layer_heights[1][0] = 0; },
                                                [](Image& i) { i.layer_heights[2][5] = 11; },
                                                [](Image& i) { i.layer_heights[1][3] = 23; }}) {
    Image image = image_with_groups();
    change(image);
    EXPECT_EQ(error_of(image), ErrorCode::kFormat);
  }
  Image fewer = image_with_groups();
  fewer.layers.pop_back();
  EXPECT_FALSE(fewer.check());
  fewer = image_with_groups();
  fewer.lower->layers.pop_back();
  EXPECT_FALSE(fewer.check());
}

TEST(Image, IdDependsOnEveryField) {
  const std::vector<std::function<void(Image&)>> changes = {
      [](Image& i) { i.log_blowup = 1; },
      [](Image& i) { i.entry += 4; },
      [](Image& i) { i.log_program = 14; },
      [](Image& i) { i.runs[0].count = 1; },
      [](Image& i) { i.runs[3].base += kBankWords; },
      [](Image& i) { i.runs[3].count = 2; },
      [](Image& i) { i.runs[0].kind = BankKind::kWhole; },
      [](Image& i) { std::swap(i.runs[0].kind, i.runs[1].kind); },
      [](Image& i) { i.runs.erase(i.runs.begin() + 3); },
      [](Image& i) { i.volumes[1][7] ^= 1; },
      [](Image& i) { std::swap(i.volumes[0], i.volumes[1]); },
      [](Image& i) { i.root[0] ^= 1; },
      [](Image& i) { std::swap(i.root, i.volumes[1]); },
      [](Image& i) { i.lower = image_of_two_rates().lower; },
      [](Image& i) { i.lower = {.volumes = i.volumes, .root = i.root}; },
      [](Image& i) { i = image_of_two_rates(), i.lower->volumes[1][7] ^= 1; },
      [](Image& i) { i = image_of_two_rates(), i.lower->root[0] ^= 1; },
      [](Image& i) { i = image_of_two_rates(), std::swap(i.root, i.lower->root); },
      [](Image& i) { i.model = Digest{}; },
      [](Image& i) { i.model = digest(80); },
      [](Image& i) { i = image_with_model(); },
      [](Image& i) { i = image_with_model(), (*i.model)[7] ^= 1; },
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

// Programs of before the description of models keep their ids.
TEST(Image, WithoutAModelHasTheBytesThatItHad) {
  const Image image = some_image();
  const std::vector<uint8_t> bytes = image.serialise();
  const size_t flags = 4 + 4 + 1 + 4 + 1 + 2 + 7 * image.runs.size();
  EXPECT_EQ(bytes[flags], 0);
  EXPECT_EQ(bytes.size(), flags + 1 + 3 * sizeof(Digest) + 1);

  Image with = image;
  with.model = digest(80);
  std::vector<uint8_t> longer = with.serialise();
  EXPECT_EQ(longer[flags], 2);
  longer[flags] = 0;
  const auto digest_at = longer.begin() + static_cast<ptrdiff_t>(flags) + 1;
  longer.erase(digest_at, digest_at + sizeof(Digest));
  EXPECT_EQ(longer, bytes);

  for (const uint8_t unknown : std::vector<uint8_t>{4, 6, 0x80}) {
    std::vector<uint8_t> changed = with.serialise();
    changed[flags] |= unknown;
    EXPECT_EQ(Image::parse(changed).error().code, ErrorCode::kNonCanonical);
  }
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
      {ErrorCode::kFormat, [](Image& i) { i.runs[1].base += 1; }},
      {ErrorCode::kFormat, [](Image& i) { i.runs[3].base = chips::kAddressEnd / 4; }},
      {ErrorCode::kFormat,
       [](Image& i) { i.runs[3].base = chips::kMachineBase & ~(kBankWords - 1); }},
      {ErrorCode::kFormat, [](Image& i) { i.runs[3].count = 0; }},
      {ErrorCode::kFormat, [](Image& i) { i.runs[3].count = 65535; }},
      {ErrorCode::kFormat, [](Image& i) { i.runs[4].count = 65535; }},
      {ErrorCode::kFormat, [](Image& i) { i.runs[3].kind = static_cast<BankKind>(3); }},
      {ErrorCode::kFormat, [](Image& i) { i.runs[0].base = 0; }},  // address 0
      {ErrorCode::kFormat, [](Image& i) { i.runs[4].kind = BankKind::kWhole; }},
      {ErrorCode::kNonCanonical, [](Image& i) { i.runs[1].base = 0; }},
      {ErrorCode::kNonCanonical, [](Image& i) { i.runs[0].count = 3; }},
      {ErrorCode::kNonCanonical, [](Image& i) { std::swap(i.runs[0], i.runs[1]); }},
      {ErrorCode::kNonCanonical, [](Image& i) { i.runs[1].kind = BankKind::kBlank; }},
  };
  for (size_t n = 0; n < changes.size(); ++n) {
    SCOPED_TRACE(n);
    Image image = some_image();
    changes[n].second(image);
    EXPECT_EQ(error_of(image), changes[n].first);
  }
}

TEST(Image, TreesOfALowerRateMustFit) {
  const auto refused = [](const std::function<void(Image&)>& change) {
    Image image = image_of_two_rates();
    EXPECT_TRUE(image.check());
    change(image);
    return error_of(image);
  };
  EXPECT_EQ(refused([](Image& i) { i.log_blowup = 4; }), ErrorCode::kFormat);
  // A domain of 2^24 points holds 2^21 rows at rate 1/8.
  Image tallest = image_of_two_rates();
  tallest.log_program = 21;
  EXPECT_TRUE(Image::parse(tallest.serialise()));
  EXPECT_EQ(refused([](Image& i) { i.log_program = 22; }), ErrorCode::kFormat);

  for (const auto& [count, code] :
       {std::pair{1, ErrorCode::kTruncated}, {3, ErrorCode::kTrailing}}) {
    Image image = image_of_two_rates();
    image.lower->volumes.resize(static_cast<size_t>(count));
    EXPECT_EQ(image.check().error().code, ErrorCode::kFormat);
    EXPECT_EQ(Image::parse(image.serialise()).error().code, code);
  }
  std::vector<uint8_t> bytes = some_image().serialise();
  ASSERT_EQ(bytes.back(), 0);  // no such trees
  bytes.back() = 2;
  EXPECT_EQ(Image::parse(bytes).error().code, ErrorCode::kNonCanonical);
  bytes.back() = 1;
  EXPECT_EQ(Image::parse(bytes).error().code, ErrorCode::kTruncated);
}

TEST(Image, BanksWithAddressZeroArePartial) {
  for (const uint32_t base : {0u, chips::kReadOnlyBase})
    for (const BankKind kind : {BankKind::kBlank, BankKind::kWhole, BankKind::kPartial}) {
      Image image;
      image.runs = {{base, 2, kind}};
      const auto checked = image.check();
      EXPECT_EQ(checked.has_value(), kind == BankKind::kPartial);
      if (checked) continue;
      EXPECT_EQ(error_of(image), ErrorCode::kFormat);
      EXPECT_EQ(checked.error().message,
                fmt::format("image: run 0: address 0 is never declared: expected a bank of kind 2 "
                            "at {:#x}, found {}",
                            base, static_cast<unsigned>(kind)));
    }
}

TEST(Image, RefusesOtherVersionsByName) {
  for (const uint8_t version : std::vector<uint8_t>{0, 7, 9}) {
    std::vector<uint8_t> bytes = some_image().serialise();
    bytes[4] = version;
    const auto parsed = Image::parse(bytes);
    ASSERT_FALSE(parsed);
    EXPECT_EQ(parsed.error().code, ErrorCode::kFormat);
    EXPECT_EQ(parsed.error().message, fmt::format("image: version: expected 8, found {}", version));
  }
}

TEST(Image, HasAsManyVolumesAsItsBanksFill) {
  Image fewer = some_image(), more = some_image();
  fewer.volumes.pop_back();
  more.volumes.push_back({});
  EXPECT_EQ(fewer.check().error().code, ErrorCode::kFormat);
  EXPECT_EQ(more.check().error().code, ErrorCode::kFormat);
  EXPECT_EQ(Image::parse(fewer.serialise()).error().code, ErrorCode::kTruncated);
  // Where it should say if there are trees of a lower rate, it has a byte of a root.
  ASSERT_GT(digest(40)[0] & 0xff, 1u);
  EXPECT_EQ(Image::parse(more.serialise()).error().code, ErrorCode::kNonCanonical);
}

TEST(BankMap, FindsBanksByNumberAndPlace) {
  const Image image = some_image();
  const BankMap banks(image.runs);
  EXPECT_EQ(banks.count(), 48);
  EXPECT_EQ(banks[2].base, 2 * kBankWords);
  EXPECT_EQ(banks[3].kind, BankKind::kPartial);
  const auto expect = [&](uint16_t bank, std::optional<uint32_t> volume, uint16_t column) {
    EXPECT_EQ(banks[bank].volume, volume) << bank;
    EXPECT_EQ(banks[bank].column, column) << bank;
  };
  expect(3, {}, 4);  // behind those of blank banks
  expect(4, {}, 8);
  expect(15, {}, 30);
  expect(16, 0, 0);
  expect(46, 0, 60);
  expect(48, 1, 0);
  EXPECT_TRUE(banks[48].constant);
  EXPECT_FALSE(banks[47].constant);
  EXPECT_EQ(banks.image_width(), 32);
  EXPECT_THAT(banks.volume_widths(), ElementsAre(64, 4));
  EXPECT_EQ(banks.find(kBankWords - 1), 0);
  EXPECT_EQ(banks.find(kBankWords), 1);
  EXPECT_EQ(banks.find(4 * kBankWords - 1), 3);
  EXPECT_EQ(banks.find(47 * kBankWords), 0);
  EXPECT_EQ(banks.find(0x100000 + kBankWords - 1), 47);
  EXPECT_EQ(banks.find(chips::kReadOnlyBase), 48);
  EXPECT_EQ(banks.find(UINT32_MAX), 0);
}

// 32 columns of banks stand in `image`, four of them for all blank ones, which are there without any
// such bank, too.
TEST(BankMap, TheFirstBanksStandInTheImage) {
  const auto widths = [](const std::vector<Image::Run>& runs) {
    const BankMap banks(runs);
    std::vector<uint16_t> out = {banks.image_width()};
    for (const uint16_t volume : banks.volume_widths()) out.push_back(volume);
    return out;
  };
  EXPECT_THAT(widths({}), ElementsAre(4));
  EXPECT_THAT(widths({{kBankWords, 1000, BankKind::kBlank}}), ElementsAre(4));
  const auto whole = [&](uint16_t count) {
    return widths({{kBankWords, count, BankKind::kWhole}});
  };
  EXPECT_THAT(whole(1), ElementsAre(6));
  EXPECT_THAT(whole(13), ElementsAre(30));
  EXPECT_THAT(whole(14), ElementsAre(32));
  EXPECT_THAT(whole(15), ElementsAre(32, 2));
  EXPECT_THAT(whole(14 + 32), ElementsAre(32, 64));
  EXPECT_THAT(whole(14 + 33), ElementsAre(32, 64, 2));
  const auto partial = [&](uint16_t count) { return widths({{0, count, BankKind::kPartial}}); };
  EXPECT_THAT(partial(7), ElementsAre(32));
  EXPECT_THAT(partial(8), ElementsAre(32, 4));
  EXPECT_THAT(partial(7 + 17), ElementsAre(32, 64, 4));
  // Two after four leave no gap; four after two do, of two columns, at the end of `image`, too.
  const auto mixed = [&](uint16_t before, uint16_t wholes, uint16_t after) {
    return widths({{0, before, BankKind::kPartial},
                   {0x100000, wholes, BankKind::kWhole},
                   {0x200000, after, BankKind::kPartial}});
  };
  EXPECT_THAT(mixed(1, 1, 1), ElementsAre(4 + 4 + 2 + 2 + 4));
  EXPECT_THAT(mixed(1, 2, 1), ElementsAre(4 + 4 + 4 + 4));
  EXPECT_THAT(mixed(1, 11, 1), ElementsAre(32, 4));
  EXPECT_THAT(mixed(6, 3, 1), ElementsAre(32, 2 + 2 + 4));
}

// A bank's columns stand in one tree, whatever comes before it, and no two share one.
TEST(BankMap, NoBankLiesAcrossTrees) {
  for (uint16_t whole = 1; whole < 70; ++whole) {
    const std::vector<Image::Run> runs = {{kBankWords, whole, BankKind::kWhole},
                                          {0x100000, 20, BankKind::kPartial}};
    const BankMap banks(runs);
    using Column = std::pair<std::optional<uint32_t>, uint32_t>;
    std::set<Column> taken;
    for (uint32_t c = 0; c < kBlankColumns; ++c) taken.emplace(std::nullopt, c);
    for (uint16_t b = 1; b <= banks.count(); ++b)
      for (uint32_t c = 0; c < volume_columns(banks[b].kind); ++c) {
        const uint32_t width = banks[b].volume ? banks.volume_widths().at(*banks[b].volume)
                                               : uint32_t{banks.image_width()};
        ASSERT_LT(banks[b].column + c, width);
        EXPECT_TRUE(taken.emplace(banks[b].volume, banks[b].column + c).second);
      }
  }
}

TEST(BankUses, AreLinkedFromUserToUser) {
  std::vector<BankUse> first = {{0}, {1}, {35, true}}, second = {{0}, {35, true}},
                       third = {{0}, {1}};
  link_banks(std::vector<std::vector<BankUse>*>{&first, &second, &third});
  EXPECT_THAT(first,
              ElementsAre(BankUse{0, false, {}, 1}, BankUse{1, false, {}, 2}, BankUse{35, true}));
  EXPECT_THAT(second, ElementsAre(BankUse{0, false, 0, 2}, BankUse{35, true}));
  EXPECT_THAT(third, ElementsAre(BankUse{0, false, 1, {}}, BankUse{1, false, 0, {}}));
}

Circuit circuit_of(const Image& image, const std::vector<BankUse>& uses) {
  auto circuit = machine_circuit(image, uses);
  EXPECT_TRUE(circuit) << circuit.error().message;
  return *std::move(circuit);
}

TEST(MachineCircuit, PlacesBanksAsTheyAreUsed) {
  const std::vector<BankUse> uses = {
      {0, false, 4, 6}, {1, false, {}, 6}, {3, false, 2, 7}, {5}, {17}, {48, true}};
  const Circuit circuit = circuit_of(some_image(), uses);
  const VerifyingKey& key = circuit.key();
  const auto at = [&](const std::string& slot, uint16_t first) {
    return ChipKey::SlotColumns{circuit.slot(slot), first, 2};
  };
  const auto slots = [&](const char* chip) { return key.chips[circuit.chip(chip)].slots; };
  // Behind the columns of the image's banks and those of the tables before it.
  const uint16_t own = slots("bank 0")[0].first;
  EXPECT_GE(own, 32);
  EXPECT_THAT(slots("bank 0"),
              ElementsAre(at("image", own), at("image", static_cast<uint16_t>(own + 2)),
                          at("from segment 4", 0), at("for segment 6", 0)));
  EXPECT_THAT(slots("bank 1"), ElementsAre(at("image", 0), at("image", 2), at("for segment 6", 2)));
  EXPECT_THAT(slots("bank 3"), ElementsAre(at("image", 4), at("image", 6), at("from segment 2", 0),
                                           at("for segment 7", 0)));
  EXPECT_THAT(slots("bank 5"), ElementsAre(at("image", 0), at("image", 10)));
  EXPECT_THAT(slots("bank 17"), ElementsAre(at("image", 0), at("volume 0", 2)));
  EXPECT_THAT(slots("bank 48"), ElementsAre(at("volume 1", 0), at("volume 1", 2)));
  EXPECT_EQ(key.chips[circuit.chip("program")].log_height, 15);

  const auto slot = [&](const char* name) { return key.slots[circuit.slot(name)]; };
  using Rows = std::vector<Slot::Row>;
  EXPECT_EQ(slot("image").width(kLogBank), own + 4);
  EXPECT_EQ(slot("volume 0").rows, (Rows{{kLogBank, 64}}));
  EXPECT_EQ(slot("volume 1").rows, (Rows{{kLogBank, 4}}));
  EXPECT_EQ(slot("for segment 6").rows, (Rows{{kLogBank, 4}}));
  EXPECT_EQ(slot("image").root, digest(40));
  EXPECT_EQ(slot("volume 0").root, digest(10));
  EXPECT_EQ(slot("volume 1").root, digest(20));
  for (const Slot& s : key.slots) EXPECT_EQ(s.kind == Slot::Kind::kShared, s.root == Digest{});
  EXPECT_EQ(key.slots.size(), 7);
}

// Proofs of a rate that the image has trees for read those; all of a higher one read the first.
TEST(MachineCircuit, RootsAreThoseOfTheRate) {
  const Image image = image_of_two_rates();
  const std::vector<BankUse> uses = {{0}, {16}, {48, true}};
  const auto expect = [&](const Image& of, uint8_t log_blowup, uint8_t made_for, Digest root,
                          Digest volume_0, Digest volume_1) {
    const auto circuit = machine_circuit(of, uses, nullptr, log_blowup);
    ASSERT_TRUE(circuit);
    const auto slot = [&](const char* name) { return circuit->key().slots[circuit->slot(name)]; };
    EXPECT_EQ(slot("image").root, root);
    EXPECT_EQ(slot("volume 0").root, volume_0);
    EXPECT_EQ(slot("volume 1").root, volume_1);
    for (const Slot& s : circuit->key().slots) EXPECT_EQ(s.log_blowup, made_for);
  };
  for (const uint8_t log_blowup : std::vector<uint8_t>{1, 2})
    expect(image, log_blowup, 2, digest(40), digest(10), digest(20));
  for (const uint8_t log_blowup : std::vector<uint8_t>{3, 4})  // the last is refused by its shape
    expect(image, log_blowup, 3, digest(70), digest(50), digest(60));
  for (const uint8_t log_blowup : std::vector<uint8_t>{1, 2, 3, 4})
    expect(some_image(), log_blowup, 2, digest(40), digest(10), digest(20));
}

// What the program says of its model is the id's business: a key with it is a key without.
TEST(MachineCircuit, DoesNotDependOnTheModel) {
  const std::vector<BankUse> uses = {{0}, {16}, {48, true}};
  EXPECT_EQ(circuit_of(image_with_model(), uses).key().serialise(),
            circuit_of(image_of_two_rates(), uses).key().serialise());
}

// A segment has a tree beside `image` for the volumes that it uses, and for no other bank.
TEST(MachineCircuit, FirstBanksNeedNoTreeOfTheirOwn) {
  const auto slots = [](const std::vector<BankUse>& uses) {
    return circuit_of(some_image(), uses).key().slots.size();
  };
  EXPECT_EQ(slots({{0}}), 1);
  EXPECT_EQ(slots({{0}, {1}, {2}, {3}, {4}, {15}, {47}}), 1);
  EXPECT_EQ(slots({{0}, {16}}), 2);
  EXPECT_EQ(slots({{0}, {15}, {16}, {46}}), 2);
  EXPECT_EQ(slots({{0}, {16}, {48, true}}), 3);
}

// The base of a bank is all that tells its places from those of another.
TEST(MachineCircuit, PlacesAreTheBanksOwn) {
  const Circuit circuit = circuit_of(some_image(), {{0}, {1}, {5}, {48, true}});
  const auto expect = [&](const char* bank, uint32_t base) {
    const uint16_t chip = circuit.chip(bank);
    ASSERT_EQ(circuit.key().chips[chip].interactions.size(), 2u);
    for (const Interaction& memory : circuit.key().chips[chip].interactions) {
      EXPECT_EQ(memory.bus, chips::kMemory.id) << bank;
      EXPECT_EQ(Fp::from_wire(memory.tuple[0].constant).value(), base) << bank;
    }
    EXPECT_EQ(circuit.base(chip).value(), base);
  };
  expect("bank 0", 0);
  expect("bank 1", kBankWords);
  expect("bank 5", 5 * kBankWords);
  expect("bank 48", chips::kReadOnlyBase);
}

TEST(MachineCircuit, KeyDependsOnEveryUse) {
  const std::vector<std::vector<BankUse>> cases = {
      {{0}},
      {{0, false, 1, {}}},
      {{0, false, {}, 1}},
      {{0, false, 1, 3}},
      {{0}, {1}},
      {{0}, {2}},
      {{0}, {1, false, {}, 1}},
      {{0}, {1, false, 1, {}}},
      {{0}, {3}},
      {{0}, {4}},
      {{0}, {16}},
      {{0}, {48, true}},
      {{0}, {1}, {2}},
      {{0, false, 1, {}}, {1, false, 1, {}}},
      {{0, false, 1, {}}, {1, false, 0, {}}},
  };
  std::vector<std::vector<uint8_t>> keys;
  for (const auto& uses : cases) keys.push_back(circuit_of(some_image(), uses).key().serialise());
  Image other = some_image();
  other.root[0] ^= 1;
  keys.push_back(circuit_of(other, cases[4]).key().serialise());
  other = some_image();
  other.volumes[0][0] ^= 1;
  keys.push_back(circuit_of(other, cases[10]).key().serialise());
  // Groups of layers, of which two have the same heights.
  for (const auto& groups : std::vector<std::vector<size_t>>{{0}, {1}, {2}, {2, 0}, {2, 1, 0}}) {
    std::vector<BankUse> uses = {{0}};
    for (const size_t group : groups) uses.push_back({layers_bank(group), true});
    keys.push_back(circuit_of(image_with_groups(), uses).key().serialise());
  }
  std::ranges::sort(keys);
  EXPECT_EQ(std::ranges::adjacent_find(keys), keys.end());
}

TEST(MachineCircuit, FixedColumnsDoNotDependOnTheUses) {
  // Those of chips that every segment has, and the rows of the whole slot.
  const auto fixed = [](const Circuit& circuit, const char* slot) {
    std::vector<std::tuple<std::string, uint8_t, uint16_t>> columns;
    const uint16_t wanted = circuit.slot(slot);
    for (const ChipKey& chip : circuit.key().chips)
      for (const auto& use : chip.slots)
        if (use.slot == wanted && (!chip.name.starts_with("bank ") || chip.name == "bank 0"))
          columns.emplace_back(chip.name, chip.log_height, use.first);
    return std::pair(columns, circuit.key().slots[wanted].rows);
  };
  const auto expected = fixed(circuit_of(some_image(), {{0}}), "image");
  EXPECT_EQ(expected.first.size(), 6);
  const OptionalSegment none, some = 3;
  for (const auto before : {none, some})
    for (const auto after : {none, some}) {
      const Circuit circuit = circuit_of(some_image(), {{0, false, before, after},
                                                        {1, false, before, after},
                                                        {3, false, after, before},
                                                        {20, false, before, after},
                                                        {48, true}});
      EXPECT_EQ(fixed(circuit, "image"), expected);
      EXPECT_EQ(fixed(circuit, "volume 0").second, (std::vector<Slot::Row>{{kLogBank, 64}}));
    }
}

TEST(MachineCircuit, RefusesUsesThatAreNone) {
  const auto message = [](const std::vector<BankUse>& uses) -> std::string {
    const auto circuit = machine_circuit(some_image(), uses);
    if (circuit) return "";
    EXPECT_EQ(circuit.error().code, ErrorCode::kStatement);
    return circuit.error().message;
  };
  EXPECT_EQ(message({{0}, {3}}), "");
  EXPECT_THAT(message({}), HasSubstr("machine bank is missing"));
  EXPECT_THAT(message({{1}}), HasSubstr("machine bank is missing"));
  EXPECT_THAT(message({{0, true}}), HasSubstr("machine bank is missing"));
  EXPECT_THAT(message({{0}, {49}}), HasSubstr("0..48, found 49"));
  EXPECT_THAT(message({{0}, {0}}), HasSubstr("not ascending"));
  EXPECT_THAT(message({{0}, {2}, {1}}), HasSubstr("bank use 2: banks are not ascending"));
  EXPECT_THAT(message({{0}, {1, true}}), HasSubstr("bank 1 is one of RAM"));
  EXPECT_THAT(message({{0}, {48}}), HasSubstr("bank 48 is one of constants"));
  EXPECT_THAT(message({{0}, {65535, true}}), HasSubstr("0..48, found 65535"));
  EXPECT_EQ(message({{0}, {48, true}, {kSha256Bank, true}, {kBlake3Bank, true}}), "");
  EXPECT_THAT(message({{0}, {kBlake3Bank}}), HasSubstr("bank 65471 is one of constants"));
  EXPECT_THAT(message({{0}, {kSha256Bank}}), HasSubstr("bank 65470 is one of constants"));
  EXPECT_THAT(message({{0}, {kSha256Bank - 1, true}}), HasSubstr("0..48, found 65469"));
  const auto in_groups = [](const std::vector<BankUse>& uses) {
    return static_cast<bool>(machine_circuit(image_with_groups(), uses));
  };
  EXPECT_TRUE(in_groups({{0}, {65533, true}, {65534, true}, {65535, true}}));
  EXPECT_FALSE(in_groups({{0}, {65532, true}}));
  EXPECT_FALSE(in_groups({{0}, {65533, false}}));
  EXPECT_FALSE(in_groups({{0}, {65535, true}, {65534, true}}));
  EXPECT_FALSE(in_groups({{0}, {65535, true}, {65535, true}}));
}

TEST(MachineStatement, NamesJournalExitCodeAndRoots) {
  const std::vector<BankUse> uses = {{0, false, 2, 4}, {1}, {3, false, 1, 4}};
  const Circuit circuit = circuit_of(some_image(), uses);
  const SharedRoots roots{.before = {{1, digest(1)}, {2, digest(2)}}, .after = {{4, digest(3)}}};
  const SegmentClaim claim{.journal_begin = 7, .journal = {0x12345678, 9}, .exit_code = 0xffff0001};
  const Statement statement = segment_statement(circuit, claim, roots);
  const auto item = [](uint16_t bus, std::vector<uint32_t> tuple) {
    for (uint32_t& x : tuple) x = Fp::from(x).wire;
    return PublicInteraction{bus, -1, Fp::one().wire, std::move(tuple)};
  };
  EXPECT_THAT(statement.publics,
              ElementsAre(item(chips::kJournal.id, {7, 0x5678, 0x1234}),
                          item(chips::kJournal.id, {8, 9, 0}), item(chips::kExit.id, {1, 0xffff})));
  EXPECT_THAT(statement.shared, ElementsAre(SharedRoot{circuit.slot("from segment 1"), digest(1)},
                                            SharedRoot{circuit.slot("from segment 2"), digest(2)},
                                            SharedRoot{circuit.slot("for segment 4"), digest(3)}));
  EXPECT_TRUE(segment_statement(circuit_of(some_image(), {{0}}), {}, {}).serialise().size() == 6);
}

// An image id names chips and heights, too, by the version alone. So whoever changes them and has
// released images raises kVersion in image.cc, and puts the key's new digest here either way.
TEST(Image, VersionIsOfTheseChips) {
  const BankUse uses[] = {{kMachineBank}, {1, false, {}, 1}, {kSha256Bank, true}, {kBlake3Bank, true}};
  const auto circuit = machine_circuit(some_image(), uses);
  ASSERT_TRUE(circuit);
  std::string hex;
  for (const uint32_t word : blake3_hash(circuit->key().serialise()))
    hex += fmt::format("{:08x}", word);
  EXPECT_EQ(hex, "5f2f19e9896d8d2e9c6396f06035c364a2166940ddbd8e05afd3c7033eca947e");
}

}  // namespace
}  // namespace zkvm::stark::machine
