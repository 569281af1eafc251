// The buffered console that printf, zk::log and the failure messages share, so that their order is
// kept.
#pragma once

#include <zk/abi.h>

#include <string_view>

namespace zk::console {

// Appends text; complete lines go out when the line ends or the buffer is full. `fd` is 1 or 2.
void write(uint32_t fd, std::string_view text);

// A number as decimal text; messages need no printf, which is large.
class Decimal {
 public:
  explicit Decimal(uint32_t number) {
    do digits_[--begin_] = static_cast<char>('0' + number % 10);
    while ((number /= 10) != 0);
  }
  std::string_view text() const { return {digits_ + begin_, sizeof(digits_) - begin_}; }

 private:
  char digits_[10];
  uint32_t begin_ = sizeof(digits_);
};

// Writes out what is buffered.
void flush();

}  // namespace zk::console
