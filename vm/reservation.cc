#include "vm/reservation.h"

#include <sys/mman.h>

namespace zkvm::vm {

Reservation Reservation::of(size_t bytes) {
  Reservation result;
  void* data = mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (data == MAP_FAILED) return result;
  result.data_ = static_cast<uint8_t*>(data);
  result.size_ = bytes;
  return result;
}

Reservation::~Reservation() {
  if (data_ != nullptr) munmap(data_, size_);
}

}  // namespace zkvm::vm
