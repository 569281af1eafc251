#include "stark/machine/image.h"

#include <fmt/format.h>
#include <zk/check.h>

#include <algorithm>

#include "stark/chips/buses.h"
#include "stark/protocol/bytes.h"

namespace zkvm::stark::machine {
namespace {

constexpr std::string_view kMagic = "ZKVI";
constexpr uint32_t kVersion = 8;  // of the format, the chips and the heights of the tables
constexpr std::string_view kIdPrefix = "zkvm image";
constexpr uint32_t kWordEnd = chips::kAddressEnd / 4;
constexpr uint64_t kRunBytes = 4 + 2 + 1;
constexpr uint8_t kHasLayers = 1, kHasModel = 2, kHasGroups = 4;  // flags: what follows
static_assert(chips::kReadOnlyBase % kBankWords == 0 && kWordEnd % kBankWords == 0);
static_assert(2 * (kWordEnd / kBankWords) < kSha256Bank);  // numbers of banks

template <class... Args>
tl::unexpected<Error> complain(ErrorCode code, fmt::format_string<Args...> format, Args&&... args) {
  return fail(code, "image: " + fmt::format(format, std::forward<Args>(args)...));
}

/// SOUNDNESS: bases are those of places, so each place is in one bank at most and none reaches the
/// machine words (chips/buses.h). Address 0 is none, of RAM or of constants, so a bank that has it is
/// partial.
Result<void> check_runs(std::span<const Image::Run> runs) {
  for (size_t i = 0; i < runs.size(); ++i) {
    const auto [base, count, kind] = runs[i];
    if (kind > BankKind::kPartial)
      return complain(ErrorCode::kFormat, "run {}: unknown kind of bank {}", i,
                      static_cast<unsigned>(kind));
    const uint32_t space = base >= chips::kReadOnlyBase ? chips::kReadOnlyBase : 0;
    if (base % kBankWords != 0 || count == 0 ||
        uint64_t{base} + uint64_t{count} * kBankWords > uint64_t{space} + kWordEnd)
      return complain(ErrorCode::kFormat,
                      "run {}: expected banks of 2^{} words below {:#x}, found {} from {:#x} on", i,
                      kLogBank, space + kWordEnd, count, base);
    if (base == space && kind != BankKind::kPartial)
      return complain(ErrorCode::kFormat,
                      "run {}: address 0 is never declared: expected a bank of kind {} at {:#x}, "
                      "found {}",
                      i, static_cast<unsigned>(BankKind::kPartial), base,
                      static_cast<unsigned>(kind));
    if (i == 0) continue;
    const uint32_t end = runs[i - 1].base + runs[i - 1].count * kBankWords;
    if (base < end || (base == end && kind == runs[i - 1].kind))
      return complain(ErrorCode::kNonCanonical, "run {}: runs are not ascending or not longest", i);
  }
  return {};
}

}  // namespace

std::vector<uint8_t> Image::serialise() const {
  ByteWriter out;
  out.put_text(kMagic);
  out.put(kVersion);
  out.put(log_blowup);
  out.put(entry);
  out.put(log_program);
  out.put(static_cast<uint16_t>(runs.size()));
  for (const Run& run : runs) {
    out.put(run.base);
    out.put(run.count);
    out.put(static_cast<uint8_t>(run.kind));
  }
  const bool several = layer_heights.size() > 1;
  out.put(static_cast<uint8_t>((has_layers() ? kHasLayers : 0) | (model ? kHasModel : 0) |
                               (several ? kHasGroups : 0)));
  if (model) out.put(*model);
  if (several) out.put(static_cast<uint8_t>(layer_heights.size()));
  for (const LayerHeights& heights : layer_heights)
    for (const uint8_t log_height : heights) out.put(log_height);
  const auto put_roots = [&](const std::vector<Digest>& of_volumes, const Digest& of_image,
                             const std::vector<Digest>& of_layers) {
    for (const Digest& volume : of_volumes) out.put(volume);
    out.put(of_image);
    for (const Digest& group : of_layers) out.put(group);
  };
  put_roots(volumes, root, layers);
  out.put(static_cast<uint8_t>(lower ? 1 : 0));
  if (lower) put_roots(lower->volumes, lower->root, lower->layers);
  return std::move(out).take();
}

Result<Image> Image::parse(std::span<const uint8_t> bytes) {
  ByteReader in(bytes);
  if (in.get_text(kMagic.size()) != kMagic)
    return complain(ErrorCode::kFormat, "magic: expected {}, found another", kMagic);
  if (const auto version = in.get<uint32_t>(); version != kVersion && !in.failed())
    return complain(ErrorCode::kFormat, "version: expected {}, found {}", kVersion, version);
  Image image;
  image.log_blowup = in.get<uint8_t>();
  image.entry = in.get<uint32_t>();
  image.log_program = in.get<uint8_t>();
  const auto runs = in.get<uint16_t>();
  if (in.can_hold(runs, kRunBytes)) {
    for (uint32_t i = 0; i < runs; ++i) {
      const auto base = in.get<uint32_t>();
      const auto count = in.get<uint16_t>();
      image.runs.push_back({base, count, static_cast<BankKind>(in.get<uint8_t>())});
    }
  }
  if (!in.truncated()) {
    if (auto ok = check_runs(image.runs); !ok) return tl::unexpected<Error>(ok.error());
    const size_t volumes = BankMap(image.runs).volume_widths().size();
    const auto flags = in.get<uint8_t>();
    if (flags & kHasModel) image.model = in.get_digest();
    constexpr unsigned kFlags = kHasLayers | kHasModel | kHasGroups;
    if (!in.truncated() && (flags > kFlags || (flags & (kHasLayers | kHasGroups)) == kHasGroups))
      return complain(ErrorCode::kNonCanonical,
                      "flags: expected {} at most, {} only with {}, found {}", kFlags, kHasGroups,
                      kHasLayers, flags);
    const size_t groups = flags & kHasGroups ? in.get<uint8_t>() : flags & kHasLayers ? 1 : 0;
    if (!in.truncated() && (flags & kHasGroups) && (groups < 2 || groups > kMaxLayerGroups))
      return complain(groups < 2 ? ErrorCode::kNonCanonical : ErrorCode::kFormat,
                      "groups of layers: expected 2..{}, found {}", kMaxLayerGroups, groups);
    if (in.can_hold(groups, kLayerTables)) {
      image.layer_heights.resize(groups);
      for (LayerHeights& heights : image.layer_heights)
        for (uint8_t& log_height : heights) log_height = in.get<uint8_t>();
    }
    const auto read_roots = [&](std::vector<Digest>& to, Digest& root,
                                std::vector<Digest>& of_layers) {
      if (in.can_hold(volumes, sizeof(Digest)))
        for (size_t i = 0; i < volumes; ++i) to.push_back(in.get_digest());
      root = in.get_digest();
      if (in.can_hold(groups, sizeof(Digest)))
        for (size_t i = 0; i < groups; ++i) of_layers.push_back(in.get_digest());
    };
    read_roots(image.volumes, image.root, image.layers);
    const auto lower = in.get<uint8_t>();
    if (lower > 1 && !in.truncated())
      return complain(ErrorCode::kNonCanonical, "lower rate: expected 0 or 1, found {}", lower);
    if (lower == 1) {
      image.lower.emplace();
      read_roots(image.lower->volumes, image.lower->root, image.lower->layers);
    }
  }
  if (in.truncated()) return complain(ErrorCode::kTruncated, "ends at byte {}", bytes.size());
  if (in.remaining() != 0)
    return complain(ErrorCode::kTrailing, "{} bytes left over", in.remaining());
  if (auto ok = image.check(); !ok) return tl::unexpected<Error>(ok.error());
  return image;
}

Result<void> Image::check() const {
  const auto range = [](const char* what, unsigned low, unsigned high, unsigned found) {
    return complain(ErrorCode::kFormat, "{}: expected {}..{}, found {}", what, low, high, found);
  };
  if (log_blowup < 1 || log_blowup > 4) return range("log_blowup", 1, 4, log_blowup);
  if (lower && log_blowup == kMaxLogBlowup)
    return complain(ErrorCode::kFormat, "lower rate: there is none below 2^-{}", log_blowup);
  const unsigned highest = std::min<unsigned>(kMaxLogHeight, Fp::kTwoAdicity - lowest_rate());
  if (entry % 4 != 0 || entry >= chips::kAddressEnd)
    return complain(ErrorCode::kFormat, "entry: expected a multiple of 4 below {:#x}, found {:#x}",
                    chips::kAddressEnd, entry);
  if (log_program < kMinLogFixed || log_program > highest)
    return range("log2 of the program's height", kMinLogFixed, highest, log_program);
  if (layer_heights.size() > kMaxLayerGroups || layers.size() != layer_heights.size() ||
      (lower && lower->layers.size() != layer_heights.size()))
    return complain(ErrorCode::kFormat, "groups of layers: expected a root of each, {} at most, found others",
                    kMaxLayerGroups);
  for (const LayerHeights& heights : layer_heights)
    for (size_t table = 0; table < kLayerTables; ++table) {
      // All but the list of layers depend on the kinds of layers that there are.
      const auto of = static_cast<LayerTable>(table);
      const bool may_lack = of != LayerTable::kLayers;
      if (heights[table] == 0 && may_lack) continue;
      if (heights[table] < kMinLogLayers || heights[table] > highest)
        return range("log2 of a height of layers' tables", kMinLogLayers, highest, heights[table]);
    }
  if (auto ok = check_runs(runs); !ok) return ok;
  const size_t expected = BankMap(runs).volume_widths().size();
  if (volumes.size() != expected)
    return complain(ErrorCode::kFormat, "volumes: expected {}, found {}", expected, volumes.size());
  if (lower && lower->volumes.size() != expected)
    return complain(ErrorCode::kFormat, "volumes of the lower rate: expected {}, found {}",
                    expected, lower->volumes.size());
  return {};
}

Digest Image::id() const {
  const std::vector<uint8_t> bytes = serialise();
  Blake3 hash;
  hash.update({reinterpret_cast<const uint8_t*>(kIdPrefix.data()), kIdPrefix.size()});
  hash.update(bytes);
  return hash.finish();
}

BankMap::BankMap(std::span<const Image::Run> runs, size_t layer_groups)
    : runs_(runs), layer_groups_(layer_groups) {
  uint32_t bank = 0, column = kBlankColumns;
  ends_.reserve(runs.size());
  for (const Image::Run& run : runs) {
    const uint32_t width = volume_columns(run.kind);
    // A bank's columns stand in one tree: both widths divide what a tree takes of them.
    static_assert(kVolumeColumns % 4 == 0 && kImageColumns % 4 == 0);
    if (width != 0) column = (column + width - 1) / width * width;
    bank += run.count;
    ends_.push_back({bank, column, column + run.count * width});
    column += run.count * width;
  }
}

BankMap::Bank BankMap::operator[](uint16_t bank) const {
  ZK_CHECK(contains(bank));
  if (is_chips_bank(bank)) return {.base = 0, .kind = BankKind::kBlank, .constant = true};
  const auto end = std::ranges::lower_bound(ends_, uint32_t{bank}, {}, &End::bank);
  const Image::Run& run = runs_[static_cast<size_t>(end - ends_.begin())];
  const uint32_t index = bank - (end->bank - run.count + 1);
  Bank out{.base = run.base + index * kBankWords,
           .kind = run.kind,
           .constant = run.base >= chips::kReadOnlyBase};
  if (run.kind == BankKind::kBlank) return out;
  uint32_t column = end->first_column + index * volume_columns(run.kind);
  if (column >= kImageColumns) {
    column -= kImageColumns;
    out.volume = column / kVolumeColumns;
    column %= kVolumeColumns;
  }
  out.column = static_cast<uint16_t>(column);
  return out;
}

uint16_t BankMap::find(uint32_t place) const {
  const auto after = std::ranges::upper_bound(runs_, place, {}, &Image::Run::base);
  if (after == runs_.begin()) return 0;
  const auto run = after - 1;
  const uint32_t index = (place - run->base) / kBankWords;
  if (index >= run->count) return 0;
  const End& end = ends_[static_cast<size_t>(run - runs_.begin())];
  return static_cast<uint16_t>(end.bank - run->count + 1 + index);
}

uint16_t BankMap::image_width() const {
  const uint32_t columns = ends_.empty() ? kBlankColumns : ends_.back().end_column;
  return static_cast<uint16_t>(std::min(columns, kImageColumns));
}

std::vector<uint16_t> BankMap::volume_widths() const {
  const uint32_t end = ends_.empty() ? 0 : ends_.back().end_column;
  const uint32_t columns = std::max(end, kImageColumns) - kImageColumns;
  std::vector<uint16_t> widths(columns / kVolumeColumns, kVolumeColumns);
  if (const uint32_t rest = columns % kVolumeColumns; rest != 0)
    widths.push_back(static_cast<uint16_t>(rest));
  return widths;
}

}  // namespace zkvm::stark::machine
