#include "vm/memory.h"

#include <algorithm>
#include <cstring>

namespace zkvm::vm {

Result<Memory> Memory::of(const Program& program) {
  Memory memory(program);
  const Region& last = program.regions.back();
  const size_t bytes =
      (size_t{last.base} + last.size + kGranuleBytes - 1) & ~size_t{kGranuleBytes - 1};
  memory.window_ = Reservation::of(bytes);
  memory.granules_ = Reservation::of(size_t{1} << (32 - kLogGranuleBytes));
  if (!memory.window_ || !memory.granules_) {
    return tl::unexpected(Error{ErrorCode::kOutOfMemory,
                                "memory: expected to reserve the address space of the guest (" +
                                    std::to_string(bytes) + " bytes), found none"});
  }
  for (const Region& region : program.regions) {
    if (!region.bytes.empty()) {
      std::memcpy(memory.window() + region.base, region.bytes.data(), region.bytes.size());
    }
  }
  return memory;
}

std::array<uint8_t, kGranuleBytes> Memory::initial(const Program& program, uint32_t granule) {
  std::array<uint8_t, kGranuleBytes> out{};
  const uint64_t begin = uint64_t{granule} << kLogGranuleBytes, end = begin + kGranuleBytes;
  for (const Region& region : program.regions) {
    const uint64_t from = std::max<uint64_t>(begin, region.base);
    const uint64_t to = std::min(end, uint64_t{region.base} + region.bytes.size());
    if (from < to) std::memcpy(&out[from - begin], &region.bytes[from - region.base], to - from);
  }
  return out;
}

bool Memory::allows(uint32_t address, uint32_t length, bool write) const {
  const uint64_t end = uint64_t{address} + length;
  for (uint64_t at = address; at < end;) {
    const Region* region = at < kAddressEnd ? region_at(static_cast<uint32_t>(at)) : nullptr;
    if (region == nullptr || (write && !region->write)) return false;
    at = uint64_t{region->base} + region->size;
  }
  return true;
}

bool Memory::touch(uint32_t address, uint32_t length, bool write) {
  if (!allows(address, length, write)) return false;
  if (length == 0) return true;
  recent_ = region_at(address);
  const uint32_t last = (address + (length - 1)) >> kLogGranuleBytes;
  for (uint32_t granule = address >> kLogGranuleBytes; granule <= last; ++granule) {
    const uint8_t before = granules()[granule];
    if ((before & kTouched) == 0) {
      touched_.push_back(granule);
      count_first_touch(granule);
      open(granule);
    }
    if ((granules()[granule] & kOpenRead) != 0) continue;
    const uint32_t begin = granule << kLogGranuleBytes;
    const uint64_t end = std::min(uint64_t{begin} + kGranuleBytes, uint64_t{address} + length);
    for (uint64_t at = std::max(begin, address); at < end;) {
      const Region& region = *region_at(static_cast<uint32_t>(at));
      granules()[granule] |= touched_in(region);
      at = uint64_t{region.base} + region.size;
    }
  }
  return true;
}

void Memory::open(uint32_t granule) {
  const uint32_t begin = granule << kLogGranuleBytes;
  uint8_t bits = kTouched | kEverTouched;
  if (allows(begin, kGranuleBytes, true)) {
    bits |= kOpenRead | kOpenWrite | kTouchedWritable;
  } else if (allows(begin, kGranuleBytes, false) && is_constant(begin, kGranuleBytes)) {
    bits |= kOpenRead | kTouchedConstant;
  }
  granules()[granule] |= bits;
}

bool Memory::is_constant(uint32_t address, uint32_t length) const {
  return std::ranges::none_of(program_->regions, [&](const Region& region) {
    return region.write && region.base < uint64_t{address} + length &&
           address < uint64_t{region.base} + region.size;
  });
}

void Memory::count_first_touch(uint32_t granule) {
  if ((granules()[granule] & kEverTouched) != 0) return;
  ++ever_touched_;
  if (!is_constant(granule << kLogGranuleBytes, kGranuleBytes)) ever_writable_.push_back(granule);
}

void Memory::put(uint32_t granule, std::span<const uint8_t, kGranuleBytes> bytes) {
  std::ranges::copy(bytes, window() + (size_t{granule} << kLogGranuleBytes));
  count_first_touch(granule);
  granules()[granule] |= kEverTouched;
}

bool Memory::may_hold(uint32_t granule, std::span<const uint8_t, kGranuleBytes> bytes) const {
  if (granule >= window_bytes() / kGranuleBytes) return false;
  const uint32_t begin = granule << kLogGranuleBytes;
  if (allows(begin, kGranuleBytes, true)) return true;
  const auto initial = Memory::initial(*program_, granule);
  for (uint32_t i = 0; i < kGranuleBytes; ++i)
    if (bytes[i] != initial[i] && !allows(begin + i, 1, true)) return false;
  return true;
}

void Memory::forget() {
  for (const uint32_t granule : touched_) granules()[granule] = kEverTouched;
  touched_.clear();
}

}  // namespace zkvm::vm
