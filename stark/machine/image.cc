#include "stark/machine/image.h"

#include <fmt/format.h>

#include "stark/chips/buses.h"
#include "stark/protocol/bytes.h"

namespace zkvm::stark::machine {
namespace {

constexpr std::string_view kMagic = "ZKVI";
constexpr uint32_t kVersion = 1;  // of the format, the chips and the heights of the tables
constexpr std::string_view kIdPrefix = "zkvm image";
constexpr uint32_t kWordEnd = chips::kAddressEnd / 4;
constexpr unsigned kMaxLogDomain = 24;
constexpr uint64_t kBankBytes = 4 + sizeof(Digest);

template <class... Args>
tl::unexpected<Error> complain(ErrorCode code, fmt::format_string<Args...> format, Args&&... args) {
  return fail(code, "image: " + fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace

std::vector<uint8_t> Image::serialise() const {
  ByteWriter out;
  out.put_text(kMagic);
  out.put(kVersion);
  out.put(log_blowup);
  out.put(entry);
  out.put(log_program);
  out.put(static_cast<uint8_t>(log_constants.size()));
  for (const uint8_t log_height : log_constants) out.put(log_height);
  out.put(log_bank);
  out.put(static_cast<uint16_t>(banks.size()));
  for (const Bank& bank : banks) {
    out.put(bank.base);
    out.put(bank.root);
  }
  out.put(root);
  return std::move(out).take();
}

Result<Image> Image::parse(std::span<const uint8_t> bytes) {
  ByteReader in(bytes);
  if (in.get_text(kMagic.size()) != kMagic)
    return complain(ErrorCode::kFormat, "magic: expected {}", kMagic);
  if (const auto version = in.get<uint32_t>(); version != kVersion && !in.failed())
    return complain(ErrorCode::kFormat, "version: expected {}, found {}", kVersion, version);
  Image image;
  image.log_blowup = in.get<uint8_t>();
  image.entry = in.get<uint32_t>();
  image.log_program = in.get<uint8_t>();
  const auto constants = in.get<uint8_t>();
  for (uint32_t i = 0; i < constants && !in.failed(); ++i)
    image.log_constants.push_back(in.get<uint8_t>());
  image.log_bank = in.get<uint8_t>();
  const auto banks = in.get<uint16_t>();
  if (in.can_hold(banks, kBankBytes)) {
    for (uint32_t i = 0; i < banks; ++i) {
      const auto base = in.get<uint32_t>();
      image.banks.push_back({base, in.get_digest()});
    }
  }
  image.root = in.get_digest();
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
  const unsigned highest = std::min<unsigned>(kMaxLogHeight, kMaxLogDomain - log_blowup);
  if (entry % 4 != 0 || entry >= chips::kAddressEnd)
    return complain(ErrorCode::kFormat, "entry: expected a multiple of 4 below {:#x}, found {:#x}",
                    chips::kAddressEnd, entry);
  if (log_program < kMinLogFixed || log_program > highest)
    return range("log2 of the program's height", kMinLogFixed, highest, log_program);
  if (log_constants.size() > kMaxConstantBanks)
    return range("banks of constants", 0, kMaxConstantBanks,
                 static_cast<unsigned>(log_constants.size()));
  for (const uint8_t log_height : log_constants)
    if (log_height < kMinLogFixed || log_height > highest)
      return range("log2 of a height of constants", kMinLogFixed, highest, log_height);
  if (log_bank < kMinLogBank || log_bank > highest)
    return range("log2 of the banks' height", kMinLogBank, highest, log_bank);
  if (banks.size() > kMaxBanks)
    return range("banks", 0, kMaxBanks, static_cast<unsigned>(banks.size()));
  for (size_t i = 0; i < banks.size(); ++i) {
    const uint32_t base = banks[i].base;
    if (base >= kWordEnd || base % (1u << log_bank) != 0)
      return complain(ErrorCode::kFormat,
                      "bank {}: base: expected a multiple of 2^{} below {:#x}, found {:#x}", i,
                      log_bank, kWordEnd, base);
    if (i > 0 && base <= banks[i - 1].base)
      return complain(ErrorCode::kNonCanonical, "bank {}: bases are not ascending", i);
  }
  return {};
}

Digest Image::id() const {
  const std::vector<uint8_t> bytes = serialise();
  Blake3 hash;
  hash.update({reinterpret_cast<const uint8_t*>(kIdPrefix.data()), kIdPrefix.size()});
  hash.update(bytes);
  return hash.finish();
}

}  // namespace zkvm::stark::machine
