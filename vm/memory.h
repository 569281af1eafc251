// The guest's memory: one flat window of host memory in which address a is byte a, and beside it
// one byte per granule of 256 bytes that says what an executor may do there without asking.
//
// The byte is 0 until the first access, which goes through touch(): it looks the region up, checks
// its permission exactly, and opens the granule if all of it is declared, with one permission. So the
// common case costs one load and one test, traps are precise to the byte, start-up does not depend on
// the declared size, and the list of touched granules comes for free, and whether their constants or
// their writable words were. Granules that an edge crosses are never opened: each access to them is
// looked up.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "vm/elf.h"
#include "vm/reservation.h"

namespace zkvm::vm {

inline constexpr uint32_t kLogGranuleBytes = 8;
inline constexpr uint32_t kGranuleBytes = 1u << kLogGranuleBytes;
inline constexpr uint32_t kGranuleWords = kGranuleBytes / 4;

// Bits of a granule's byte.
inline constexpr uint8_t kOpenRead = 1;
inline constexpr uint8_t kOpenWrite = 2;
inline constexpr uint8_t kTouched = 4;
inline constexpr uint8_t kEverTouched = 8;  // forget() keeps it
inline constexpr uint8_t kTouchedWritable = 16;
inline constexpr uint8_t kTouchedConstant = 32;

class Memory {
 public:
  // What a granule holds at the program's start.
  static std::array<uint8_t, kGranuleBytes> initial(const Program& program, uint32_t granule);
  // The initial memory of the program, which must outlive the result. Error: kOutOfMemory.
  static Result<Memory> of(const Program& program);

  // Byte a of the guest is window()[a]. Only declared addresses may be used.
  uint8_t* window() const { return window_.data(); }
  size_t window_bytes() const { return window_.size(); }
  // One byte for each of the 2^24 granules of the 32-bit address space.
  uint8_t* granules() const { return granules_.data(); }

  // True, and the granules are marked, if all `length` bytes at `address` are declared with the
  // permission: by one region or by several that adjoin, as the proof has it, which knows words and
  // no regions. A length of 0 is true.
  [[nodiscard]] bool touch(uint32_t address, uint32_t length, bool write);
  // The same for an aligned load or store, quickly where it repeats: that is the granules at edges.
  [[nodiscard]] bool touch_word(uint32_t address, uint32_t length, bool write) {
    uint8_t& granule = granules()[address >> kLogGranuleBytes];
    const bool known = (granule & kTouched) != 0 && address - recent_->base < recent_->size &&
                       (recent_->write || !write);
    if (!known) return touch(address, length, write);
    granule |= touched_in(*recent_);
    return true;
  }
  // The same question without marking.
  [[nodiscard]] bool allows(uint32_t address, uint32_t length, bool write) const;
  const Region* region_at(uint32_t address) const { return program_->region_at(address); }
  const Program& program() const { return *program_; }

  // Granules (address / 256) in the order of their first access since the start or the last
  // forget().
  std::span<const uint32_t> touched() const { return touched_; }
  size_t ever_touched() const { return ever_touched_; }  // granules since the start
  // Those of them that have a writable byte, in any order.
  std::span<const uint32_t> ever_writable() const { return ever_writable_; }
  // Puts what a granule of the window holds, as an execution did that touched it before the start. REQUIRES: may_hold().
  void put(uint32_t granule, std::span<const uint8_t, kGranuleBytes> bytes);
  // Whether an execution can have left these bytes in a granule: elsewhere than in writable memory they
  // are the program's.
  bool may_hold(uint32_t granule, std::span<const uint8_t, kGranuleBytes> bytes) const;
  // Closes every granule again: the next access to each is a first one.
  void forget();

 private:
  explicit Memory(const Program& program) : program_(&program), recent_(&program.regions.front()) {}
  void open(uint32_t granule);
  void count_first_touch(uint32_t granule);
  // Whether no writable byte is in there.
  bool is_constant(uint32_t address, uint32_t length) const;
  static uint8_t touched_in(const Region& region) {
    return region.write ? kTouchedWritable : kTouchedConstant;
  }

  const Program* program_;
  const Region* recent_;  // that touch() last looked up
  Reservation window_;
  Reservation granules_;
  std::vector<uint32_t> touched_;
  size_t ever_touched_ = 0;
  std::vector<uint32_t> ever_writable_;
};

}  // namespace zkvm::vm
